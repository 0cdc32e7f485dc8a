package engine

import "time"

func (RuleResolved) apply(*machine)        {}
func (ConditionOverridden) apply(*machine) {}

func (m *machine) timeOutRule(id string, due time.Time) {}
