// Package build runs builds: it keeps build projects and builds, takes a build through its phases in a place a Runner
// gives it, and stores what it made. What a buildspec means is decided in package buildspec.
//
// A build is a row and a queued job. The job runs on whatever server takes it, and runs again from the start after a
// crash. While it runs its state is live in memory, saved a few times a second; its end is one transaction, which also
// enqueues the job whoever started it asked for.
package build

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// JobKind is the queued job that runs a build.
const JobKind = "build.run"

// stopChannel is where servers hear that a build is to be stopped.
const stopChannel = "builds_stop"

// Config is what a Service is made of. Everything but Remotes, Reports, Logs, WorkerLogs, Secrets, BuildURL, Env and Slots is required.
type Config struct {
	Store        store.Store
	Queue        queue.Enqueuer
	Runner       Runner
	Objects      Objects
	Repositories Repositories
	Remotes      Remotes    // nil: only hosted repositories are cloned
	Reports      Reports    // nil: the service itself
	Secrets      Secrets    // nil: there are none
	Logs         Logs       // nil: builds keep no logs
	WorkerLogs   WorkerLogs // nil: those on other machines keep none
	Caches       *Shelf     // nil: there are no caches on this machine
	Place        Place
	Log          *slog.Logger
	Slots        int   // builds that run at once on this server; default 4
	Disk         int64 // bytes of disk that a build may occupy; 0: no limit
	// OnChange, when set, is told in the transaction in which a build began or ended, or in which phases of it that have
	// ended were stored. Runs of a pipeline's commands are no builds to others and are not told of.
	OnChange func(ctx context.Context, tx store.Tx, c Change) error
	// OnBatch, when set, is told in the transaction in which a batch began, moved or ended.
	OnBatch func(ctx context.Context, tx store.Tx, b types.BuildBatch) error
	// BuildURL, when set, is the console's page of a build, by its id.
	BuildURL func(id string) string
	// Roles, when set, gives builds credentials of their service role for the server at Endpoint.
	Roles    Roles
	Endpoint string
	// Alone says that there never are workers: builds that ask for some run here.
	Alone bool
	// Loopback says that this server listens on its machine's loopback alone, where builds in containers do not reach it.
	Loopback bool
	// OnFailed, when set, is told of a build that has failed while its workspace is still there. The build ends when it returns.
	OnFailed func(ctx context.Context, f Failed)
	// Keep lets projects have the workspaces of failed builds kept, for OpenShell. DropKept must then be called at the end.
	Keep Keeping
	// Env, when set, is given to every build below all other variables, for example this server's endpoint.
	Env []buildspec.Variable
}

// Service keeps projects and builds. All methods may be called from many goroutines.
type Service struct {
	cfg Config
	// All are shorter in tests.
	minute    time.Duration
	diskEvery time.Duration
	lease     time.Duration // RemoteLease

	mu   sync.Mutex
	live map[string]*run // by uuid: the builds running here

	kept      []*leftover // what failed builds left, the oldest first
	keepsNone bool        // any more: the server ends
	dropping  sync.WaitGroup
}

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.Slots <= 0 {
		cfg.Slots = 4
	}
	s := &Service{cfg: cfg, minute: time.Minute, diskEvery: diskEvery, lease: RemoteLease, live: map[string]*run{}}
	if cfg.Reports == nil {
		s.cfg.Reports = s
	}
	return s
}

// Request asks for a build.
type Request struct {
	// Input names the project and overrides its settings. Its IdempotencyToken counts for five minutes.
	Input     codebuild.StartBuildInput
	Initiator string
	// Key, when set, makes the request idempotent for ever: a second one with the same key finds the first one's build.
	Key string
	// OnFinish, when set, is enqueued in the transaction in which the build ends.
	OnFinish *queue.Job
	// Pipeline, when set, gives the build a pipeline's artifacts instead of the project's own source and artifacts.
	Pipeline *Pipeline
	// Variables are the build service's own about what started the build: nothing replaces them.
	Variables []buildspec.Variable
	// Commands, when set, is what to run instead of a project's buildspec: Input names no project then, Pipeline is the
	// one that the build belongs to, and Key must be set.
	Commands *Commands
}

