package flow_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// pushHook is a webhook of the pipeline with that name that takes signed pushes of its branch.
func pushHook(name, pipelineName string) pipeline.Webhook {
	return pipeline.Webhook{
		Name: name, TargetPipeline: pipelineName, TargetAction: "Code",
		Filters:        []pipeline.WebhookFilter{{JSONPath: "$.ref", MatchEquals: "refs/heads/{BranchName}"}},
		Authentication: pipeline.WebhookHMAC, AuthenticationConfiguration: pipeline.WebhookCredentials{SecretToken: "s3cret"},
	}
}

func (b *belt) putHook(w pipeline.Webhook, tags map[string]string) flow.Webhook {
	b.t.Helper()
	put, err := b.PutWebhook(b.t.Context(), w, tags)
	if err != nil {
		b.t.Fatal(err)
	}
	return put
}

// receiver finds a webhook by its URL.
func (b *belt) receiver(w flow.Webhook) *flow.Receiver {
	b.t.Helper()
	_, token, _ := strings.Cut(w.URL, flow.WebhookPath)
	r, err := b.WebhookAt(b.t.Context(), token)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *belt) hooks() []flow.Webhook {
	b.t.Helper()
	list, next, err := b.ListWebhooks(b.t.Context(), flow.Page{})
	if err != nil || next != "" {
		b.t.Fatalf("%q, %v", next, err)
	}
	return list
}

func TestAWebhookIsPutShownReplacedAndDeleted(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st, func(o *flow.Options) { o.PublicURL, o.MaxWebhooks = "https://conveyor.example.com", 2 })
		b.create(site("web"))
		first := b.putHook(pushHook("push", "web"), map[string]string{"team": "red"})
		if !strings.HasPrefix(first.URL, "https://conveyor.example.com/conveyor/webhooks/") || len(first.URL) < len("https://conveyor.example.com/conveyor/webhooks/")+26 {
			t.Errorf("URL %s", first.URL)
		}
		if first.ARN != "arn:aws:codepipeline:us-east-1:000000000000:webhook:push" || first.AuthenticationConfiguration.SecretToken != "****" {
			t.Errorf("put: %+v", first)
		}
		if got := b.receiver(first); got.AuthenticationConfiguration.SecretToken != "s3cret" || got.Name != "push" {
			t.Errorf("the receiver has %+v", got)
		}

		// What was read and is sent back keeps the secret; everything else is replaced, but for URL, ARN and tags.
		again := first.Webhook
		again.Filters = nil
		second := b.putHook(again, map[string]string{"cost": "7"})
		if second.URL != first.URL || second.ARN != first.ARN || len(second.Filters) != 0 || second.Filters == nil {
			t.Errorf("replaced: %+v", second)
		}
		if want := map[string]string{"team": "red", "cost": "7"}; !maps.Equal(second.Tags, want) {
			t.Errorf("tags %v, want %v", second.Tags, want)
		}
		if got := b.receiver(second).AuthenticationConfiguration.SecretToken; got != "s3cret" {
			t.Errorf("the secret became %q", got)
		}

		b.putHook(pushHook("another", "web"), nil)
		_, err := b.PutWebhook(t.Context(), pushHook("third", "web"), nil)
		wantKind(t, err, pipeline.LimitExceeded)
		b.putHook(pushHook("another", "web"), nil) // replacing takes no room
		if list := b.hooks(); len(list) != 2 || list[0].Name != "another" || list[1].Name != "push" || list[1].Tags["team"] != "red" {
			t.Errorf("listed: %+v", list)
		}

		for range 2 { // deleting what is gone is fine
			if err := b.DeleteWebhook(t.Context(), "push"); err != nil {
				t.Fatal(err)
			}
		}
		_, token, _ := strings.Cut(first.URL, flow.WebhookPath)
		_, err = b.WebhookAt(t.Context(), token)
		wantKind(t, err, pipeline.WebhookNotFound)
		third := b.putHook(pushHook("push", "web"), nil)
		if third.URL == first.URL || third.ARN != first.ARN || len(third.Tags) != 0 {
			t.Errorf("made anew: %+v", third)
		}
	})
}

