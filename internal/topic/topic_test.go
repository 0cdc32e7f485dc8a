package topic_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// office takes what is delivered, and fails as it is told.
type office struct {
	got      chan topic.Delivery
	fail     chan error
	confirms bool
}

func (o *office) Check(endpoint string, _ map[string]string) string {
	if endpoint == "bad" {
		return "it is bad"
	}
	return ""
}
func (o *office) Confirms(map[string]string) bool { return o.confirms }
func (o *office) Deliver(_ context.Context, d topic.Delivery) error {
	select {
	case err := <-o.fail:
		return err
	default:
		o.got <- d
		return nil
	}
}

type world struct {
	t *testing.T
	*topic.Store
	office *office
	arn    string
}

func start(t *testing.T, st store.Store, confirms bool) *world {
	t.Helper()
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(st, queue.Config{})
	w := &world{t: t, office: &office{got: make(chan topic.Delivery, 100), fail: make(chan error, 100), confirms: confirms}}
	w.Store = topic.New(st, q, keyring.New(st, box), topic.Options{PublicURL: "http://here", Retries: &topic.Retries{Max: 2, NoDelay: 2}})
	w.Register("https", w.office)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	made, err := w.Create(t.Context(), "news", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.arn = made.Arn
	return w
}

func (w *world) subscribe(attributes map[string]string) topic.Subscription {
	w.t.Helper()
	sub, err := w.Subscribe(w.t.Context(), topic.Request{TopicArn: w.arn, Protocol: "https", Endpoint: "https://x", Attributes: attributes})
	if err != nil {
		w.t.Fatal(err)
	}
	return sub
}

func (w *world) publish(m topic.Message) {
	w.t.Helper()
	if _, err := w.Publish(w.t.Context(), w.arn, m); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) next() topic.Delivery {
	w.t.Helper()
	select {
	case d := <-w.office.got:
		return d
	case <-time.After(20 * time.Second):
		w.t.Fatal("nothing was delivered")
		return topic.Delivery{}
	}
}

func TestASubscriptionsLife(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := start(t, st, true)
		sub := w.subscribe(nil)
		if sub.Confirmed {
			t.Error("nobody has confirmed yet")
		}
		w.publish(topic.Message{Body: "too early"})
		ask := w.next()
		if ask.Type != topic.SubscriptionConfirmation || ask.Token == "" || ask.Body == "too early" {
			t.Fatalf("%+v", ask)
		}
		forged := ask.Token[:len(ask.Token)-1] + "x"
		for _, token := range []string{"", "short", forged} {
			if _, err := w.Confirm(t.Context(), w.arn, token, false, false); !errors.Is(err, topic.ErrToken) {
				t.Errorf("the token %q: %v", token, err)
			}
		}
		for range 2 { // a second time is fine
			if _, err := w.Confirm(t.Context(), w.arn, ask.Token, false, false); err != nil {
				t.Fatal(err)
			}
		}
		w.publish(topic.Message{Body: "hello", Subject: "s", Bodies: map[string]string{"https": "hello, web"}})
		d := w.next()
		if d.Type != topic.Notification || d.Body != "hello, web" || d.Subject != "s" || d.Token != "" {
			t.Errorf("%+v", d)
		}
		if err := w.UnsubscribeWith(t.Context(), sub.Arn, ask.Token); !errors.Is(err, topic.ErrToken) {
			t.Errorf("the token of another purpose: %v", err)
		}
		if err := w.Unsubscribe(t.Context(), sub.Arn); err != nil {
			t.Fatal(err)
		}
		if bye := w.next(); bye.Type != topic.UnsubscribeConfirmation {
			t.Errorf("%+v", bye)
		}
		if _, _, err := w.Subscription(t.Context(), sub.Arn); !errors.Is(err, topic.ErrNoSubscription) {
			t.Errorf("%v", err)
		}
	})
}

