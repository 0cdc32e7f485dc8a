package build

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Repository is the directory of a hosted repository that the build clones. ErrNoRepository.
func (e *Errand) Repository(ctx context.Context, name string) (string, error) {
	ctx = e.Acting(ctx)
	for _, src := range e.sources() {
		if hostedAs(&src, name) {
			return e.hosted(ctx, &src, name, e.versionOf(&src), 0)
		}
	}
	if p := e.rec.Settings.Pipeline; p != nil {
		for _, in := range p.Inputs {
			if e.refersTo(ctx, in.Bucket, in.Key, name) {
				return e.s.cfg.Repositories.Path(ctx, name)
			}
		}
	}
	noted, err := e.notedSubmodules(ctx)
	for _, sub := range noted {
		if hostedAs(&sub.src, name) {
			return e.hosted(ctx, &sub.src, name, sub.commit, sub.depth)
		}
	}
	if err == nil {
		err = clientFailure("the repository %s is no source of this build", name)
	}
	return "", err
}

func hostedAs(src *types.ProjectSource, name string) bool {
	own, err := repositoryOf(aws.ToString(src.Location))
	return err == nil && src.Type == types.SourceTypeCodecommit && own == name
}

// versionOf is what of a source is built.
func (e *Errand) versionOf(src *types.ProjectSource) string {
	b := &e.rec.Build
	if id := aws.ToString(src.SourceIdentifier); id != "" {
		return secondaryVersion(b, id)
	}
	if known := aws.ToString(b.ResolvedSourceVersion); known != "" {
		return known
	}
	return aws.ToString(b.SourceVersion)
}

func (e *Errand) hosted(ctx context.Context, src *types.ProjectSource, name, version string, depth int) (string, error) {
	dir, err := e.s.cfg.Repositories.Path(ctx, name)
	if err != nil || !wantsSubmodules(src, depth) {
		return dir, err
	}
	commit, err := e.run(ctx).resolve(ctx, dir, version)
	if err != nil {
		return dir, nil //nolint:nilerr // the worker finds the same, and says what it looked for
	}
	return dir, e.noteSubmodules(ctx, src, RemoteCommit{Path: dir, Commit: commit}, depth)
}

// refersTo reports whether an artifact stands for a clone of a repository.
func (e *Errand) refersTo(ctx context.Context, bucket, key, name string) bool {
	o, err := e.s.cfg.Objects.Open(ctx, bucket, key, "")
	if err != nil {
		return false
	}
	defer o.Body.Close()
	if o.Size > CloneRefLimit {
		return false
	}
	doc := make([]byte, o.Size)
	if _, err := o.Body.ReadAt(doc, 0); err != nil && int64(len(doc)) != o.Size {
		return false
	}
	ref, ok, err := e.s.cfg.Repositories.CloneRef(doc)
	return ok && err == nil && ref.Repository == name
}

// Fetch brings a version of a source of the build that lies elsewhere, or of one of its submodules, to this server. How it is
// fetched is not the worker's to say.
func (e *Errand) Fetch(ctx context.Context, identifier, location, version string) (RemoteCommit, error) {
	if e.s.cfg.Remotes == nil {
		return RemoteCommit{}, clientFailure("this server clones no repositories that lie elsewhere")
	}
	src, depth, err := e.elsewhere(ctx, identifier, location, version)
	if err != nil {
		return RemoteCommit{}, err
	}
	c, err := e.s.cfg.Remotes.Fetch(e.Acting(ctx), src, version)
	if err != nil || !wantsSubmodules(&src, depth) {
		return c, err
	}
	return c, e.noteSubmodules(ctx, &src, c, depth)
}

// elsewhere finds a source of the build, or a submodule that was noted.
func (e *Errand) elsewhere(ctx context.Context, identifier, location, version string) (types.ProjectSource, int, error) {
	for _, src := range e.sources() {
		if IsRemote(src.Type) && aws.ToString(src.SourceIdentifier) == identifier && aws.ToString(src.Location) == location {
			return src, 0, nil
		}
	}
	noted, err := e.notedSubmodules(ctx)
	for _, sub := range noted {
		if IsRemote(sub.src.Type) && aws.ToString(sub.src.Location) == location && sub.commit == version {
			return sub.src, sub.depth, nil
		}
	}
	if err == nil {
		err = clientFailure("%s is no source of this build, nor a submodule of one", location)
	}
	return types.ProjectSource{}, 0, err
}

// wantsSubmodules tells whether the submodules of a source are fetched; those of a submodule always are.
func wantsSubmodules(src *types.ProjectSource, depth int) bool {
	c := src.GitSubmodulesConfig
	return depth < maxSubmoduleDepth && (depth > 0 || c != nil && aws.ToBool(c.FetchSubmodules))
}

// notedSubmodule is one that the build's worker may fetch.
type notedSubmodule struct {
	src    types.ProjectSource
	commit string
	depth  int
}

// noteSubmodules lets the worker fetch what a commit has for submodules.
func (e *Errand) noteSubmodules(ctx context.Context, of *types.ProjectSource, c RemoteCommit, depth int) error {
	list, err := e.run(ctx).submodulesOf(ctx, c.Path, c.Commit)
	if err != nil || len(list) == 0 {
		return err
	}
	return e.s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		for _, sub := range list {
			src, err := sourceOfSubmodule(of, sub.url)
			if err != nil {
				continue // the worker finds the same, and says what is wrong
			}
			text, err := json.Marshal(src)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO remote_submodules (build, location, commit_id, source, depth) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (build, location, commit_id) DO NOTHING`, e.rec.ID, aws.ToString(src.Location), sub.commit, string(text), depth+1); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Errand) notedSubmodules(ctx context.Context) (list []notedSubmodule, err error) {
	err = e.s.cfg.Store.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT source, commit_id, depth FROM remote_submodules WHERE build = $1`, e.rec.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var sub notedSubmodule
			var text string
			if err := errors.Join(rows.Scan(&text, &sub.commit, &sub.depth), json.Unmarshal([]byte(text), &sub.src)); err != nil {
				return err
			}
			list = append(list, sub)
		}
		return rows.Err()
	})
	return list, err
}

// run looks into repositories, without a workspace and a log.
func (e *Errand) run(ctx context.Context) *run {
	return e.s.withoutWorkspace(ctx, e.rec)
}
