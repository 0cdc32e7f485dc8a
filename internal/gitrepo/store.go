package gitrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Options tune a Store. The zero value is ready to use.
type Options struct {
	// Region and Account are what ARNs say; default us-east-1 and 000000000000.
	Region, Account string
	// Git is the git program; default "git", found in PATH.
	Git string
	// MaxPack bounds what one push may send, in bytes; 0 is 10 GiB, negative is no limit.
	MaxPack int64
	// Log gets what nobody waits for: repairs, clean-up. Default: nothing is logged.
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Store is the hosted repositories of one data directory. All methods may be called from many goroutines, and several
// servers may share the directory and the database.
type Store struct {
	dir     string
	db      store.Store
	git     *git
	readers *readers
	opts    Options
	onPush  PushHook
	writing locks // per branch: one API write at a time

	ctx   context.Context // of what runs in the background; ends with Close
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// Open prepares dir for repositories whose metadata lies in db. It starts nothing; call Recover before the first push.
func Open(dir string, db store.Store, o Options) (*Store, error) {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "000000000000"
	}
	if o.Git == "" {
		o.Git = "git"
	}
	if o.MaxPack == 0 {
		o.MaxPack = 10 << 30
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, homeDir), filepath.Join(dir, pushDir), filepath.Join(dir, trashDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("prepare repositories: %w", err)
		}
	}
	g, err := newGit(o.Git, filepath.Join(dir, homeDir), settings(o.MaxPack))
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, db: db, git: g, readers: &readers{git: g}, opts: o}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// The directories beside those of repositories, which are named by two hexadecimal digits.
const (
	homeDir  = "home"  // HOME of git: empty
	pushDir  = "push"  // lock files of pushes under way
	trashDir = "trash" // deleted repositories on their way out
)

// background runs f until Close.
func (s *Store) background(f func(ctx context.Context)) {
	s.tasks.Go(func() { f(s.ctx) })
}

// Close ends the processes that are kept for reading and what runs in the background. Requests under way end as they
// would.
func (s *Store) Close() error {
	s.stop()
	s.tasks.Wait()
	s.readers.close()
	return nil
}

// Repository is what is known about a repository.
type Repository struct {
	ID            string // never changes, not even with the name
	Name          string
	Arn           string
	Description   string
	DefaultBranch string // "" until the first branch exists
	KMSKey        string // recorded and reported back; contents are not encrypted
	Tags          map[string]string
	Created       time.Time
	Modified      time.Time
	Pushed        time.Time // zero: never
}

// Arn is the ARN of a repository of that name.
func (s *Store) Arn(name string) string {
	return "arn:aws:codecommit:" + s.opts.Region + ":" + s.opts.Account + ":" + name
}

// dirOf is the bare repository of a repository id.
func (s *Store) dirOf(id string) string { return filepath.Join(s.dir, id[:2], id+".git") }

// Path implements Source.
func (s *Store) Path(ctx context.Context, repository string) (string, error) {
	r, err := s.Get(ctx, repository)
	if err != nil {
		return "", err
	}
	return s.dirOf(r.ID), nil
}

// Create makes an empty repository. Only Name, Description, KMSKey and Tags of r are used. ErrBadName,
// ErrRepositoryExists.
func (s *Store) Create(ctx context.Context, r Repository) (Repository, error) {
	if err := ValidName(r.Name); err != nil {
		return Repository{}, err
	}
	if _, err := s.Get(ctx, r.Name); err == nil {
		return Repository{}, fmt.Errorf("repository %s: %w", r.Name, ErrRepositoryExists)
	} else if !errors.Is(err, ErrNoRepository) {
		return Repository{}, err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return Repository{}, err
	}
	now := s.opts.Now().UTC().Truncate(time.Microsecond)
	r = Repository{ID: id.String(), Name: r.Name, Description: r.Description, KMSKey: r.KMSKey, Tags: r.Tags, Created: now, Modified: now}
	dir := s.dirOf(r.ID)
	if err := s.initialise(ctx, dir); err != nil {
		return Repository{}, errors.Join(fmt.Errorf("create repository %s: %w", r.Name, err), os.RemoveAll(dir))
	}
	if err := s.insert(ctx, r); err != nil {
		return Repository{}, errors.Join(err, os.RemoveAll(dir))
	}
	r.Arn = s.Arn(r.Name)
	return r, nil
}

