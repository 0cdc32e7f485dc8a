package engine

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Views of a definition: what the rules ask of it.

// stageIn finds a stage by name; its index is -1 when there is none.
func stageIn(d *pipeline.Definition, name string) (*pipeline.Stage, int) {
	if d != nil {
		for i := range d.Stages {
			if d.Stages[i].Name == name {
				return &d.Stages[i], i
			}
		}
	}
	return nil, -1
}

func actionIn(d *pipeline.Definition, stage, name string) *pipeline.Action {
	s, _ := stageIn(d, stage)
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

// mode is the declared execution mode; SUPERSEDED when none is.
func mode(d *pipeline.Definition) pipeline.ExecutionMode {
	if d.ExecutionMode == "" {
		return pipeline.Superseded
	}
	return d.ExecutionMode
}

func runOrder(a *pipeline.Action) int { return max(a.RunOrder, 1) }

func isApproval(a *pipeline.Action) bool { return a.ActionTypeID.Category == "Approval" }

func isSource(a *pipeline.Action) bool { return a.ActionTypeID.Category == "Source" }

// store is the bucket that the artifacts of an action or rule lie in: that of the region it declares, or else of the
// pipeline's (P6).
func store(d *pipeline.Definition, declared, pipelines string) string {
	if d.ArtifactStore != nil {
		return d.ArtifactStore.Location
	}
	if declared == "" {
		declared = pipelines
	}
	return d.ArtifactStores[declared].Location
}

// Default timeouts (P3).
const (
	defaultTimeout  = time.Hour
	approvalTimeout = 7 * 24 * time.Hour
	customTimeout   = 24 * time.Hour
	computeTimeout  = 55 * time.Minute
)

// Timeout is how long an action may run before it fails (P3).
func Timeout(a *pipeline.Action) time.Duration {
	id := a.ActionTypeID
	switch {
	case isApproval(a) && a.TimeoutInMinutes > 0:
		return time.Duration(a.TimeoutInMinutes) * time.Minute
	case isApproval(a):
		return approvalTimeout
	case id.Owner == "Custom", id.Owner == "ThirdParty" && !isSource(a):
		return customTimeout
	}
	switch id.Category + "/" + id.Provider {
	case "Build/CodeBuild":
		return 36 * time.Hour
	case "Test/CodeBuild":
		return 8 * time.Hour
	case "Deploy/CloudFormation":
		return 3 * 24 * time.Hour
	case "Deploy/CodeDeploy", "Deploy/CodeDeployToECS":
		return 5 * 24 * time.Hour
	case "Deploy/S3":
		return 90 * time.Minute
	case "Invoke/Lambda":
		return 24 * time.Hour
	case "Invoke/StepFunctions":
		return 7 * 24 * time.Hour
	case "Compute/Commands", "Build/ECRBuildAndPublish", "Invoke/InspectorScan":
		return computeTimeout
	}
	return defaultTimeout
}

// structure fingerprints what may not change between a failure and its retry (E4): which stages and actions there are,
// in which order they run, what kind they are and which artifacts pass between them. Configuration, names of roles and
// conditions may change: a retry runs with the corrected ones.
func structure(d *pipeline.Definition) string {
	parts := []string{string(mode(d))}
	for i := range d.Stages {
		parts = append(parts, "stage", d.Stages[i].Name)
		for j := range d.Stages[i].Actions {
			parts = appendStructure(parts, &d.Stages[i].Actions[j])
		}
	}
	sum := digest(parts...)
	return hex.EncodeToString(sum[:8])
}

func appendStructure(parts []string, a *pipeline.Action) []string {
	id := a.ActionTypeID
	parts = append(parts, "action", a.Name, strconv.Itoa(runOrder(a)), id.Category, id.Owner, id.Provider, id.Version)
	for _, in := range a.InputArtifacts {
		parts = append(parts, "in", in.Name)
	}
	for _, out := range a.OutputArtifacts {
		parts = append(parts, "out", out.Name)
	}
	return parts
}
