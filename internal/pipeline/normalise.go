package pipeline

import (
	"maps"
	"slices"
)

// Normalise returns d as the service stores and echoes it: defaults filled in, the version left to the server. d itself
// is not changed.
func Normalise(d Definition) Definition {
	if d.ExecutionMode == "" {
		d.ExecutionMode = Superseded
	}
	if d.PipelineType == "" {
		d.PipelineType = V1
		if firstV2Feature(&d) != "" {
			d.PipelineType = V2
		}
	}
	d.Stages = slices.Clone(d.Stages)
	for i := range d.Stages {
		s := &d.Stages[i]
		s.Actions = slices.Clone(s.Actions)
		for j := range s.Actions {
			normaliseAction(&s.Actions[j])
		}
	}
	return d
}

func normaliseAction(a *Action) {
	if a.RunOrder == 0 {
		a.RunOrder = 1
	}
	if a.Configuration == nil {
		a.Configuration = map[string]string{}
	}
	a.EnvironmentVariables = slices.Clone(a.EnvironmentVariables)
	for i := range a.EnvironmentVariables {
		if a.EnvironmentVariables[i].Type == "" {
			a.EnvironmentVariables[i].Type = "PLAINTEXT"
		}
	}
}

// Stage finds a stage by name, nil when there is none.
func (d *Definition) Stage(name string) *Stage {
	for i := range d.Stages {
		if d.Stages[i].Name == name {
			return &d.Stages[i]
		}
	}
	return nil
}

// Action finds an action by name, nil when there is none (or no stage).
func (s *Stage) Action(name string) *Action {
	if s == nil {
		return nil
	}
	for i := range s.Actions {
		if s.Actions[i].Name == name {
			return &s.Actions[i]
		}
	}
	return nil
}

// Order is the action's runOrder; an undeclared one is 1.
func (a *Action) Order() int { return max(a.RunOrder, 1) }

// OutputFiles are the patterns of the files that make the output artifact. Only actions that run commands have them, and
// those make one artifact at most.
func (a *Action) OutputFiles() []string {
	if len(a.OutputArtifacts) == 0 {
		return nil
	}
	return a.OutputArtifacts[0].Files
}

// IsSource reports whether the action brings revisions in.
func (a *Action) IsSource() bool { return a.ActionTypeID.Category == CategorySource }

// The categories of actions that the service treats specially, and the only one of rules.
const (
	CategorySource   = "Source"
	CategoryApproval = "Approval"
	CategoryCompute  = "Compute"
	CategoryRule     = "Rule"
)

// StoreFor is the artifact store of a region; ok is false when there is none.
func (d *Definition) StoreFor(region string) (store ArtifactStore, ok bool) {
	if d.ArtifactStore != nil {
		return *d.ArtifactStore, true
	}
	store, ok = d.ArtifactStores[region]
	return store, ok
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
