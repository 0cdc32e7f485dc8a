package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Prefix is where forges post what starts builds. What follows cannot be guessed.
const Prefix = "/conveyor/build-webhooks/"

const (
	maxBody  = 25 << 20         // more than GitHub sends
	patience = 15 * time.Second // for a body to arrive
	// keepDeliveries is how long deliveries are remembered.
	keepDeliveries = 7 * 24 * time.Hour
)

// refused is a request that starts nothing because something is wrong with it.
type refused struct {
	status  int
	text    string
	project string // whose webhook notes it; "": nobody's
}

func (r *refused) Error() string { return r.text }

// ServeHTTP takes what a forge posts. It is answered once it is durable; nobody waits for what it leads to.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.receive(w, r)
	status := http.StatusOK
	if no, ok := errors.AsType[*refused](err); ok {
		status, answer = no.status, no.text
		s.noteRefused(r.Context(), no)
	} else if err != nil {
		s.o.Log.Error("what a forge posted could not be taken", "error", err)
		status, answer = http.StatusInternalServerError, "the server failed to take this request; its log says why"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer+"\n")
}

func (s *Service) receive(w http.ResponseWriter, r *http.Request) (string, error) {
	var h hook
	err := s.o.Store.Read(r.Context(), func(rd store.Reader) (err error) {
		h, err = scanHook(rd.QueryRow(r.Context(), selectHook+`WHERE address = $1`, digest(strings.TrimPrefix(r.URL.Path, Prefix))))
		return err
	})
	if errors.Is(err, ErrNoWebhook) {
		return "", &refused{status: http.StatusNotFound, text: "there is no webhook at this address"}
	}
	if err != nil {
		return "", err
	}
	if !s.bodies.TryAcquire(1) {
		w.Header().Set("Retry-After", "10")
		return "", &refused{status: http.StatusServiceUnavailable, text: "too many webhooks are called at once; try again later"}
	}
	defer s.bodies.Release(1)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)) // (a test's connection has none)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", &refused{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body did not arrive, or is larger than %d bytes", maxBody), ""}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	secret, err := s.o.Box.Open(h.secret, secretPurpose)
	if err != nil {
		return "", err
	}
	if !forge.Signed(h.place.Kind, r.Header, string(secret), body) {
		return "", &refused{http.StatusForbidden, "the signature of the body is missing or wrong", h.project}
	}
	d, err := forge.Receive(h.place.Kind, r.Header, body)
	switch {
	case err != nil:
		return "", &refused{http.StatusBadRequest, err.Error(), h.project}
	case d.Ping:
		return "pong: the webhook can be reached; a ping starts nothing", nil
	}
	return s.deliver(r.Context(), h, d, body)
}

// deliver stores the events of a delivery that is new, and the job that looks at them.
func (s *Service) deliver(ctx context.Context, h hook, d forge.Delivery, body []byte) (answer string, err error) {
	err = s.o.Store.InTx(ctx, func(tx store.Tx) error {
		answer = "nothing started: this delivery was received before"
		// Nothing signs the id, so a body is not accepted again either.
		for _, mark := range []string{"body " + digest(string(body)), "id " + digest(d.ID)} {
			if d.ID == "" {
				break // a forge that gives no ids may repeat itself
			}
			n, err := tx.Exec(ctx, `INSERT INTO build_webhook_deliveries (project, mark, at) VALUES ($1, $2, $3) ON CONFLICT (project, mark) DO NOTHING`,
				h.project, mark, store.Micros(tx.Now()))
			if err != nil || n == 0 {
				return err
			}
		}
		answer = "nothing started: builds are not started by such an event"
		for _, e := range d.Events {
			if e.Fork || e.Repository != h.place.Repository {
				answer = "nothing started: the event is about another repository, or a pull request from a fork"
				continue
			}
			text, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO build_webhook_events (project, event) VALUES ($1, $2)`, h.project, string(text)); err != nil {
				return err
			}
			answer = "received"
		}
		if _, err := tx.Exec(ctx, `UPDATE build_webhooks SET refused = '' WHERE project = $1 AND refused <> ''`, h.project); err != nil || answer != "received" {
			return err
		}
		return s.lookAt(ctx, tx, h.project)
	})
	return answer, err
}

// lookAt enqueues the job that looks at the events of a webhook.
func (s *Service) lookAt(ctx context.Context, tx store.Tx, project string) error {
	payload, err := json.Marshal(project)
	if err != nil {
		return err
	}
	_, err = s.jobs.Enqueue(ctx, tx, queue.Job{Kind: jobEvents, Key: project, Payload: payload, Group: project})
	return err
}

func (s *Service) noteRefused(ctx context.Context, no *refused) {
	s.o.Log.Warn("a forge's request was refused", "project", no.project, "status", no.status, "reason", no.text)
	if no.project == "" {
		return
	}
	err := s.o.Store.InTx(context.WithoutCancel(ctx), func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE build_webhooks SET refused = $2 WHERE project = $1 AND refused <> $2`, no.project, no.text)
		return err
	})
	if err != nil {
		s.o.Log.Error("noting why a forge's request was refused", "error", err)
	}
}

// Prune forgets deliveries that are old.
func (s *Service) Prune(ctx context.Context, now time.Time) error {
	return s.o.Store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM build_webhook_deliveries WHERE at < $1`, store.Micros(now.Add(-keepDeliveries)))
		return err
	})
}