// tokenLife is how long an IdempotencyToken counts.
const tokenLife = 5 * time.Minute

// Start stores a build and enqueues its run in tx. ErrNoProject, *InvalidError, *LimitError: then tx must be rolled back.
func (s *Service) Start(ctx context.Context, tx store.Tx, r Request) (types.Build, error) {
	name := ProjectName(aws.ToString(r.Input.ProjectName))
	token, fingerprint, err := idempotency(name, r)
	if err != nil {
		return types.Build{}, err
	}
	var p types.Project
	var number int64 // stays 0 without a project that would count
	if r.Commands != nil {
		p, err = commandsProject(r.Pipeline.Name), r.Commands.check()
	} else {
		p, number, err = s.nextNumber(ctx, tx, name)
	}
	if err != nil {
		return types.Build{}, err
	}
	if token != "" {
		found, err := s.byToken(ctx, tx, token, fingerprint, r.Key == "")
		if err != nil || found != nil {
			if found != nil {
				_, err = tx.Exec(ctx, `UPDATE build_projects SET last_number = last_number - 1 WHERE name = $1`, name)
				return *found, err
			}
			return types.Build{}, err
		}
	}
	b, st, err := effective(p, r)
	if err != nil {
		return types.Build{}, err
	}
	return s.store(ctx, tx, p, b, st, number, token, fingerprint)
}

func (s *Service) store(ctx context.Context, tx store.Tx, p types.Project, b types.Build, st settings, number int64, token, fingerprint string) (types.Build, error) {
	waits, err := mustWait(ctx, tx, p, number)
	if err != nil {
		return types.Build{}, err
	}
	if st.CacheEpoch, err = cacheEpoch(ctx, tx, &b); err != nil {
		return types.Build{}, err
	}
	id := uuid.NewString()
	now := tx.Now()
	b.Id = aws.String(*b.ProjectName + ":" + id)
	b.Arn = aws.String(s.cfg.Place.BuildARN(*b.Id))
	b.BuildNumber = aws.Int64(number)
	b.StartTime = aws.Time(now)
	b.CurrentPhase = aws.String(string(buildspec.Queued))
	if !retriesItself(st) {
		b.AutoRetryConfig = nil
	}
	b.Logs = logsOf(s.cfg.Place, &b, st.Logs, id)
	b.Phases = []types.BuildPhase{
		{
			PhaseType: types.BuildPhaseTypeSubmitted, PhaseStatus: types.StatusTypeSucceeded,
			StartTime: aws.Time(now), EndTime: aws.Time(now), DurationInSeconds: aws.Int64(0),
		},
		{PhaseType: types.BuildPhaseTypeQueued, StartTime: aws.Time(now)},
	}
	if err := insert(ctx, tx, record{ID: id, Build: b, Settings: st, Waiting: waits}, token, fingerprint); err != nil {
		return types.Build{}, err
	}
	if err := s.tell(ctx, tx, st, &b, 0, true); err != nil {
		return types.Build{}, err
	}
	if waits {
		return b, nil
	}
	return b, s.enqueue(ctx, tx, &b, id)
}

type runPayload struct {
	ID      string `json:"id"`
	Attempt int    `json:"attempt,omitempty"` // of a worker's build: how many workers have had it
}

// nextNumber counts the project's builds up. It also locks the project, so that two requests with one token meet.
func (s *Service) nextNumber(ctx context.Context, tx store.Tx, name string) (types.Project, int64, error) {
	return countUp(ctx, tx, "last_number", name)
}

// countUp adds one to a counter of a project, and locks the project.
func countUp(ctx context.Context, tx store.Tx, counter, name string) (types.Project, int64, error) {
	var body string
	var number int64
	err := tx.QueryRow(ctx, `UPDATE build_projects SET `+counter+` = `+counter+` + 1 WHERE name = $1 RETURNING body, `+counter, name).
		Scan(&body, &number)
	if errors.Is(err, sql.ErrNoRows) {
		return types.Project{}, 0, fmt.Errorf("%w: %s", ErrNoProject, name)
	}
	if err != nil {
		return types.Project{}, 0, err
	}
	p, err := decodeProject(body)
	return p, number, err
}

