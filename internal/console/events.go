package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/event"
)

// recheck is how often it is asked again whether a session still is one and what it may see.
const recheck = 30 * time.Second

// Events is what the console asks of the log of events, which all servers write. Implemented by *event.Service.
type Events interface {
	Listen(ctx context.Context, after *int64, f event.Filter) (*event.Listener, error)
}

// changed tells pages what has changed; they read what they show of it.
type changed struct {
	Source string `json:"source"` // "aws.codepipeline"
	Name   string `json:"name"`   // of the pipeline, project, repository ...
}

// subject is what events of one source are about: how their documents name it, and what whoever wants to hear of it must
// be allowed to do with it.
type subject struct {
	action string
	of     func(*document) (name, arn string)
}

// document is what is read of an event.
type document struct {
	Resources []string
	Detail    struct {
		Pipeline   string
		Repository string `json:"repositoryName"`
		Project    string `json:"project-name"`
		Alarm      string `json:"alarmName"`
	}
}

func (d *document) first() string {
	if len(d.Resources) == 0 {
		return ""
	}
	return d.Resources[0]
}

// subjects are what pages can show live, by the source of what happens to it.
func (h *Handler) subjects() map[string]subject {
	return map[string]subject{
		"aws.codepipeline": {"codepipeline:GetPipelineState", func(d *document) (string, string) {
			return d.Detail.Pipeline, h.Pipelines.ARN(d.Detail.Pipeline)
		}},
		"aws.codebuild": {"codebuild:BatchGetBuilds", func(d *document) (string, string) {
			return d.Detail.Project, h.Place.ARN("codebuild", "project/"+d.Detail.Project)
		}},
		"aws.codecommit": {"codecommit:GetRepository", func(d *document) (string, string) { return d.Detail.Repository, d.first() }},
		"aws.cloudwatch": {"cloudwatch:DescribeAlarms", func(d *document) (string, string) { return d.Detail.Alarm, d.first() }},
	}
}

// events is the one stream that drives every page of a browser: what happens on any server to what this person may see,
// as it happens. A browser that lost the connection comes back with the id of the last event it got.
func (h *Handler) events(w http.ResponseWriter, r *http.Request, s session) {
	var after *int64
	if id, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64); err == nil {
		after = &id
	}
	l, err := h.Events.Listen(r.Context(), after, event.Filter{})
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	defer l.Close()
	f := &follower{h: h, r: r, s: s, out: openStream(w), subjects: h.subjects()}
	if after == nil && !f.out.send("look", "", struct{}{}) { // whatever was missed before
		return
	}
	ctx, cancel := h.untilClosed(r.Context())
	defer cancel()
	f.follow(ctx, l)
}

// follower is one browser that listens.
type follower struct {
	h        *Handler
	r        *http.Request
	s        session
	out      stream
	subjects map[string]subject
	checked  time.Time
	may      map[changed]bool // what was asked since
}

// follow goes on until the browser leaves, its session ends or the server stops.
func (f *follower) follow(ctx context.Context, l *event.Listener) {
	for ctx.Err() == nil {
		if time.Since(f.checked) > recheck {
			if _, err := f.h.session(f.r); err != nil {
				f.out.send("ended", "", struct{}{})
				return
			}
			f.checked, f.may = time.Now(), map[changed]bool{}
		}
		beat, end := context.WithTimeout(ctx, heartbeat)
		list, err := l.Next(beat)
		end()
		if err != nil || ctx.Err() != nil || !f.tell(list) {
			return // the browser comes again
		}
	}
}

// tell sends what has changed, each thing once, and reports whether the browser is still there.
func (f *follower) tell(list []*event.Entry) bool {
	if len(list) == 0 {
		return f.out.beat()
	}
	told := map[changed]bool{}
	for _, e := range list {
		c, ok := f.understand(e)
		if !ok || told[c] {
			continue
		}
		told[c] = true
		if !f.out.send("changed", strconv.FormatInt(list[len(list)-1].ID, 10), c) {
			return false
		}
	}
	return true
}

// understand says what an event is about, if this person may know.
func (f *follower) understand(e *event.Entry) (changed, bool) {
	var d document
	if json.Unmarshal(e.Document, &d) != nil {
		return changed{}, false
	}
	source := e.Source
	if source == "conveyor" { // of steps for which AWS has no events
		source = "aws.codepipeline"
		if d.Detail.Project != "" {
			source = "aws.codebuild"
		}
	}
	about, known := f.subjects[source]
	if !known {
		return changed{}, false
	}
	name, arn := about.of(&d)
	c := changed{source, name}
	may, asked := f.may[c]
	if !asked {
		may = f.h.allowed(f.r, f.s, about.action, arn) == nil
		f.may[c] = may
	}
	return c, may
}
