package console

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

const (
	mostQuestions  = 200
	longestRequest = 1 << 20
)

// question is whether an action may be done on a resource.
type question struct {
	Action   string `json:"action"`
	Resource string `json:"resource"` // an ARN, or * for what has none
}

// may answers for all that a page offers at once, so that it can show what its person may not do before they try. An
// answer is no promise: conditions may look at what a request contains.
func (h *Handler) may(w http.ResponseWriter, r *http.Request, s session) {
	var asked struct{ Questions []question }
	if err := readBody(w, r, &asked); err != nil {
		h.refuse(w, r, err)
		return
	}
	if len(asked.Questions) > mostQuestions {
		h.refuse(w, r, awsapi.Errorf("ValidationException", "Ask at most %d questions at once.", mostQuestions))
		return
	}
	answers := make([]bool, len(asked.Questions))
	for i, q := range asked.Questions {
		answers[i] = h.allowed(r, s, q.Action, q.Resource) == nil
	}
	answer(w, http.StatusOK, map[string][]bool{"allowed": answers})
}

// check tells what UpdatePipeline or CreatePipeline would say of a definition, without changing anything.
func (h *Handler) check(w http.ResponseWriter, r *http.Request, s session) {
	var asked struct{ Pipeline pipeline.Definition }
	err := readBody(w, r, &asked)
	if err == nil {
		err = h.allowed(r, s, "codepipeline:GetPipeline", h.Pipelines.ARN(asked.Pipeline.Name))
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	err = h.Pipelines.CheckPipeline(r.Context(), asked.Pipeline)
	if e, ok := errors.AsType[*pipeline.Error](err); ok {
		answer(w, http.StatusOK, map[string]string{"problem": string(e.Kind), "message": e.Message})
		return
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestRequest))
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return awsapi.Errorf("ValidationException", "The request is not what its page sends: %v.", err)
	}
	return nil
}
