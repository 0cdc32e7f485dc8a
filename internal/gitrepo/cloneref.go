package gitrepo

import (
	"encoding/json"
	"fmt"
	"strings"
)

// cloneRefFormat marks the artifacts that hold a CloneRef.
const cloneRefFormat = "conveyor-clone-ref/1"

// CloneRefLimit is how long an artifact can be at most that holds a CloneRef; readers need not look further.
const CloneRefLimit = 16 << 10

// CloneRef is the content of an artifact in the format CODEBUILD_CLONE_REF: where to clone from instead of what was
// cloned. The source action writes it, builds read it.
type CloneRef struct {
	Format     string `json:"format"`
	Repository string `json:"repository"`
	Branch     string `json:"branch"`
	Commit     string `json:"commit"`
	CloneURL   string `json:"cloneUrl,omitempty"`
	// Mirror stands for a mirror of a repository elsewhere, instead of Repository; only the server that wrote it can read
	// it, so that nobody can make up a reference to somebody else's mirror.
	Mirror string `json:"mirror,omitempty"`
}

// mirrored begins the names of mirrors. No hosted repository has such a name.
const mirrored = "mirror:"

// Name is what the repository is asked for by: the hosted one's, or one that MirrorNamed knows.
func (r CloneRef) Name() string {
	if r.Mirror != "" {
		return mirrored + r.Mirror
	}
	return r.Repository
}

// MirrorNamed is the Mirror of the CloneRef that a name is of; ok is false for the name of a hosted repository.
func MirrorNamed(name string) (mirror string, ok bool) { return strings.CutPrefix(name, mirrored) }

// Marshal is the artifact's content. The same reference gives the same bytes.
func (r CloneRef) Marshal() ([]byte, error) {
	r.Format = cloneRefFormat
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// ParseCloneRef reads an artifact that may hold a CloneRef. It reports false for anything else, such as a zip, and an
// error for a reference that is damaged.
func ParseCloneRef(artifact []byte) (CloneRef, bool, error) {
	var r CloneRef
	if len(artifact) == 0 || len(artifact) > CloneRefLimit || artifact[0] != '{' {
		return CloneRef{}, false, nil
	}
	if err := json.Unmarshal(artifact, &r); err != nil || r.Format != cloneRefFormat {
		return CloneRef{}, false, nil
	}
	if !ValidID(r.Commit) || r.Mirror == "" && ValidName(r.Repository) != nil {
		return CloneRef{}, true, fmt.Errorf("clone reference artifact is damaged: repository %q, commit %q", r.Repository, r.Commit)
	}
	return r, true, nil
}
