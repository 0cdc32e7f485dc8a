package topichost_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topichost"
)

// mailbox takes the first message, which asks to confirm.
type mailbox chan topic.Delivery

func (mailbox) Check(string, map[string]string) string { return "" }
func (mailbox) Confirms(map[string]string) bool        { return true }
func (m mailbox) Deliver(_ context.Context, d topic.Delivery) error {
	m <- d
	return nil
}

func TestOpeningALinkConfirmsNothing(t *testing.T) {
	st := sqltest.SQLite(t)
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	q, mail := queue.New(st, queue.Config{}), make(mailbox, 10)
	topics := topic.New(st, q, keyring.New(st, box), topic.Options{})
	topics.Register("email", mail)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer q.Stop(context.Background())
	made, err := topics.Create(t.Context(), "news", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := topics.Subscribe(t.Context(), topic.Request{TopicArn: made.Arn, Protocol: "email", Endpoint: "ann@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	host := &topichost.Host{Topics: topics, Log: slog.New(slog.DiscardHandler)}
	visit := func(method, address, language string) (int, string) {
		r, w := httptest.NewRequest(method, address, nil), httptest.NewRecorder()
		r.Header.Set("Accept-Language", language)
		host.ServeHTTP(w, r)
		if policy := w.Header().Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: %q", address, policy)
		}
		return w.Code, w.Body.String()
	}
	link := (<-mail).AskURL
	if status, page := visit("GET", link, "ko"); status != http.StatusOK || !strings.Contains(page, "구독할까요") || strings.Contains(page, "Subscribe") {
		t.Errorf("%d %s", status, page)
	}
	if got, _, err := topics.Subscription(t.Context(), sub.Arn); err != nil || got.Confirmed {
		t.Errorf("opening the link confirmed: %v", err)
	}
	if status, page := visit("POST", link+"x", ""); status != http.StatusBadRequest || !strings.Contains(page, "wrong or has expired") {
		t.Errorf("%d %s", status, page)
	}
	if status, page := visit("POST", link, "en"); status != http.StatusOK || !strings.Contains(page, "Subscribed") || !strings.Contains(page, made.Arn) {
		t.Errorf("%d %s", status, page)
	}
	if got, _, err := topics.Subscription(t.Context(), sub.Arn); err != nil || !got.Confirmed {
		t.Errorf("not confirmed: %v", err)
	}
	if status, page := visit("GET", topichost.Prefix+"confirm?TopicArn="+url.QueryEscape("<script>"), ""); status != http.StatusOK || strings.Contains(page, "<script>") {
		t.Errorf("%d %s", status, page)
	}
}
