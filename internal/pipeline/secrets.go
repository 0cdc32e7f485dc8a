package pipeline

import (
	"maps"
	"slices"
	"strings"
)

// Masked is what stands for a secret configuration value in every answer.
const Masked = "****"

// MaskSecrets returns d with the values of its secret configuration keys replaced by Masked.
func MaskSecrets(d Definition, types Catalog) Definition {
	return mapSecrets(d, types, func(_, _ string, _ *Action, _ string) string { return Masked })
}

// RestoreSecrets returns d, as sent by a client that had read it before, with every masked secret replaced by the one
// stored in old. Stage name, action name and action type must be unchanged; otherwise the mask stays and the secret
// has to be entered again.
func RestoreSecrets(d, old Definition, types Catalog) Definition {
	return mapSecrets(d, types, func(value, stage string, a *Action, key string) string {
		if !IsMask(value) {
			return value
		}
		s := old.Stage(stage)
		if s == nil {
			return value
		}
		before := s.Action(a.Name)
		if before == nil || before.ActionTypeID != a.ActionTypeID {
			return value
		}
		if stored, ok := before.Configuration[key]; ok {
			return stored
		}
		return value
	})
}

// MaskConfiguration is MaskSecrets for one action's configuration.
func MaskConfiguration(id ActionTypeID, configuration map[string]string, types Catalog) map[string]string {
	facts, ok := types(id)
	if !ok {
		return configuration
	}
	var masked map[string]string
	for _, p := range facts.Properties {
		if _, given := configuration[p.Name]; !p.Secret || !given {
			continue
		}
		if masked == nil {
			masked = maps.Clone(configuration)
		}
		masked[p.Name] = Masked
	}
	if masked == nil {
		return configuration
	}
	return masked
}

func mapSecrets(d Definition, types Catalog, change func(value, stage string, a *Action, key string) string) Definition {
	d.Stages = slices.Clone(d.Stages)
	for i := range d.Stages {
		s := &d.Stages[i]
		s.Actions = slices.Clone(s.Actions)
		for j := range s.Actions {
			a := &s.Actions[j]
			facts, ok := types(a.ActionTypeID)
			if !ok {
				continue
			}
			for _, p := range facts.Properties {
				value, given := a.Configuration[p.Name]
				if !p.Secret || !given {
					continue
				}
				a.Configuration = maps.Clone(a.Configuration)
				a.Configuration[p.Name] = change(value, s.Name, a, p.Name)
			}
		}
	}
	return d
}

// IsMask recognises a mask. It accepts what AWS has shown over the years: four stars or more, and nothing else.
func IsMask(s string) bool {
	return len(s) >= len(Masked) && strings.Trim(s, "*") == ""
}
