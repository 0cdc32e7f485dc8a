package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

const (
	summaryPage    = 100
	summaryRecent  = 10
	longestSought  = 200
	notPermitted   = pipeline.Status("NotAllowed") // what a list shows of executions that may not be seen
	listExecutions = "codepipeline:ListPipelineExecutions"
)

// summaries is one page of the list of pipelines.
type summaries struct {
	Pipelines []*flow.Summary `json:"pipelines"`
	Matching  int             `json:"matching"` // how many there are on all pages
}

// wish is which pipelines are asked for, and in what order.
type wish struct {
	sought, sort  string
	status        pipeline.Status
	descending    bool
	offset, limit int
}

func readWish(q url.Values) wish {
	w := wish{
		sought: strings.ToLower(strings.TrimSpace(q.Get("search"))), sort: q.Get("sort"), status: pipeline.Status(q.Get("status")),
		descending: q.Get("descending") == "true", limit: summaryPage,
	}
	w.sought = strings.ReplaceAll(strings.ToValidUTF8(w.sought[:min(len(w.sought), longestSought)], ""), "\x00", "")
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 && n < w.limit {
		w.limit = n
	}
	if n, err := strconv.Atoi(q.Get("offset")); err == nil && n > 0 {
		w.offset = n
	}
	return w
}

// summary is one page of the list of pipelines with their newest executions, so that a list needs one request and not one
// for each row. Who may not list pipelines is refused; of pipelines whose executions one may not list only the name is
// told, and neither searching nor sorting tells more.
func (h *Handler) summary(w http.ResponseWriter, r *http.Request, s session) {
	if err := h.allowed(r, s, "codepipeline:ListPipelines", "*"); err != nil {
		h.refuse(w, r, err)
		return
	}
	asked := readWish(r.URL.Query())
	heads, err := h.Pipelines.Heads(r.Context(), asked.sought)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	for i := range heads {
		if h.allowed(r, s, listExecutions, h.Pipelines.ARN(heads[i].Name)) != nil {
			heads[i] = flow.Head{Name: heads[i].Name, Status: notPermitted}
		}
	}
	page, err := h.page(r.Context(), heads, asked)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, page)
}

// page chooses, sorts and cuts out what is asked for, and reads that.
func (h *Handler) page(ctx context.Context, heads []flow.Head, asked wish) (summaries, error) {
	chosen := slices.DeleteFunc(heads, func(head flow.Head) bool { return !asked.wants(&head) })
	page := summaries{Pipelines: []*flow.Summary{}, Matching: len(chosen)}
	slices.SortStableFunc(chosen, asked.compare)
	chosen = chosen[min(asked.offset, len(chosen)):]
	chosen = chosen[:min(asked.limit, len(chosen))]
	names := make([]string, len(chosen))
	for i := range chosen {
		names[i] = chosen[i].Name
	}
	found, err := h.Pipelines.Summaries(ctx, names, summaryRecent)
	for i := range chosen {
		one := found[names[i]]
		if one == nil {
			continue // it was deleted meanwhile
		}
		if chosen[i].Status == notPermitted {
			one.Recent = nil
		}
		page.Pipelines = append(page.Pipelines, one)
	}
	return page, err
}

func (w *wish) wants(h *flow.Head) bool {
	if w.status != "" && h.Status != w.status {
		return false
	}
	return w.sought == "" || strings.Contains(strings.ToLower(h.Name), w.sought) || slices.ContainsFunc(h.Sources, w.isFrom)
}

// isFrom tells whether a revision contains what is sought.
func (w *wish) isFrom(r engine.SourceRevision) bool {
	return strings.HasPrefix(strings.ToLower(r.Revision.ID), w.sought) || strings.Contains(strings.ToLower(r.Revision.Summary), w.sought)
}

// compare sorts by what is asked for; without a wish what ran last comes first.
func (w *wish) compare(a, b flow.Head) int {
	var order int
	switch w.sort {
	case "name":
		order = cmp.Compare(a.Name, b.Name)
	case "status":
		order = cmp.Compare(a.Status, b.Status)
	case "started":
		order = cmp.Compare(a.Started, b.Started)
	default:
		return cmp.Compare(b.Started, a.Started)
	}
	if w.descending {
		return -order
	}
	return order
}
