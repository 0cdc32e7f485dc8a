// Package gitrepo keeps bare Git repositories on disk and reads and writes them: refs, commits, trees, archives.
//
// What a repository is called, described and tagged lies in the SQL store; its objects and refs are an ordinary bare
// repository that the system's git reads and writes. A directory is named by the repository's id, so that a rename is
// one row and a name never reaches the file system.
//
// Every change of a ref, whether by a push (githost) or by the API, goes through the journal: what is intended is
// recorded before git is let loose, and what git did is turned into push events before anyone is told of success.
package gitrepo

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors of Store. They are wrapped with the name of what was asked for; test with errors.Is.
var (
	ErrNoRepository     = errors.New("repository does not exist")
	ErrRepositoryExists = errors.New("a repository of that name exists already")
	ErrBadName          = errors.New("not a valid repository name")
	// ErrNoRef: the branch, tag or commit does not exist.
	ErrNoRef = errors.New("branch, tag or commit does not exist")
	// ErrBranchExists: the branch is there already.
	ErrBranchExists = errors.New("branch exists already")
	// ErrTagExists: the tag is there already.
	ErrTagExists = errors.New("tag exists already")
	// ErrBadBranch: git would not accept this branch name.
	ErrBadBranch = errors.New("not a valid branch name")
	// ErrDefaultBranch: the default branch cannot be deleted.
	ErrDefaultBranch = errors.New("the default branch cannot be deleted")
	// ErrNoPath: the commit has no such file or folder.
	ErrNoPath = errors.New("path does not exist in the commit")
	// ErrBadPath: the path would not be a path inside the tree (absolute, `..`, `.git`, NUL, backslash, ...).
	ErrBadPath = errors.New("not a valid path")
	// ErrTreeTooLarge: the commit holds more files than can be listed.
	ErrTreeTooLarge = errors.New("the commit's tree is too large")
	// ErrOutdated: the branch's tip is not the commit the caller builds upon.
	ErrOutdated = errors.New("the branch has moved on")
	// ErrBusy: another update of the same ref was under way; trying again helps.
	ErrBusy = errors.New("the ref is being updated by someone else")
)

// Source is what the CodeCommit source action and builds need of hosted repositories. Implemented by *Store.
type Source interface {
	// Head resolves a branch to its commit. ErrNoRepository, ErrNoRef.
	Head(ctx context.Context, repository, branch string) (Commit, error)
	// Commit reads one commit by its full id. ErrNoRepository, ErrNoRef.
	Commit(ctx context.Context, repository, id string) (Commit, error)
	// Zip writes the tree of a commit as a zip: no .git, sorted, the commit's time on every entry, executable bits and
	// symlinks kept, submodules left out. The same commit gives the same bytes on every machine. Memory is bounded for
	// blobs of any size. ErrNoRepository, ErrNoRef.
	Zip(ctx context.Context, repository, commit string, w io.Writer) error
	// Path is the bare repository's directory, for a clone on the same machine. It must not be written to.
	Path(ctx context.Context, repository string) (string, error)
}

var _ Source = (*Store)(nil)

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
	// Additional is what else the commit's header holds, such as a signature.
	Additional string
}