func TestADeliveryIsTriedAgainAndThenADeadLetter(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := start(t, st, false)
		w.subscribe(nil)
		w.office.fail <- errors.New("busy")
		w.office.fail <- errors.New("busy")
		w.publish(topic.Message{Body: "third time lucky"})
		if d := w.next(); d.Body != "third time lucky" {
			t.Errorf("%+v", d)
		}
		w.office.fail <- topic.Permanent(errors.New("never"))
		w.publish(topic.Message{Body: "unwanted", Subject: "u"})
		letter := w.deadLetter()
		if letter.Problem != "never" || letter.Failures != 1 || letter.Subject != "u" {
			t.Errorf("%+v", letter)
		}
		if _, err := w.Redeliver(t.Context(), w.arn, "other"); !errors.Is(err, topic.ErrNoDelivery) {
			t.Errorf("%v", err)
		}
		if n, err := w.Redeliver(t.Context(), w.arn, letter.ID); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if d := w.next(); d.Body != "unwanted" {
			t.Errorf("%+v", d)
		}
	})
}

func (w *world) deadLetter() topic.DeadLetter {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		list, err := w.DeadLetters(w.t.Context(), w.arn)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(list) == 1 {
			return list[0]
		}
	}
	w.t.Fatal("there is no dead letter")
	return topic.DeadLetter{}
}

