package pipeline

import (
	"math"
)

// Rules are checked the way actions are. They stand before all actions of their stage, except those of onSuccess, which
// stand after them: when a stage has failed, nothing is sure to have been produced in it.
const (
	beforeActions = 0
	afterActions  = math.MaxInt
)

// AsAction is the rule in the form of an action of the category Rule: what providers run and variables are resolved in.
// The owner and version that a declaration may leave out are filled in.
func (r *Rule) AsAction() Action {
	id := r.RuleTypeID
	if id.Owner == "" {
		id.Owner = "AWS"
	}
	if id.Version == "" {
		id.Version = "1"
	}
	return Action{
		Name:             r.Name,
		ActionTypeID:     ActionTypeID(id),
		Configuration:    r.Configuration,
		Commands:         r.Commands,
		InputArtifacts:   r.InputArtifacts,
		RoleArn:          r.RoleArn,
		Region:           r.Region,
		TimeoutInMinutes: r.TimeoutInMinutes,
	}
}

// slot is one of the places of a stage that hold conditions.
type slot struct {
	name       string
	conditions []Condition
	order      int
}

func (s *Stage) slots() []slot {
	list := make([]slot, 0, 3)
	if s.BeforeEntry != nil {
		list = append(list, slot{"beforeEntry", s.BeforeEntry.Conditions, beforeActions})
	}
	if s.OnSuccess != nil {
		list = append(list, slot{"onSuccess", s.OnSuccess.Conditions, afterActions})
	}
	if s.OnFailure != nil {
		list = append(list, slot{"onFailure", s.OnFailure.Conditions, beforeActions})
	}
	return list
}

func placeRules(s *Stage, index int, w World) []*placedAction {
	var placed []*placedAction
	for _, slot := range s.slots() {
		for _, condition := range slot.conditions {
			for i := range condition.Rules {
				r := condition.Rules[i].AsAction()
				p := &placedAction{Action: &r, slot: slot.name, stage: s.Name, stageIndex: index, order: slot.order}
				p.facts, p.known = w.ActionTypes(r.ActionTypeID)
				placed = append(placed, p)
			}
		}
	}
	return placed
}

func wrongRuleCommands(_ *candidate, r *placedAction) string {
	switch runs := r.ActionTypeID.Provider == "Commands"; {
	case runs && len(r.Commands) == 0:
		return capital(r.subject()) + " must have a non-empty commands field"
	case !runs && len(r.Commands) > 0:
		return capital(r.subject()) + " has the field commands, which only Commands rules can have"
	}
	return severalLines(r)
}
