package forgehost

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/intake"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// Prefix is where forges post. What follows cannot be guessed.
const Prefix = "/conveyor/forges/"

// longestDeliveryID bounds what a forge may call a delivery.
const longestDeliveryID = 200

// refusal is a request that starts nothing because something is wrong with it.
type refusal struct {
	status int
	text   string
	hook   int64 // whose owner should know; 0: nobody's
}

func (r *refusal) Error() string { return r.text }

// ServeHTTP takes what a forge posts. It is answered once it is durable; nobody waits for what it leads to.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		say(w, http.StatusMethodNotAllowed, "webhooks are called with POST")
		return
	}
	answer, err := h.receive(w, r)
	no, refused := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		say(w, http.StatusOK, answer)
	case refused:
		h.refuse(r.Context(), no)
		if no.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "10")
		}
		say(w, no.status, no.text)
	case r.Context().Err() != nil: // the sender is gone
	default:
		h.o.Log.Error("what a forge posted could not be taken", "error", err)
		say(w, http.StatusInternalServerError, "the server failed to take this request; its log says why")
	}
}

func (h *Host) receive(w http.ResponseWriter, r *http.Request) (string, error) {
	h.bodies.Hurry(w)
	k, err := h.hookAt(r.Context(), strings.TrimPrefix(r.URL.Path, Prefix))
	if err != nil {
		return "", err
	}
	c, err := h.o.Connections.Get(r.Context(), k.connection)
	if errors.Is(err, connection.ErrNotFound) {
		return "", &refusal{status: http.StatusNotFound, text: "there is no webhook at this address"}
	}
	if err != nil {
		return "", err
	}
	body, done, err := h.bodies.Read(w, r)
	if no, ok := errors.AsType[*intake.Refusal](err); ok {
		return "", &refusal{status: no.Status, text: no.Error()}
	}
	if err != nil {
		return "", err
	}
	defer done()
	secret, err := h.o.Box.Open(k.secret, secretPurpose)
	if err != nil {
		return "", err
	}
	if !forge.Signed(c.Software, r.Header, string(secret), body) {
		return "", &refusal{http.StatusForbidden, "the signature of the body is missing or wrong", k.id}
	}
	d, err := forge.Receive(c.Software, r.Header, body)
	switch {
	case err != nil:
		return "", &refusal{http.StatusBadRequest, err.Error(), k.id}
	case d.Ping:
		return "pong: the webhook can be reached; a ping starts nothing", nil
	case len(d.Events) == 0:
		return "nothing started: no pipeline is started by such an event", nil
	case len(d.ID) > longestDeliveryID:
		return "", &refusal{http.StatusBadRequest, "the id of the delivery is too long", k.id}
	}
	return h.deliver(r.Context(), k, d, body)
}

// hookAt finds the webhook whose address ends with token.
func (h *Host) hookAt(ctx context.Context, token string) (k hook, err error) {
	err = h.o.Store.Read(ctx, func(r store.Reader) error {
		k, err = scanHook(r.QueryRow(ctx, selectHook+`WHERE address = $1`, digest(token)))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = &refusal{status: http.StatusNotFound, text: "there is no webhook at this address"}
	}
	return k, err
}

// deliver stores the events of a delivery that is new, and the job that looks at them.
func (h *Host) deliver(ctx context.Context, k hook, d forge.Delivery, body []byte) (answer string, err error) {
	err = h.o.Store.InTx(ctx, func(tx store.Tx) error {
		answer = "nothing started: this delivery was received before"
		// Nothing signs the id, so a body is not accepted again either, when deliveries have ids.
		marks := []string{"body " + digest(string(body))}
		if d.ID != "" {
			marks = append(marks, "id "+digest(d.ID))
		}
		for _, mark := range marks {
			if fresh, err := remember(ctx, tx, k.id, mark); err != nil || !fresh {
				return err
			}
		}
		stored := 0
		for _, e := range d.Events {
			keep, err := h.wanted(ctx, tx, k, e)
			if err != nil {
				return err
			}
			if !keep {
				continue
			}
			text, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO forge_events (hook_id, event) VALUES ($1, $2)`, k.id, string(text)); err != nil {
				return err
			}
			stored++
		}
		if _, err := tx.Exec(ctx, `UPDATE forge_hooks SET received = $2, refused = '' WHERE id = $1`, k.id, store.Micros(tx.Now().Truncate(time.Second))); err != nil {
			return err
		}
		if stored == 0 {
			answer = "nothing started: the pull request is from a fork, or brought nothing new, or the event is one that starts no pipeline"
			return nil
		}
		answer = "received"
		return h.lookAt(ctx, tx, k.id)
	})
	return answer, err
}

// wanted leaves out releases, which start builds alone, pull requests from forks, since whoever may open one must not make this server run what they like, and
// news of pull requests that bring no other commit, such as a new title.
func (h *Host) wanted(ctx context.Context, tx store.Tx, k hook, e forge.Event) (bool, error) {
	if e.PullRequest == "" {
		return e.Kind != forge.Released, nil
	}
	if e.Fork {
		return false, nil
	}
	if e.Kind == trigger.PullRequestClosed {
		return true, nil
	}
	fresh, err := remember(ctx, tx, k.id, "pull "+e.PullRequest+" "+e.After)
	return fresh || e.Kind == trigger.PullRequestOpened, err
}

func remember(ctx context.Context, tx store.Tx, hookID int64, mark string) (fresh bool, err error) {
	n, err := tx.Exec(ctx, `INSERT INTO forge_deliveries (hook_id, mark, at) VALUES ($1, $2, $3) ON CONFLICT (hook_id, mark) DO NOTHING`,
		hookID, mark, store.Micros(tx.Now()))
	return n > 0, err
}

// lookAt enqueues the job that looks at the events of a webhook.
func (h *Host) lookAt(ctx context.Context, tx store.Tx, hookID int64) error {
	return h.enqueue(ctx, tx, queue.Job{Kind: jobEvents, Key: strconv.FormatInt(hookID, 10)}, hookID)
}

// refuse notes why a request was refused, where somebody can see it.
func (h *Host) refuse(ctx context.Context, no *refusal) {
	h.o.Log.Warn("a forge's request was refused", "status", no.status, "reason", no.text)
	if no.hook == 0 {
		return
	}
	err := h.o.Store.InTx(context.WithoutCancel(ctx), func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE forge_hooks SET refused = $2 WHERE id = $1 AND refused <> $2`, no.hook, no.text)
		return err
	})
	if err != nil {
		h.o.Log.Error("noting why a forge's request was refused", "error", err)
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
