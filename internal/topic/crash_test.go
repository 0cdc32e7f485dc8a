package topic_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/crashtest"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// The crash test runs this test binary again as a server, which kills itself (kill -9) at a chosen moment. A second run
// on the same database must then deliver whatever was published, whatever the moment was.
const (
	childDSN  = "CONVEYOR_TOPIC_CHILD"       // the database of the server to be
	childKill = "CONVEYOR_TOPIC_CHILD_KILLS" // when it is to die, "<where> <nth>"
)

// Moments beside those of the transaction that publishes: when the n-th delivery begins, and when its receiver has taken it
// and the server does not know yet.
const (
	inDelivery    = "in-delivery"
	afterDelivery = "after-delivery"
)

// subscribers of the topic; each gets every message.
var subscribers = []string{"https://a", "https://b"}

// published is how many messages a server publishes, one after the other.
const published = 3

func TestKilledAtAnyMomentEveryMessageIsDelivered(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	t.Parallel() // it mostly waits for leases to expire
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		for _, moment := range []string{crashtest.BeforeCommit, crashtest.AfterCommit, inDelivery, afterDelivery} {
			for _, nth := range []int{1, 4} {
				kill := fmt.Sprint(moment, " ", nth)
				said, killed := runChild(t, dsn, kill)
				if !killed {
					t.Fatalf("it did not die %s:\n%s", kill, said)
				}
				more, killed := runChild(t, dsn, "")
				if killed {
					t.Fatal("the next server died, too")
				}
				checkDelivered(t, kill, said+more)
			}
		}
	})
}

// checkDelivered checks that all subscribers got what was committed before a server died, and nothing else.
func checkDelivered(t *testing.T, kill, said string) {
	t.Helper()
	moment, n, _ := strings.Cut(kill, " ")
	var nth int
	if _, err := fmt.Sscan(n, &nth); err != nil {
		t.Fatal(err)
	}
	committed := (nth + 1) / len(subscribers) // of the n-th delivery's message, and those before it
	if moment == crashtest.BeforeCommit {
		committed = 0 // besides those that were acknowledged
	}
	for i := 1; i <= published; i++ {
		body := message(kill, i)
		got := 0
		for _, s := range subscribers {
			if strings.Contains(said, received(s, body)) {
				got++
			}
		}
		switch due := i <= committed || strings.Contains(said, acknowledged(body)); {
		case due && got < len(subscribers):
			t.Errorf("%q reached %d subscribers:\n%s", body, got, said)
		case moment == crashtest.BeforeCommit && !due && got > 0:
			t.Errorf("%q was never committed and reached %d subscribers", body, got)
		}
	}
}

// What a server says of a message.
func message(kill string, i int) string       { return fmt.Sprintf("<%s, message %d>", kill, i) }
func acknowledged(body string) string         { return "acknowledged " + body }
func received(subscriber, body string) string { return subscriber + " got " + body }

func runChild(t *testing.T, dsn, kill string) (said string, killed bool) {
	t.Helper()
	return crashtest.RunChild(t, 2*time.Minute, childDSN+"="+dsn, childKill+"="+kill)
}

// TestCrashChild is not a test but the server of the crash test: one that is to die publishes, and all deliver until there
// is nothing left to deliver.
func TestCrashChild(t *testing.T) {
	dsn, kill := os.Getenv(childDSN), os.Getenv(childKill)
	if dsn == "" {
		t.Skip("the server of the crash test")
	}
	st := sqltest.Open(t, dsn, sqlstore.Options{})
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	d := crashtest.NewDeath(kill)
	q := queue.New(st, queue.Config{Lease: 300 * time.Millisecond, Poll: 50 * time.Millisecond})
	s := topic.New(st, crashtest.Jobs{Queue: q, Death: d}, keyring.New(st, box), topic.Options{})
	s.Register("https", courier{d})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	news, err := s.Create(t.Context(), "news", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range subscribers {
		if _, err := s.Subscribe(t.Context(), topic.Request{TopicArn: news.Arn, Protocol: "https", Endpoint: endpoint}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; kill != "" && i <= published; i++ {
		body := message(kill, i)
		if _, err := s.Publish(t.Context(), news.Arn, topic.Message{Body: body}); err != nil {
			t.Fatal(err)
		}
		fmt.Println(acknowledged(body))
	}
	awaitNothingLeft(t, st)
	if err := q.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func awaitNothingLeft(t *testing.T, st store.Store) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var left int
		err := st.Read(t.Context(), func(r store.Reader) error {
			return r.QueryRow(t.Context(), `SELECT COUNT(*) FROM topic_deliveries`).Scan(&left)
		})
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries are left", left)
		}
	}
}

// courier says what it delivers.
type courier struct{ crashtest.Death }

func (courier) Check(string, map[string]string) string { return "" }
func (courier) Confirms(map[string]string) bool        { return false }
func (c courier) Deliver(_ context.Context, d topic.Delivery) error {
	c.At(inDelivery)
	fmt.Println(received(d.Subscription.Endpoint, d.Body))
	c.At(afterDelivery)
	return nil
}
