package console

import (
	"net/http"
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/flow"
)

const (
	summaryPage   = 500
	summaryRecent = 10
)

// summaries is one page of the list of pipelines.
type summaries struct {
	Pipelines []flow.Summary `json:"pipelines"`
	Next      string         `json:"next,omitempty"` // where the next page begins
}

// summary lists pipelines with their newest executions, so that a list needs one request and not one for each row. Who
// may not list pipelines is refused; of pipelines whose executions one may not list only the name is told.
func (h *Handler) summary(w http.ResponseWriter, r *http.Request, s session) {
	if err := h.allowed(r, s, "codepipeline:ListPipelines", "*"); err != nil {
		h.refuse(w, r, err)
		return
	}
	limit := summaryPage
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && n > 0 && n < limit {
		limit = n
	}
	list, err := h.Pipelines.Summaries(r.Context(), r.URL.Query().Get("after"), limit, summaryRecent)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	page := summaries{Pipelines: list}
	if len(list) == limit {
		page.Next = list[limit-1].Name
	}
	for i := range list {
		if h.allowed(r, s, "codepipeline:ListPipelineExecutions", h.Pipelines.ARN(list[i].Name)) != nil {
			list[i].Recent = nil
		}
	}
	answer(w, http.StatusOK, page)
}
