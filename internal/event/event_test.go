package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// sink is a target that remembers what it got and fails on demand.
type sink struct {
	mu   sync.Mutex
	got  []event.Delivery
	fail func(d event.Delivery) error
}

func (s *sink) Check(_ context.Context, t event.TargetSpec) error {
	if strings.HasSuffix(t.ARN, "nobody") {
		return errors.New("nobody is there")
	}
	return nil
}

func (s *sink) Deliver(_ context.Context, d event.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(d); err != nil {
			return err
		}
	}
	s.got = append(s.got, d)
	return nil
}

func (s *sink) failing(f func(d event.Delivery) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

func (s *sink) inputs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, d := range s.got {
		list = append(list, string(d.Input))
	}
	return list
}

type world struct {
	*testing.T
	st   store.Store
	s    *event.Service
	q    *queue.Queue
	sink *sink
}

func newWorld(t *testing.T, st store.Store) *world { return newServer(t, st, &sink{}) }

// newServer is another server that delivers to a sink.
func newServer(t *testing.T, st store.Store, to *sink) *world {
	w := &world{T: t, st: st, sink: to}
	w.q = queue.New(st, queue.Config{Poll: 20 * time.Millisecond})
	w.s = event.New(event.Options{Store: st, Jobs: w.q, Backoff: func(int) time.Duration { return time.Millisecond }})
	w.s.Register("sink", w.sink)
	return w
}

func (w *world) start() *world {
	w.Helper()
	if err := w.q.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := w.q.Stop(context.Background()); err != nil {
			w.Error(err)
		}
	})
	return w
}

func each(t *testing.T, test func(w *world)) {
	sqltest.Each(t, func(t *testing.T, st store.Store) { test(newWorld(t, st)) })
}

const sinkARN = "arn:aws:sink:us-east-1:000000000000:main"

func (w *world) rule(name, pattern string, targets ...string) {
	w.Helper()
	if err := w.s.PutRule(w.Context(), event.Rule{Name: name, Pattern: pattern, Enabled: true}); err != nil {
		w.Fatal(err)
	}
	for _, wire := range targets {
		w.target(name, wire)
	}
}