// What the caller's transaction undoes was never published.
func TestPublishingIsPartOfTheTransaction(t *testing.T) {
	st := sqltest.SQLite(t)
	w := start(t, st, false)
	w.subscribe(nil)
	undone := errors.New("undone")
	err := st.InTx(t.Context(), func(tx store.Tx) error {
		if _, err := w.PublishTx(t.Context(), tx, w.arn, topic.Message{Body: "ghost"}); err != nil {
			t.Error(err)
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	w.publish(topic.Message{Body: "real"})
	if d := w.next(); d.Body != "real" {
		t.Errorf("%+v", d)
	}
}

func TestFilters(t *testing.T) {
	for i, c := range []struct {
		filter, scope, body string
		attributes          map[string]topic.Attribute
		want                bool
	}{
		{`{"a": ["x"]}`, "", "", map[string]topic.Attribute{"a": {Type: "String", Value: "x"}}, true},
		{`{"a": ["x"]}`, "", "", map[string]topic.Attribute{"a": {Type: "String", Value: "y"}}, false},
		{`{"a": ["x"]}`, "", "", nil, false},
		{`{"a": [{"prefix": "x"}]}`, "", "", map[string]topic.Attribute{"a": {Type: "String", Value: "xy"}}, true},
		{`{"a": [{"anything-but": ["x", "y"]}]}`, "", "", map[string]topic.Attribute{"a": {Type: "String", Value: "z"}}, true},
		{`{"a": [{"anything-but": "x"}]}`, "", "", map[string]topic.Attribute{"a": {Type: "String", Value: "x"}}, false},
		{`{"a": [{"anything-but": "x"}]}`, "", "", nil, false},
		{`{"a": [{"exists": false}]}`, "", "", nil, true},
		{`{"a": [1]}`, "", "", map[string]topic.Attribute{"a": {Type: "Number", Value: "1.0"}}, true},
		{`{"a": ["x"]}`, "", "", map[string]topic.Attribute{"a": {Type: "String.Array", Value: `["w","x"]`}}, true},
		{`{"d": {"state": ["FAILED"]}}`, "MessageBody", `{"d":{"state":"FAILED"}}`, nil, true},
		{`{"d": {"state": ["FAILED"]}}`, "MessageBody", `{"d":"FAILED"}`, nil, false},
		{`{"d": {"state": ["FAILED"]}}`, "MessageBody", `no json`, nil, false},
	} {
		w := start(t, sqltest.SQLite(t), false)
		attributes := map[string]string{topic.FilterPolicy: c.filter}
		if c.scope != "" {
			attributes[topic.FilterPolicyScope] = c.scope
		}
		w.subscribe(attributes)
		w.publish(topic.Message{Body: c.body, Attributes: c.attributes})
		if err := w.SetSubscriptionAttribute(t.Context(), w.only().Arn, topic.FilterPolicy, ""); err != nil {
			t.Fatal(err)
		}
		got := false
		if c.want {
			got = w.next().Body == c.body
		}
		w.publish(topic.Message{Body: "marker"}) // nothing else came before it
		if d := w.next(); d.Body != "marker" || got != c.want {
			t.Errorf("%d: %s on %v: delivered %q", i, c.filter, c.attributes, d.Body)
		}
	}
}

func (w *world) only() topic.Subscription {
	w.t.Helper()
	list, _, err := w.Subscriptions(w.t.Context(), w.arn, 0)
	if err != nil || len(list) != 1 {
		w.t.Fatal(list, err)
	}
	return list[0]
}

func TestMistakesAreRefused(t *testing.T) {
	w := start(t, sqltest.SQLite(t), false)
	ctx := t.Context()
	for what, err := range map[string]error{
		"a FIFO topic":        second(w.Create(ctx, "a.fifo", nil, nil)),
		"a name":              second(w.Create(ctx, "a/b", nil, nil)),
		"encryption":          second(w.Create(ctx, "a", map[string]string{"KmsMasterKeyId": "k"}, nil)),
		"an attribute":        second(w.Create(ctx, "a", map[string]string{"Colour": "red"}, nil)),
		"other attributes":    second(w.Create(ctx, "news", map[string]string{"DisplayName": "News"}, nil)),
		"a queue":             second(w.Subscribe(ctx, topic.Request{TopicArn: w.arn, Protocol: "sqs", Endpoint: "x"})),
		"mail without server": second(w.Subscribe(ctx, topic.Request{TopicArn: w.arn, Protocol: "email", Endpoint: "a@example.com"})),
		"an endpoint":         second(w.Subscribe(ctx, topic.Request{TopicArn: w.arn, Protocol: "https", Endpoint: "bad"})),
		"a filter": second(w.Subscribe(ctx, topic.Request{
			TopicArn: w.arn, Protocol: "https", Endpoint: "x",
			Attributes: map[string]string{"FilterPolicy": `{"a":[{"cidr":"10.0.0.0/8"}]}`},
		})),
		"a retry policy": second(w.Subscribe(ctx, topic.Request{
			TopicArn: w.arn, Protocol: "https", Endpoint: "x",
			Attributes: map[string]string{"DeliveryPolicy": `{"healthyRetryPolicy":{"numRetries":1000}}`},
		})),
		"no ARN":  second(w.Publish(ctx, "news", topic.Message{Body: "x"})),
		"a novel": second(w.Publish(ctx, w.arn, topic.Message{Body: string(make([]byte, topic.MaxMessage+1))})),
	} {
		if _, ok := errors.AsType[*topic.Invalid](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := second(w.Publish(ctx, w.arn+"2", topic.Message{Body: "x"})); !errors.Is(err, topic.ErrNoTopic) {
		t.Errorf("%v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPauses(t *testing.T) {
	r := topic.Retries{Least: 2 * time.Second, Greatest: 10 * time.Second, Max: 8, NoDelay: 1, MinDelay: 2, MaxDelay: 2, Function: "linear"}
	var got []string
	for n := 1; ; n++ {
		pause, again := r.Pause(n)
		if !again {
			break
		}
		got = append(got, pause.String())
	}
	if want := "[0s 2s 2s 2s 6s 10s 10s 10s]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	total := time.Duration(0)
	for n := 1; n <= topic.DefaultRetries.Max; n++ {
		pause, _ := topic.DefaultRetries.Pause(n)
		total += pause
	}
	if total < 5*time.Hour || total > 7*time.Hour {
		t.Errorf("by default a delivery is tried for %s", total)
	}
}