// initialise makes the bare repository in dir and syncs it.
func (s *Store) initialise(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if _, err := s.git.run(ctx, filepath.Dir(dir), nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main",
		"--object-format=sha1", dir); err != nil {
		return err
	}
	return syncPaths(filepath.Join(dir, "config"), filepath.Join(dir, "HEAD"), filepath.Join(dir, "objects"),
		filepath.Join(dir, "refs"), dir, filepath.Dir(dir), s.dir)
}

// Get finds a repository by name. ErrNoRepository.
func (s *Store) Get(ctx context.Context, name string) (Repository, error) {
	var r Repository
	err := s.db.Read(ctx, func(q store.Reader) error {
		var err error
		r, err = s.scan(q.QueryRow(ctx, `SELECT `+columns+` FROM repositories WHERE name = $1`, name))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Repository{}, fmt.Errorf("repository %s: %w", name, ErrNoRepository)
	}
	return r, err
}

// Delete removes a repository for good and returns its id. ErrNoRepository.
func (s *Store) Delete(ctx context.Context, name string) (id string, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		err := tx.QueryRow(ctx, `DELETE FROM repositories WHERE name = $1 RETURNING id`, name).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("repository %s: %w", name, ErrNoRepository)
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM push_intents WHERE repository_id = $1`, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM push_events WHERE repository_id = $1`, id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO deleted_repositories (id, deleted_at) VALUES ($1, $2)`, id, store.Micros(tx.Now()))
		return err
	})
	if err != nil {
		return "", err
	}
	if err := s.discard(ctx, id); err != nil {
		s.opts.Log.Warn("the directory of a deleted repository stays until the next start", "repository", name, "id", id, "error", err)
	}
	return id, nil
}

// discard removes the directory of a deleted repository. What a crash leaves behind, Recover removes.
func (s *Store) discard(ctx context.Context, id string) error {
	dir, trash := s.dirOf(id), filepath.Join(s.dir, trashDir, id)
	s.readers.drop(dir)
	if err := os.Rename(dir, trash); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(trash); err != nil {
		return err
	}
	return s.db.InTx(context.WithoutCancel(ctx), func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM deleted_repositories WHERE id = $1`, id)
		return err
	})
}

// Head implements Source.
func (s *Store) Head(ctx context.Context, repository, branch string) (Commit, error) {
	if err := ValidBranch(branch); err != nil {
		return Commit{}, fmt.Errorf("branch %q: %w", branch, ErrNoRef)
	}
	c, err := s.commit(ctx, repository, "refs/heads/"+branch)
	if errors.Is(err, ErrNoRef) {
		err = fmt.Errorf("branch %s of repository %s: %w", branch, repository, ErrNoRef)
	}
	return c, err
}

// Commit implements Source.
func (s *Store) Commit(ctx context.Context, repository, id string) (Commit, error) {
	if !ValidID(id) {
		return Commit{}, fmt.Errorf("commit %q: %w", id, ErrNoRef)
	}
	c, err := s.commit(ctx, repository, id)
	if err == nil && c.ID != id { // the id of an annotated tag
		err = fmt.Errorf("commit %s: %w", id, ErrNoRef)
	}
	return c, err
}

// commit reads the commit that spec, a full id or ref, names.
func (s *Store) commit(ctx context.Context, repository, spec string) (Commit, error) {
	var c Commit
	err := s.read(ctx, repository, func(r *reader) error {
		var err error
		c, err = r.commit(spec)
		return err
	})
	return c, err
}

// commit reads the commit that spec, a full id or ref, names. ErrNoRef.
func (r *reader) commit(spec string) (Commit, error) {
	id, data, err := r.load(spec+"^{commit}", "commit")
	if errors.Is(err, errMissing) {
		return Commit{}, noRef{spec}
	}
	if err != nil {
		return Commit{}, err
	}
	return parseCommit(id, data)
}

// noRef is ErrNoRef for one name.
type noRef struct{ spec string }

func (e noRef) Error() string {
	return strings.TrimPrefix(e.spec, "refs/") + ": " + ErrNoRef.Error()
}

func (e noRef) Is(target error) bool { return target == ErrNoRef }

// read calls f with a reader of the named repository.
func (s *Store) read(ctx context.Context, repository string, f func(*reader) error) error {
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return err
	}
	return s.readers.with(ctx, dir, f)
}

// syncPaths makes files and directory entries durable.
func syncPaths(paths ...string) error {
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		err = f.Sync()
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