func (w *world) target(rule, wire string) {
	w.Helper()
	var head struct{ Id, Arn string }
	if err := json.Unmarshal([]byte(wire), &head); err != nil {
		w.Fatal(err)
	}
	if head.Arn == "" {
		head.Arn = sinkARN
	}
	spec := event.TargetSpec{Name: head.Id, ARN: head.Arn, Wire: json.RawMessage(wire)}
	if err := w.s.CheckTarget(w.Context(), spec); err != nil {
		w.Fatal(err)
	}
	if err := w.s.PutTargets(w.Context(), rule, []event.TargetSpec{spec}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) publish(details ...string) {
	w.Helper()
	var list []event.Event
	for _, d := range details {
		list = append(list, event.Event{Source: "test", DetailType: "Test", Detail: json.RawMessage(d), Pipeline: "p"})
	}
	if err := w.st.InTx(w.Context(), func(tx store.Tx) error { return w.s.Publish(w.Context(), tx, list...) }); err != nil {
		w.Fatal(err)
	}
}

func (w *world) await(what string, f func() bool) {
	w.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			w.Fatalf("it never came to this: %s; the sink has %q", what, w.sink.inputs())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (w *world) awaitInputs(want ...string) {
	w.Helper()
	w.await(fmt.Sprintf("%q", want), func() bool { return slices.Equal(w.sink.inputs(), want) })
}

func (w *world) letters() []event.DeadLetter {
	w.Helper()
	list, err := w.s.DeadLetters(w.Context(), 0, 100)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

const anyTest = `{"source": ["test"]}`

func TestWhatMatchesIsDelivered(t *testing.T) {
	each(t, func(w *world) {
		w.start()
		w.rule("odd", `{"source": ["test"], "detail": {"odd": [true]}}`, `{"Id": "a", "InputPath": "$.detail.n"}`)
		w.publish(`{"n": 1, "odd": true}`, `{"n": 2, "odd": false}`, `{"n": 3, "odd": true}`)
		w.awaitInputs("1", "3")
		// A changed target gets what comes as it is now; a disabled rule matches nothing.
		w.target("odd", `{"Id": "a", "Input": "\"fixed\""}`)
		w.publish(`{"n": 5, "odd": true}`)
		w.awaitInputs("1", "3", `"fixed"`)
		if err := w.s.SetEnabled(w.Context(), "odd", false); err != nil {
			w.Fatal(err)
		}
		w.publish(`{"n": 7, "odd": true}`)
		if err := w.s.SetEnabled(w.Context(), "odd", true); err != nil {
			w.Fatal(err)
		}
		w.target("odd", `{"Id": "a", "InputTransformer": {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": "{\"rule\": <aws.events.rule-name>, \"n\": <n>}"}}`)
		w.publish(`{"n": 9, "odd": true}`)
		w.awaitInputs("1", "3", `"fixed"`, `{"rule": "odd", "n": 9}`)
	})
}

func TestTheDocument(t *testing.T) {
	each(t, func(w *world) {
		w.start()
		w.rule("all", anyTest, `{"Id": "a"}`)
		w.publish(`{"n": 1}`)
		w.await("one document", func() bool { return len(w.sink.inputs()) == 1 })
		var doc map[string]any
		if err := json.Unmarshal([]byte(w.sink.inputs()[0]), &doc); err != nil {
			w.Fatal(err)
		}
		if _, err := time.Parse("2006-01-02T15:04:05Z", doc["time"].(string)); err != nil {
			w.Error(err)
		}
		if len(doc["id"].(string)) != 36 {
			w.Errorf("its id is %v", doc["id"])
		}
		delete(doc, "time")
		delete(doc, "id")
		text, _ := json.Marshal(doc)
		if string(text) != `{"account":"000000000000","detail":{"n":1},"detail-type":"Test","region":"us-east-1","resources":[],"source":"test","version":"0"}` {
			w.Error(string(text))
		}
	})
}

// What a transaction publishes is there if and only if the transaction is.
func TestEventsAreOneWithTheirChange(t *testing.T) {
	each(t, func(w *world) {
		w.start()
		w.rule("all", anyTest, `{"Id": "a", "InputPath": "$.detail"}`)
		undone := errors.New("undone")
		err := w.st.InTx(w.Context(), func(tx store.Tx) error {
			if err := w.s.Publish(w.Context(), tx, event.Event{Source: "test", Detail: 1}); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			w.Fatal(err)
		}
		w.publish(`2`)
		w.awaitInputs("2")
	})
}

// A target that is down for a while gets everything, once and in order; another one does not wait for it.
func TestATargetThatIsDownLosesNothing(t *testing.T) {
	each(t, func(w *world) {
		var attempts sync.Map
		down := true
		w.sink.failing(func(d event.Delivery) error {
			attempts.Store(d.ID+fmt.Sprint(d.Attempt), true)
			if down && strings.HasSuffix(d.Target.ARN, ":main") {
				return errors.New("connection refused")
			}
			return nil
		})
		w.start()
		w.rule("all", anyTest, `{"Id": "a", "InputPath": "$.detail"}`, `{"Id": "b", "Input": "0", "Arn": "arn:aws:sink:us-east-1:000000000000:other"}`)
		w.publish("1")
		w.publish("2", "3")
		w.awaitInputs("0", "0", "0")
		w.await("the third attempt", func() bool {
			n := 0
			attempts.Range(func(any, any) bool { n++; return true })
			return n >= 6
		})
		w.sink.mu.Lock()
		down = false
		w.sink.mu.Unlock()
		w.publish("4")
		w.await("everything", func() bool {
			got := slices.DeleteFunc(w.sink.inputs(), func(s string) bool { return s == "0" })
			return slices.Equal(got, []string{"1", "2", "3", "4"})
		})
		if l := w.letters(); len(l) != 0 {
			w.Errorf("%+v", l)
		}
	})
}

// What its deliverer puts off comes later and in order, however often; it is no attempt, so it uses up no retries.
func TestWhatIsPutOffIsNoAttempt(t *testing.T) {
	each(t, func(w *world) {
		w.start()
		off := 0
		w.sink.failing(func(d event.Delivery) error {
			if d.Attempt != 1 {
				t.Errorf("attempt %d of %s", d.Attempt, d.Input)
			}
			if off++; off%4 != 0 {
				return event.Later(time.Microsecond)
			}
			return nil
		})
		w.rule("all", anyTest, `{"Id": "a", "InputPath": "$.detail", "RetryPolicy": {"MaximumRetryAttempts": 0}}`)
		w.publish(`1`, `2`, `3`)
		w.awaitInputs("1", "2", "3")
		if list := w.letters(); len(list) > 0 {
			t.Errorf("%+v", list)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	each(t, func(w *world) {
		w.start()
		w.sink.failing(func(d event.Delivery) error {
			switch string(d.Input) {
			case "1":
				return event.Permanent(errors.New("the pipeline is gone\x00\xff"))
			case "2":
				return errors.New("busy")
			}
			return nil
		})
		w.rule("all", anyTest, `{"Id": "a", "InputPath": "$.detail", "RetryPolicy": {"MaximumRetryAttempts": 2}}`)
		w.publish("1", "2", "3")
		w.awaitInputs("3")
		l := w.letters()
		if len(l) != 2 || l[0].Attempts != 1 || l[0].Code != "NO_PERMISSIONS_OR_GONE" || l[1].Attempts != 3 || l[1].Code != "RETRIES_EXHAUSTED" ||
			l[1].Message != "busy" || l[0].Rule != "all" || l[0].Target != "a" {
			w.Fatalf("%+v", l)
		}
		w.sink.failing(nil)
		for _, letter := range l {
			if err := w.s.Redeliver(w.Context(), letter.ID); err != nil {
				w.Fatal(err)
			}
			if err := w.s.Redeliver(w.Context(), letter.ID); !errors.Is(err, event.ErrNoLetter) {
				w.Error(err)
			}
		}
		w.awaitInputs("3", "1", "2")
		if l := w.letters(); len(l) != 0 {
			w.Errorf("%+v", l)
		}
		// One that is too old is given up at its next failure.
		w.sink.failing(func(event.Delivery) error { return errors.New("busy") })
		w.target("all", `{"Id": "a", "InputPath": "$.detail", "RetryPolicy": {"MaximumEventAgeInSeconds": 0}}`)
		w.publish("4")
		w.await("a dead letter", func() bool { return len(w.letters()) == 1 })
		if l := w.letters(); l[0].Code != "EVENT_TOO_OLD" {
			w.Errorf("%+v", l)
		}
		if _, err := w.s.RemoveTargets(w.Context(), "all", []string{"a"}); err != nil {
			w.Fatal(err)
		}
		if err := w.s.Redeliver(w.Context(), w.letters()[0].ID); !errors.Is(err, event.ErrNoTarget) {
			w.Error(err)
		}
	})
}

func TestRules(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		w.rule("b", anyTest, `{"Id": "1"}`, `{"Id": "2", "Arn": "arn:aws:sink:us-east-1:000000000000:other"}`)
		w.rule("a", anyTest)
		w.rule("ab", anyTest, `{"Id": "1"}`)
		names := func(prefix, after, target string) string {
			list, err := w.s.Rules(ctx, prefix, after, target, 10)
			if err != nil {
				w.Fatal(err)
			}
			var all []string
			for _, r := range list {
				all = append(all, r.Name)
			}
			return strings.Join(all, " ")
		}
		for got, want := range map[string]string{
			names("", "", ""): "a ab b", names("a", "", ""): "a ab", names("", "a", ""): "ab b", names("", "", sinkARN): "ab b",
		} {
			if got != want {
				w.Errorf("%s, want %s", got, want)
			}
		}
		if err := w.s.DeleteRule(ctx, "b"); !errors.Is(err, event.ErrHasTargets) {
			w.Error(err)
		}
		if missing, err := w.s.RemoveTargets(ctx, "b", []string{"1", "3", "2"}); err != nil || !slices.Equal(missing, []string{"3"}) {
			w.Error(missing, err)
		}
		for range 2 {
			if err := w.s.DeleteRule(ctx, "b"); err != nil {
				w.Error(err)
			}
		}
		if _, err := w.s.Rule(ctx, "b"); !errors.Is(err, event.ErrNoRule) {
			w.Error(err)
		}
		for name, spec := range map[string]event.TargetSpec{
			"nobody is there":         {ARN: "arn:aws:sink:us-east-1:1:nobody", Wire: json.RawMessage(`{}`)},
			"cannot deliver to":       {ARN: "arn:aws:sqs:us-east-1:1:q", Wire: json.RawMessage(`{}`)},
			"only one of":             {ARN: sinkARN, Wire: json.RawMessage(`{"Input": "1", "InputPath": "$.x"}`)},
			"Input is not valid JSON": {ARN: sinkARN, Wire: json.RawMessage(`{"Input": "{"}`)},
			"InputPath":               {ARN: sinkARN, Wire: json.RawMessage(`{"InputPath": "x"}`)},
			"undefined placeholder ":  {ARN: sinkARN, Wire: json.RawMessage(`{"InputTransformer": {"InputTemplate": "<x>"}}`)},
		} {
			if err := w.s.CheckTarget(ctx, spec); err == nil || !strings.Contains(err.Error(), name) {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestWants(t *testing.T) {
	each(t, func(w *world) {
		wants := func(source string) bool {
			var yes bool
			err := w.st.Read(w.Context(), func(r store.Reader) (err error) {
				yes, err = w.s.Wants(w.Context(), r, source)
				return err
			})
			if err != nil {
				w.Fatal(err)
			}
			return yes
		}
		w.rule("s3", `{"source": ["aws.s3"]}`)
		if wants("aws.s3") {
			w.Error("a rule without targets wants nothing")
		}
		w.target("s3", `{"Id": "1"}`)
		if !wants("aws.s3") || wants("test") {
			w.Error("it wants S3's events alone")
		}
		// One transaction asks once; the next one asks anew.
		for _, enabled := range []bool{true, false} {
			if err := w.s.SetEnabled(w.Context(), "s3", enabled); err != nil {
				w.Fatal(err)
			}
			err := w.st.InTx(w.Context(), func(tx store.Tx) error {
				for range 2 {
					if yes, err := w.s.WantsInTx(w.Context(), tx, "aws.s3"); err != nil || yes != enabled {
						w.Errorf("%v, %v, want %v", yes, err, enabled)
					}
				}
				return nil
			})
			if err != nil {
				w.Fatal(err)
			}
		}
	})
}

func (w *world) jobs() (n int, due time.Time) {
	w.Helper()
	var at int64
	err := w.st.Read(w.Context(), func(r store.Reader) error {
		return r.QueryRow(w.Context(), `SELECT COUNT(*), COALESCE(MAX(run_at), 0) FROM jobs WHERE kind = 'event.schedule'`).Scan(&n, &at)
	})
	if err != nil {
		w.Fatal(err)
	}
	return n, store.FromMicros(at)
}

// bringForward makes the next firing due, as if the time had come, or the server had been down.
func (w *world) bringForward(by time.Duration) {
	w.Helper()
	err := w.st.InTx(w.Context(), func(tx store.Tx) error {
		n, err := tx.Exec(w.Context(), `UPDATE jobs SET run_at = run_at - $1 WHERE kind = 'event.schedule' AND state = 'scheduled'`, by.Microseconds())
		if n != 1 {
			w.Errorf("%d firings are scheduled", n)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

// Of all the moments a server was down for, one is made up for; two servers fire once.
func TestSchedulesFireOnce(t *testing.T) {
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		st := sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off", Connections: 5})
		w := newWorld(t, st)
		if err := w.s.PutRule(t.Context(), event.Rule{Name: "tick", Schedule: "rate(1 hour)", Enabled: true}); err != nil {
			t.Fatal(err)
		}
		w.target("tick", `{"Id": "a", "InputPath": "$.detail-type"}`)
		if n, due := w.jobs(); n != 1 || time.Until(due) < 59*time.Minute || time.Until(due) > time.Hour+time.Minute {
			t.Fatalf("%d firings, at %s", n, due)
		}
		w.bringForward(100 * time.Hour)
		w.start()
		if st.Dialect() == store.Postgres {
			newServer(t, sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off", Connections: 5}), w.sink).start()
		}
		w.awaitInputs(`"Scheduled Event"`)
		if n, due := w.jobs(); n != 1 || time.Until(due) < 0 || time.Until(due) > time.Hour+time.Minute {
			t.Errorf("%d firings, at %s", n, due)
		}
		// The same rule put again keeps its step; a disabled one does not fire.
		_, before := w.jobs()
		if err := w.s.PutRule(t.Context(), event.Rule{Name: "tick", Schedule: "rate(1 hour)", Enabled: true, Description: "again"}); err != nil {
			t.Fatal(err)
		}
		if n, due := w.jobs(); n != 1 || !due.Equal(before) {
			t.Errorf("%d firings, at %s", n, due)
		}
		if err := w.s.SetEnabled(t.Context(), "tick", false); err != nil {
			t.Fatal(err)
		}
		if n, _ := w.jobs(); n != 0 {
			t.Errorf("%d firings of a disabled rule", n)
		}
		if len(w.sink.inputs()) != 1 {
			t.Errorf("%q", w.sink.inputs())
		}
	})
}

func TestPrune(t *testing.T) {
	each(t, func(w *world) {
		w.publish("1", "2")
		if err := w.s.Prune(w.Context(), time.Now().Add(time.Hour)); err != nil {
			w.Fatal(err)
		}
		w.publish("3")
		zero := int64(0)
		l, err := w.s.Listen(w.Context(), &zero, event.Filter{})
		if err != nil {
			w.Fatal(err)
		}
		defer l.Close()
		if list, err := l.Next(w.Context()); err != nil || len(list) != 1 || !strings.Contains(string(list[0].Document), `"detail":3`) {
			w.Errorf("%v, %v", list, err)
		}
	})
}
