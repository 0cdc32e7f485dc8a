package pipeline

import "encoding/json"

// GitTrigger describes the event that passed a filter of a pipeline's triggers. As JSON it is the detail of a trigger of
// the type TriggerGit; its names are those of the execution-trigger of state-change events (execution.md section 11).
type GitTrigger struct {
	SourceAction string `json:"source-action-name"`
	Provider     string `json:"provider-type"`
	Repository   string `json:"full-repository-name"`
	Branch       string `json:"branch-name,omitempty"`
	Tag          string `json:"tag-name,omitempty"`
	Commit       string `json:"commit-id"`
	Author       string `json:"author-arn,omitempty"` // who pushed

	// Of a pull request; Branch is the one it comes from.
	PullRequest string `json:"pull-request-id,omitempty"`
	Title       string `json:"pull-request-title,omitempty"`
	Event       string `json:"pull-request-event,omitempty"`
	Destination string `json:"destination-branch-name,omitempty"`
}

// Trigger is g as what started an execution.
func (g GitTrigger) Trigger() ExecutionTrigger {
	detail, err := json.Marshal(g)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return ExecutionTrigger{TriggerType: TriggerGit, TriggerDetail: string(detail)}
}

// Git is the event of a trigger of the type TriggerGit; ok is false for others.
func (t ExecutionTrigger) Git() (g GitTrigger, ok bool) {
	if t.TriggerType != TriggerGit || json.Unmarshal([]byte(t.TriggerDetail), &g) != nil {
		return GitTrigger{}, false
	}
	return g, true
}