func TestWebhooksThatCannotWorkAreRefused(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	b.create(site("web"))
	change := func(f func(*pipeline.Webhook)) pipeline.Webhook {
		w := pushHook("push", "web")
		f(&w)
		return w
	}
	tooMany := map[string]string{}
	for i := range 51 {
		tooMany[fmt.Sprint(i)] = ""
	}
	for _, c := range []struct {
		what string
		hook pipeline.Webhook
		tags map[string]string
		kind pipeline.ErrorKind
	}{
		{"no pipeline", change(func(w *pipeline.Webhook) { w.TargetPipeline = "none" }), nil, pipeline.PipelineNotFound},
		{"no action", change(func(w *pipeline.Webhook) { w.TargetAction = "None" }), nil, pipeline.Validation},
		{"no source action", change(func(w *pipeline.Webhook) { w.TargetAction = "Build" }), nil, pipeline.Validation},
		{"a mask for no secret", change(func(w *pipeline.Webhook) { w.AuthenticationConfiguration.SecretToken = "****" }), nil, pipeline.InvalidWebhookAuthentication},
		{"no path", change(func(w *pipeline.Webhook) { w.Filters[0].JSONPath = "$.[" }), nil, pipeline.InvalidWebhookFilterPattern},
		{"a key that is not there", change(func(w *pipeline.Webhook) { w.Filters[0].MatchEquals = "{Branch}" }), nil, pipeline.InvalidWebhookFilterPattern},
		{"a tag of AWS", pushHook("push", "web"), map[string]string{"aws:x": ""}, pipeline.InvalidTags},
		{"too many tags", pushHook("push", "web"), tooMany, pipeline.TooManyTags},
	} {
		if _, err := b.PutWebhook(t.Context(), c.hook, c.tags); pipeline.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", c.what, err, c.kind)
		}
	}
	if n := len(b.hooks()); n != 0 {
		t.Errorf("%d webhooks were made", n)
	}
	wantKind(t, b.RegisterThirdParty(t.Context(), "push", false), pipeline.WebhookNotFound)
	b.putHook(pushHook("push", "web"), nil)
	wantKind(t, b.RegisterThirdParty(t.Context(), "push", false), pipeline.Validation)
}

func TestADeliveryStartsThePipelineOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
		hook := b.putHook(pushHook("push", "web"), nil)
		r := b.receiver(hook)
		if err := b.WebhookFailed(t.Context(), r, "403", "the signature is wrong"); err != nil {
			t.Fatal(err)
		}
		if w := b.hooks()[0]; w.ErrorCode != "403" || w.ErrorMessage != "the signature is wrong" || !w.LastTriggered.IsZero() {
			t.Errorf("after a failure: %+v", w)
		}
		for _, c := range []struct {
			what string
			d    flow.Delivery
			want bool
		}{
			{"the first", flow.Delivery{ID: "1", SignedBody: []byte("a")}, true},
			{"the same", flow.Delivery{ID: "1", SignedBody: []byte("a")}, false},
			{"its id with another body", flow.Delivery{ID: "1", SignedBody: []byte("b")}, false},
			{"its body with another id", flow.Delivery{ID: "2", SignedBody: []byte("a")}, false},
			{"its body without an id", flow.Delivery{SignedBody: []byte("a")}, false},
			{"another", flow.Delivery{ID: "3", SignedBody: []byte("b")}, true},
			{"one without an id", flow.Delivery{SignedBody: []byte("c")}, true},
			{"it again", flow.Delivery{SignedBody: []byte("c")}, true},
			{"one that nobody signed", flow.Delivery{}, true},
			{"it again", flow.Delivery{}, true},
		} {
			if started, err := b.DeliverWebhook(t.Context(), r, c.d); err != nil || started != c.want {
				t.Errorf("%s: started %t, %v", c.what, started, err)
			}
		}
		b.until(func() bool { return len(b.executions("web")) == 1+6 }, func() string { return fmt.Sprint(len(b.executions("web")), " executions, want 7") })
		e := b.newest("web")
		if want := (pipeline.ExecutionTrigger{TriggerType: "Webhook", TriggerDetail: hook.ARN}); e.Trigger != want || len(e.Overrides) != 0 {
			t.Errorf("started by %+v with %+v, want %+v", e.Trigger, e.Overrides, want)
		}
		b.await("web", e.ID, pipeline.StatusSucceeded)
		if w := b.hooks()[0]; w.ErrorCode != "" || w.ErrorMessage != "" || time.Since(w.LastTriggered).Abs() > time.Minute {
			t.Errorf("after a success: %+v", w)
		}

		// Deliveries are remembered by one webhook, and not for ever.
		other := b.receiver(b.putHook(pushHook("other", "web"), nil))
		if started, err := b.DeliverWebhook(t.Context(), other, flow.Delivery{ID: "1", SignedBody: []byte("a")}); err != nil || !started {
			t.Errorf("another webhook: started %t, %v", started, err)
		}
		b.clock.advance(8 * 24 * time.Hour)
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := b.count(`SELECT COUNT(*) FROM webhook_deliveries`); n != 0 {
			t.Errorf("%d marks are left", n)
		}
	})
}