func keyToken(key string) string { return "key/" + key }

// idempotency is the token of a request and the fingerprint of what it asks for.
func idempotency(name string, r Request) (token, fingerprint string, err error) {
	if r.Key != "" {
		return keyToken(r.Key), "", nil
	}
	given := aws.ToString(r.Input.IdempotencyToken)
	if given == "" {
		return "", "", nil
	}
	in := r.Input
	in.IdempotencyToken = nil
	fingerprint, err = fingerprintOf(in)
	return "token/" + name + "/" + given, fingerprint, err
}

func fingerprintOf(request any) (string, error) {
	text, err := json.Marshal(request)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

func (s *Service) byToken(ctx context.Context, tx store.Tx, token, fingerprint string, expires bool) (*types.Build, error) {
	id, err := madeWith(ctx, tx, "builds", token, fingerprint, expires)
	if err != nil || id == "" {
		return nil, err
	}
	rec, err := load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	return &rec.Build, nil
}

// madeWith is the id of the newest row of a table (builds or build_batches) that was made with a token; "" when there is
// none, or none in the token's life if it expires. errTokenUsed when it was made for another request.
func madeWith(ctx context.Context, r store.Reader, table, token, fingerprint string, expires bool) (id string, err error) {
	var since int64
	if expires {
		since = store.Micros(r.Now().Add(-tokenLife))
	}
	var before string
	err = r.QueryRow(ctx, `SELECT id, fingerprint FROM `+table+` WHERE token = $1 AND created_at > $2 ORDER BY created_at DESC LIMIT 1`,
		token, since).Scan(&id, &before)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err == nil && before != fingerprint {
		err = errTokenUsed
	}
	return id, err
}

// Retry starts a new build with everything an earlier one had. ErrNoBuild, ErrNoProject, *InvalidError, *LimitError.
func (s *Service) Retry(ctx context.Context, tx store.Tx, id, initiator, idempotencyToken string) (types.Build, error) {
	_, uid, ok := ParseID(id)
	if !ok {
		return types.Build{}, fmt.Errorf("%w: %s", ErrNoBuild, id)
	}
	old, err := load(ctx, tx, uid)
	if err != nil {
		return types.Build{}, err
	}
	if old.Settings.Pipeline != nil {
		return types.Build{}, Invalidf("Build %s belongs to a pipeline; retry the pipeline's stage", id)
	}
	if old.Settings.Batch != nil {
		return types.Build{}, Invalidf("Build %s belongs to a batch; retry the batch", id)
	}
	p, number, err := s.nextNumber(ctx, tx, *old.Build.ProjectName)
	if err != nil {
		return types.Build{}, err
	}
	token := ""
	if idempotencyToken != "" {
		token = "retry/" + uid + "/" + idempotencyToken
		found, err := s.byToken(ctx, tx, token, "", true)
		if err != nil {
			return types.Build{}, err
		}
		if found != nil {
			_, err := tx.Exec(ctx, `UPDATE build_projects SET last_number = last_number - 1 WHERE name = $1`, *p.Name)
			return *found, err
		}
	}
	b := unbuilt(old.Build)
	b.Initiator = aws.String(initiator)
	if c := b.AutoRetryConfig; c != nil {
		b.AutoRetryConfig = autoRetries(c.AutoRetryLimit) // they are counted anew
	}
	st := old.Settings
	st.OnFinish = nil
	return s.store(ctx, tx, p, b, st, number, token, "")
}

// unbuilt is a build without what came of it.
func unbuilt(b types.Build) types.Build {
	b.BuildStatus, b.BuildComplete, b.EndTime = types.StatusTypeInProgress, false, nil
	b.ExportedEnvironmentVariables, b.ResolvedSourceVersion, b.Artifacts, b.SecondaryArtifacts, b.ReportArns = nil, nil, nil, nil, nil
	return b
}
