package engine

import (
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// What actions hand to each other: artifacts (P6), revisions and output variables (P7).

// inputs are the artifacts an action or a rule reads, as produced last (E4: a re-run replaces what it produced before).
// One that lies in another region's store is read from a copy in the store of the reader's region, under the same key;
// whoever starts the work makes the copy first (P6).
func inputs(d *pipeline.Definition, e *exec, declared []pipeline.InputArtifact, region string) []pipeline.Artifact {
	if len(declared) == 0 {
		return nil
	}
	bucket := store(d, region, e.Region)
	in := make([]pipeline.Artifact, len(declared))
	for i, ref := range declared {
		in[i].Name = ref.Name
		if j := artifactIndex(e.Artifacts, ref.Name); j >= 0 {
			in[i] = e.Artifacts[j]
		}
		if bucket != "" && in[i].Bucket != bucket && isStore(d, in[i].Bucket) {
			in[i].Bucket = bucket
		}
	}
	return in
}

func isStore(d *pipeline.Definition, bucket string) bool {
	for _, s := range d.ArtifactStores {
		if s.Location == bucket {
			return true
		}
	}
	return false
}

// outputs are the locations an action is to put its artifacts at.
func outputs(d *pipeline.Definition, declared *pipeline.Action, region, id string) []pipeline.Artifact {
	if len(declared.OutputArtifacts) == 0 {
		return nil
	}
	out := make([]pipeline.Artifact, len(declared.OutputArtifacts))
	for i, o := range declared.OutputArtifacts {
		out[i] = pipeline.Artifact{Name: o.Name, Bucket: store(d, declared.Region, region), Key: artifactKey(d.Name, o.Name, id)}
	}
	return out
}

func artifactIndex(artifacts []pipeline.Artifact, name string) int {
	return slices.IndexFunc(artifacts, func(a pipeline.Artifact) bool { return a.Name == name })
}

// relocate takes over the locations a provider chose itself.
func relocate(outputs, chosen []pipeline.Artifact) []pipeline.Artifact {
	if len(chosen) == 0 {
		return outputs
	}
	out := slices.Clone(outputs)
	for _, c := range chosen {
		if i := artifactIndex(out, c.Name); i >= 0 {
			out[i] = c
			out[i].Revision = clipRevision(c.Revision)
		}
	}
	return out
}

// withRevision marks the outputs that carry no revision of their own.
func withRevision(outputs []pipeline.Artifact, rev *pipeline.Revision) []pipeline.Artifact {
	out := slices.Clone(outputs)
	for i := range out {
		if out[i].Revision == nil {
			out[i].Revision = rev
		}
	}
	return out
}

// recordRevision makes what a source fetched part of the execution and of what its stage shows (E9 currentRevision).
func (m *machine) recordRevision(e *exec, a *ActionExecution, rev *pipeline.Revision) {
	revisions := slices.DeleteFunc(slices.Clone(e.Revisions), func(r SourceRevision) bool { return r.Action == a.Name })
	for _, o := range a.Outputs {
		if o.Revision != nil {
			revisions = append(revisions, SourceRevision{Action: a.Name, Artifact: o.Name, Revision: *o.Revision})
		}
	}
	if len(a.Outputs) == 0 && rev != nil {
		revisions = append(revisions, SourceRevision{Action: a.Name, Revision: *rev})
	}
	e.Revisions = list(revisions)
	m.touch(e, e.Reason)
	st := m.shown(e)
	if st == nil {
		return
	}
	if i := slices.IndexFunc(st.Actions, func(s ActionState) bool { return s.Name == a.Name }); i >= 0 && rev != nil {
		st.Actions = slices.Clone(st.Actions)
		st.Actions[i].Revision = rev
	}
}

func upsertArtifacts(all, made []pipeline.Artifact) []pipeline.Artifact {
	if len(made) == 0 {
		return all
	}
	all = slices.Clone(all)
	for _, a := range made {
		if i := artifactIndex(all, a.Name); i >= 0 {
			all[i] = a
		} else {
			all = append(all, a)
		}
	}
	return all
}

func upsertOutput(all []ActionOutput, o ActionOutput) []ActionOutput {
	all = slices.Clone(all)
	if i := slices.IndexFunc(all, func(x ActionOutput) bool { return x.Namespace == o.Namespace }); i >= 0 {
		all[i] = o
		return all
	}
	return append(all, o)
}