func TestTheMarksOfDeliveriesAreBounded(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st, func(o *flow.Options) { o.MaxDeliveries = 3 })
		b.create(site("web"))
		r, other := b.receiver(b.putHook(pushHook("push", "web"), nil)), b.receiver(b.putHook(pushHook("other", "web"), nil))
		for i := range 5 {
			for _, r := range []*flow.Receiver{r, other} {
				if _, err := b.DeliverWebhook(t.Context(), r, flow.Delivery{ID: fmt.Sprint(i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := b.count(`SELECT COUNT(*) FROM webhook_deliveries`); n != 6 {
			t.Errorf("%d marks are left, want 3 of each webhook", n)
		}
		if started, err := b.DeliverWebhook(t.Context(), r, flow.Delivery{ID: "4"}); err != nil || started {
			t.Errorf("the newest was forgotten: started %t, %v", started, err)
		}
	})
}

func TestADeliveryFindsThatEverythingIsGone(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.create(site("web"))
		r := b.receiver(b.putHook(pushHook("push", "web"), nil))
		renamed := site("web")
		renamed.Stages[0].Actions[0].Name = "Checkout"
		if _, err := b.UpdatePipeline(t.Context(), renamed, caller); err != nil {
			t.Fatal(err)
		}
		_, err := b.WebhookTarget(t.Context(), r)
		wantKind(t, err, pipeline.Validation)
		if err := b.DeletePipeline(t.Context(), "web", caller); err != nil {
			t.Fatal(err)
		}
		_, err = b.WebhookTarget(t.Context(), r)
		wantKind(t, err, pipeline.PipelineNotFound)
		_, err = b.DeliverWebhook(t.Context(), r, flow.Delivery{ID: "1"})
		wantKind(t, err, pipeline.PipelineNotFound)

		b.create(site("web")) // of that name again: the webhook is still there
		if started, err := b.DeliverWebhook(t.Context(), r, flow.Delivery{ID: "1"}); err != nil || !started {
			t.Errorf("started %t, %v", started, err)
		}
		if err := b.DeleteWebhook(t.Context(), "push"); err != nil {
			t.Fatal(err)
		}
		_, err = b.DeliverWebhook(t.Context(), r, flow.Delivery{ID: "2"})
		wantKind(t, err, pipeline.WebhookNotFound)
		if n := b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE mark LIKE 'id %'`); n != 1 {
			t.Errorf("%d deliveries are remembered, want 1: the refused ones left something", n)
		}
	})
}

// Whatever a delivery meets becomes an execution, if only one that says why it failed.
func TestADeliveryThatCannotRunIsAFailedExecution(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	d := site("web")
	d.PipelineType, d.ExecutionMode = pipeline.V2, pipeline.Queued
	release := b.holdSources()
	defer release()
	b.create(d)
	for range 49 {
		b.start("web")
	}
	r := b.receiver(b.putHook(pushHook("push", "web"), nil))
	if _, err := b.DeliverWebhook(t.Context(), r, flow.Delivery{}); err != nil {
		t.Fatal(err)
	}
	b.until(func() bool { return len(b.executions("web")) == 51 }, func() string { return "the delivery left no trace" })
	if e := b.newest("web"); e.Status != pipeline.StatusFailed || !strings.Contains(e.Reason, "50 executions") || e.Trigger.TriggerType != "Webhook" {
		t.Errorf("full: %+v", e)
	}

	other := site("other")
	other.PipelineType, other.Variables = pipeline.V2, []pipeline.VariableDeclaration{{Name: "Env"}}
	b.create(other)
	r = b.receiver(b.putHook(pushHook("other", "other"), nil))
	if _, err := b.DeliverWebhook(t.Context(), r, flow.Delivery{}); err != nil {
		t.Fatal(err)
	}
	b.until(func() bool { return len(b.executions("other")) == 2 }, func() string { return "the delivery left no trace" })
	if e := b.newest("other"); e.Status != pipeline.StatusFailed || !strings.Contains(e.Reason, "'Env'") {
		t.Errorf("a variable without a value: %+v", e)
	}
}

// Many senders repeat the same deliveries at the same time: each of them starts one execution.
func TestDeliveriesAtTheSameTime(t *testing.T) {
	const deliveries, repeats = 20, 4
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		release := b.holdSources()
		defer release()
		b.create(site("web"))
		r := b.receiver(b.putHook(pushHook("push", "web"), nil))
		var wg sync.WaitGroup
		var started atomic.Int64
		for i := range deliveries * repeats {
			wg.Go(func() {
				id := fmt.Sprint(i % deliveries)
				ok, err := b.DeliverWebhook(t.Context(), r, flow.Delivery{ID: id, SignedBody: []byte(id)})
				if err != nil {
					t.Error(err)
				}
				if ok {
					started.Add(1)
				}
			})
		}
		wg.Wait()
		if n := started.Load(); n != deliveries {
			t.Errorf("%d deliveries say that they started something, want %d", n, deliveries)
		}
		b.until(func() bool { return len(b.executions("web")) == 1+deliveries }, func() string {
			return fmt.Sprint(len(b.executions("web")), " executions")
		})
	})
}

func TestTagsOfWebhooks(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.create(site("push"))
		arn := b.putHook(pushHook("push", "push"), map[string]string{"a": "1"}).ARN
		if err := b.Tag(t.Context(), arn, map[string]string{"b": "2", "a": "3"}); err != nil {
			t.Fatal(err)
		}
		if err := b.Untag(t.Context(), arn, []string{"b", "never"}); err != nil {
			t.Fatal(err)
		}
		if tags, err := b.Tags(t.Context(), arn); err != nil || !maps.Equal(tags, map[string]string{"a": "3"}) {
			t.Errorf("%v, %v", tags, err)
		}
		if tags, err := b.Tags(t.Context(), b.ARN("push")); err != nil || len(tags) != 0 {
			t.Errorf("the pipeline of that name has %v, %v", tags, err)
		}
		_, err := b.Tags(t.Context(), b.ARN("webhook:none"))
		wantKind(t, err, pipeline.ResourceNotFound)
	})
}
