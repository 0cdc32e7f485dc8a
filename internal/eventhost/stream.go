package eventhost

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
)

// writeTimeout is how long a listener may take to accept what it is sent before it is cut off. It can resume.
const writeTimeout = 30 * time.Second

// stream sends events as they happen. The header Last-Event-ID, or the query's last-event-id, asks for all that followed an
// event; source, detail-type and pipeline in the query, each of which may be repeated, choose.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request) error {
	caller, err := h.admit(r, ActionListen)
	if err != nil {
		return err
	}
	if h.listeners.Add(1) > h.MaxListeners {
		h.listeners.Add(-1)
		w.Header().Set("Retry-After", "10")
		return &awsapi.Error{Code: "ThrottlingException", Message: "There are as many listeners as there may be. Try again later.", Status: http.StatusServiceUnavailable}
	}
	defer h.listeners.Add(-1)
	after, err := resumeAfter(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	l, err := h.Events.Listen(r.Context(), after, event.Filter{Sources: q["source"], DetailTypes: q["detail-type"], Pipelines: q["pipeline"]})
	if err != nil {
		return err
	}
	defer l.Close()
	s := &sending{rc: http.NewResponseController(w), w: w}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that would wait for more
	w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithTimeout(r.Context(), h.MaxAge)
	defer cancel()
	ctx = awsapi.WithConditions(awsapi.WithCaller(ctx, caller), r)
	if err := h.send(ctx, l, s); err != nil {
		h.Log.DebugContext(r.Context(), "a listener was left", "error", err)
	}
	return nil // the answer has begun: there is nobody to tell
}

func resumeAfter(r *http.Request) (*int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("last-event-id")
	}
	if text == "" {
		return nil, nil
	}
	id, err := number(text)
	return &id, err
}

// send goes on until the listener leaves, its time is over or the server stops.
func (h *Handler) send(ctx context.Context, l *event.Listener, s *sending) error {
	if err := s.write([]byte("retry: 1000\n\n")); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-h.closing:
			cancel()
		case <-stop:
		}
	}()
	for ctx.Err() == nil {
		beat, end := context.WithTimeout(ctx, h.Heartbeat)
		list, err := l.Next(beat)
		end()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		seen, err := h.visible(ctx, list)
		if err != nil {
			return err
		}
		if err := s.events(seen); err != nil {
			return err
		}
	}
	return nil
}

// visible leaves out the events of pipelines whose state the listener may not see. It asks anew for every batch, so that a
// right that is taken away ends what is told.
func (h *Handler) visible(ctx context.Context, list []*event.Entry) ([]*event.Entry, error) {
	caller, allowed := awsapi.Caller(ctx), map[string]bool{"": true}
	var seen []*event.Entry
	for _, e := range list {
		may, asked := allowed[e.Pipeline]
		if !asked {
			err := h.Authorizer.Authorize(ctx, caller, ActionSee, []string{h.Place.ARN("codepipeline", e.Pipeline)})
			_, refused := errors.AsType[*awsapi.Error](err)
			if err != nil && !refused {
				return nil, err
			}
			may = err == nil
			allowed[e.Pipeline] = may
		}
		if may {
			seen = append(seen, e)
		}
	}
	return seen, nil
}

// sending writes to one listener, who must keep up.
type sending struct {
	rc     *http.ResponseController
	w      http.ResponseWriter
	buffer []byte
}

// most is how much is written at once.
const most = 256 << 10

func (s *sending) events(list []*event.Entry) error {
	if len(list) == 0 {
		return s.write([]byte(": still here\n\n"))
	}
	for _, e := range list {
		s.buffer = append(s.buffer, "id: "...)
		s.buffer = strconv.AppendInt(s.buffer, e.ID, 10)
		s.buffer = append(s.buffer, "\ndata: "...)
		s.buffer = append(s.buffer, e.Document...) // has no line breaks
		s.buffer = append(s.buffer, "\n\n"...)
		if len(s.buffer) >= most {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

func (s *sending) flush() error {
	err := s.write(s.buffer)
	s.buffer = s.buffer[:0]
	if cap(s.buffer) > 2*most {
		s.buffer = nil
	}
	return err
}

func (s *sending) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.rc.Flush()
}
