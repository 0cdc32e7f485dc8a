package flow

import (
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Revision types of SourceRevisionOverride.
const (
	revisionCommit    = "COMMIT_ID"
	revisionImage     = "IMAGE_DIGEST"
	revisionS3Version = "S3_OBJECT_VERSION_ID"
	revisionS3Key     = "S3_OBJECT_KEY"
)

// overrideTypes says which revisions of which sources can be pinned.
var overrideTypes = map[string][]string{
	"CodeCommit":       {revisionCommit},
	ProviderConnection: {revisionCommit},
	"GitHub":           {revisionCommit},
	ProviderGit:        {revisionCommit},
	ProviderSubversion: {revisionCommit},
	ProviderMercurial:  {revisionCommit},
	"S3":               {revisionS3Version, revisionS3Key},
	"ECR":              {revisionImage},
}

// checkOverrides refuses pinned revisions that do not fit the pipeline's sources.
func checkOverrides(d *pipeline.Definition, overrides []pipeline.SourceRevisionOverride) error {
	seen := map[pipeline.SourceRevisionOverride]bool{}
	for _, o := range overrides {
		if problem := overrideProblem(d, o); problem != "" {
			return pipeline.Errorf(pipeline.Validation, "%s", problem)
		}
		once := pipeline.SourceRevisionOverride{ActionName: o.ActionName, RevisionType: o.RevisionType}
		if seen[once] {
			return pipeline.Errorf(pipeline.Validation, "The source revision override for action '%s' of type %s is given twice", o.ActionName, o.RevisionType)
		}
		seen[once] = true
	}
	return nil
}

func overrideProblem(d *pipeline.Definition, o pipeline.SourceRevisionOverride) string {
	a := d.Stages[0].Action(o.ActionName)
	if a == nil || !a.IsSource() {
		return fmt.Sprintf("The source revision override names the action '%s', which is not a source action of the pipeline", o.ActionName)
	}
	fits := false
	for _, t := range overrideTypes[a.ActionTypeID.Provider] {
		fits = fits || t == o.RevisionType
	}
	if !fits {
		return fmt.Sprintf("The source revision override for action '%s' has the type %s, which does not fit a source of provider %s",
			o.ActionName, o.RevisionType, a.ActionTypeID.Provider)
	}
	if o.RevisionType == revisionS3Key && a.Configuration["AllowOverrideForS3ObjectKey"] != "true" {
		return fmt.Sprintf("The source revision override for action '%s' has the type %s, which needs AllowOverrideForS3ObjectKey set to true in the action's configuration",
			o.ActionName, o.RevisionType)
	}
	return ""
}

// resolveVariables freezes the pipeline-level variables for an execution: what was given, else the default. A variable
// without either is named in missing.
func resolveVariables(d *pipeline.Definition, given []pipeline.ResolvedVariable) (values []pipeline.ResolvedVariable, missing string) {
	for _, declared := range d.Variables {
		value := declared.DefaultValue
		for _, g := range given {
			if g.Name == declared.Name {
				value = g.ResolvedValue
			}
		}
		if value == "" {
			missing = fmt.Sprintf("The pipeline variable '%s' has no default value and was not given one", declared.Name)
			continue
		}
		values = append(values, pipeline.ResolvedVariable{Name: declared.Name, ResolvedValue: value})
	}
	return values, missing
}

// unknownVariable says which given variable the pipeline does not declare, or "".
func unknownVariable(d *pipeline.Definition, given []pipeline.ResolvedVariable) string {
	for _, g := range given {
		known := false
		for _, declared := range d.Variables {
			known = known || declared.Name == g.Name
		}
		if !known {
			return fmt.Sprintf("The pipeline does not declare a variable '%s'", g.Name)
		}
	}
	return ""
}
