package console

import (
	"net/http"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	// elsewhere is how often pages are told to look again when other servers may have moved the belt.
	elsewhere = 2 * time.Second
	// recheck is how often it is asked whether a session still is one.
	recheck = 30 * time.Second
)

// moved tells pages which pipeline has changed; they read what they show of it.
type moved struct {
	Pipeline string `json:"pipeline"`
	Seq      int64  `json:"seq"`
}

// events is the one stream that drives every page of a browser: each committed step of the pipelines this person may
// see, as it happens.
func (h *Handler) events(w http.ResponseWriter, r *http.Request, s session) {
	changes := h.Pipelines.Subscribe(r.Context(), "")
	out := openStream(w)
	if !out.send("look", "", struct{}{}) { // whatever was missed before the subscription
		return
	}
	beat, check := time.NewTicker(heartbeat), time.NewTicker(recheck)
	defer beat.Stop()
	defer check.Stop()
	var others <-chan time.Time
	if h.Store.Dialect() == store.Postgres {
		t := time.NewTicker(elsewhere)
		defer t.Stop()
		others = t.C
	}
	for alive := true; alive; {
		select {
		case c, open := <-changes:
			if !open {
				return
			}
			if h.allowed(r, s, "codepipeline:GetPipelineState", h.Pipelines.ARN(c.Pipeline)) == nil {
				alive = out.send("moved", "", moved{c.Pipeline, c.Seq})
			}
		case <-others:
			alive = out.send("look", "", struct{}{})
		case <-beat.C:
			alive = out.beat()
		case <-check.C:
			if _, err := h.session(r); err != nil {
				out.send("ended", "", struct{}{})
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
