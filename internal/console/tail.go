package console

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/logstore"
)

// quiet is after how long without new lines the log is looked at all the same: another server may write it.
const quiet = time.Second

// lines is a piece of a log.
type lines struct {
	Messages []string `json:"messages"`
}

// tail streams a log stream from its beginning, or from where the browser lost the connection, and goes on as lines are
// written.
func (h *Handler) tail(w http.ResponseWriter, r *http.Request, s session) {
	group, name := r.URL.Query().Get("group"), r.URL.Query().Get("stream")
	if err := h.allowed(r, s, "logs:GetLogEvents", h.Place.ARN("logs", "log-group:"+group+":*")); err != nil {
		h.refuse(w, r, err)
		return
	}
	from, _ := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64) // 0, the beginning, when there is none
	out := openStream(w)
	ctx, cancel := h.untilClosed(r.Context())
	defer cancel()
	wait := time.NewTimer(quiet)
	defer wait.Stop()
	for {
		changed, stop := h.Logs.Watch(group, name)
		page, err := h.Logs.Get(ctx, group, name, logstore.GetOptions{From: from})
		if err != nil && !errors.Is(err, logstore.ErrNoStream) && !errors.Is(err, logstore.ErrNoGroup) {
			stop()
			return // the browser comes again
		}
		if len(page.Events) > 0 {
			stop()
			from = page.Next
			if !out.send("lines", strconv.FormatInt(from, 10), messages(page.Events)) {
				return
			}
			continue
		}
		wait.Reset(quiet)
		select {
		case <-changed:
		case <-wait.C:
			if !out.beat() {
				stop()
				return
			}
		case <-ctx.Done():
			stop()
			return
		}
		stop()
	}
}

func messages(events []logstore.Event) lines {
	l := lines{Messages: make([]string, len(events))}
	for i := range events {
		l.Messages[i] = events[i].Message
	}
	return l
}
