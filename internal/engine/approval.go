package engine

import "github.com/conveyor-cd/conveyor/internal/pipeline"

// apply decides an approval (E7).
func (ev ApprovalGiven) apply(m *machine) {
	e, a := m.approval(ev.Token)
	if a == nil {
		return
	}
	a.Summary = clip(ev.Summary, maxApprovalSummary)
	if ev.Approved {
		m.succeed(e, a, nil, nil, ev.By)
	} else {
		m.fail(e, a, rejection(ev), ev.By)
	}
	m.advance(e)
}

func rejection(ev ApprovalGiven) pipeline.ErrorDetails {
	message := "Rejected by " + orSomebody(ev.By) + "."
	if ev.Summary != "" {
		message = "Rejected by " + orSomebody(ev.By) + ": " + clip(ev.Summary, maxApprovalSummary)
	}
	return pipeline.ErrorDetails{Code: pipeline.JobFailed, Message: message}
}

func (m *machine) approval(token string) (*exec, *ActionExecution) {
	for _, e := range m.execs {
		if e.Stage == nil || token == "" {
			continue
		}
		for i := range e.Stage.Actions {
			if a := &e.Stage.Actions[i]; a.Token == token && a.Status == pipeline.StatusInProgress {
				return e, &m.inside(e).Actions[i]
			}
		}
	}
	return nil, nil
}
