// Package gitrepo keeps bare Git repositories on disk and reads and writes them: refs, commits, trees, archives.
package gitrepo

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors of Repositories.
var (
	ErrNoRepository = errors.New("repository does not exist")
	ErrNoRef        = errors.New("branch, tag or commit does not exist")
)

// Source is what the CodeCommit source action and builds need of hosted repositories. Implemented by *Store.
type Source interface {
	// Head resolves a branch to its commit. ErrNoRepository, ErrNoRef.
	Head(ctx context.Context, repository, branch string) (Commit, error)
	// Commit reads one commit by its full id.
	Commit(ctx context.Context, repository, id string) (Commit, error)
	// Zip writes the tree of a commit as a zip: no .git, sorted, fixed times, executable bits and symlinks kept. The same
	// commit gives the same bytes on every machine.
	Zip(ctx context.Context, repository, commit string, w io.Writer) error
	// Path is the bare repository's directory, for a clone on the same machine.
	Path(ctx context.Context, repository string) (string, error)
}

// Commit is one commit.
type Commit struct {
	ID, Tree       string
	Parents        []string
	AuthorName     string
	AuthorEmail    string
	AuthorDate     time.Time
	CommitterName  string
	CommitterEmail string
	CommitterDate  time.Time
	Message        string
}
