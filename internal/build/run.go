package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// killGrace is how long a build that is ended has between SIGTERM and SIGKILL.
const killGrace = 3 * time.Second

// run is one build on its way through the phases.
type run struct {
	s   *Service
	rec record // as it was when the run began; what changes is in progress
	*progress
	log     *buildLog
	job     context.Context // of the queued job, without its end
	cancel  context.CancelCauseFunc
	attempt int

	ws          Workspace
	access      string // the id of the credentials that the build's commands have
	session     Session
	env         []string  // of the session
	fetched     []fetched // variables of it that are secrets
	spec        *buildspec.Spec
	succeeding  bool
	cache       *caching         // nil: none
	gathered    bool             // what the commands left behind
	failed      types.StatusType // what the build ends with; "" while nothing went wrong
	interrupted error            // why this server gave the run up; nil when it did not

	saving sync.Mutex // guards the fields below
	timer  *time.Timer
	over   bool
	told   int // how many phases the world knows to have ended
}

// work takes the build from QUEUED to its end and returns it, COMPLETED. Others see it FINALIZING until that is stored.
// An error means that this server is stopping and the build will run again.
func (r *run) work(ctx context.Context) (*types.Build, error) {
	r.leave(types.StatusTypeSucceeded, nil) // QUEUED
	r.succeeding = true
	ctx = iam.ActingFor(ctx, r.role())
	defer r.endCredentials(context.WithoutCancel(ctx))
	minutes := time.Duration(aws.ToInt32(r.rec.Build.TimeoutInMinutes))
	timed, stop := context.WithTimeoutCause(ctx, minutes*r.s.minute, errTimedOut)
	defer stop()

	for phase := buildspec.Provisioning; phase != buildspec.Completed; {
		limit := timed
		if phase == buildspec.Finalizing {
			limit = context.WithoutCancel(ctx) // it ends what the build started, whatever happened before
		}
		ok, on := r.phase(limit, phase)
		next := buildspec.Next(phase, !ok, on)
		if timed.Err() != nil && phase != buildspec.Finalizing {
			next = buildspec.Finalizing
		}
		if next == buildspec.UploadArtifacts || next == buildspec.Finalizing {
			r.afterCommands(timed)
		}
		phase = next
	}
	if r.interrupted != nil {
		return nil, r.interrupted
	}
	status := types.StatusTypeSucceeded
	if r.failed != "" {
		status = r.failed
	}
	final := r.snapshot()
	newProgress(&final, r.now).complete(status)
	return &final, nil
}

// phase runs one phase and reports whether it succeeded and what its on-failure says.
func (r *run) phase(ctx context.Context, phase buildspec.Phase) (ok bool, on buildspec.OnFailure) {
	r.enter(phase)
	var err error
	switch phase {
	case buildspec.Provisioning:
		err = r.provision(ctx)
	case buildspec.DownloadSource:
		err = r.downloadSource(ctx)
	case buildspec.UploadArtifacts:
		err = r.upload(ctx)
	case buildspec.Finalizing:
		err = r.finalize(ctx)
	default:
		on = r.spec.Phases[phase].OnFailure
		err = r.attempts(ctx, phase, on)
	}
	status, why := verdict(ctx, err)
	if why != nil {
		why.Message = r.log.masked(why.Message)
	}
	r.note(ctx, status)
	r.leave(status, why)
	r.logEnd(phase, status, why, on)
	return status == types.StatusTypeSucceeded, on
}

// note remembers how the build ends: with the first thing that went wrong, unless it was ended from outside.
func (r *run) note(ctx context.Context, status types.StatusType) {
	switch status {
	case types.StatusTypeSucceeded:
	case types.StatusTypeStopped, types.StatusTypeTimedOut:
		r.failed = status
		if cause := context.Cause(ctx); !errors.Is(cause, errStopped) && !errors.Is(cause, errTimedOut) {
			r.interrupted = cause
			if errors.Is(cause, queue.ErrLeaseLost) {
				r.log.Printf("Another server has taken this build over, because this one stood still; it starts again there")
			} else {
				r.log.Printf("The server is stopping; the build starts again when it is back")
			}
		}
	default:
		if r.failed == "" {
			r.failed = status
		}
	}
}

// verdict is the status of a phase that ended with err, and the context that explains it.
func verdict(ctx context.Context, err error) (types.StatusType, *Failure) {
	if cause := context.Cause(ctx); cause != nil {
		switch {
		case errors.Is(cause, errTimedOut):
			return types.StatusTypeTimedOut, &Failure{Code: codeTimeout, Message: "Build has timed out."}
		case isFailure(cause):
			err = cause // the build has outgrown a limit
		default:
			return types.StatusTypeStopped, nil
		}
	}
	if err == nil {
		return types.StatusTypeSucceeded, nil
	}
	if f, ok := asFailure(err); ok {
		return types.StatusTypeFailed, f
	}
	return types.StatusTypeFault, &Failure{Code: codeInternal, Message: err.Error()}
}

// asFailure is the failure that an error is or wraps, with all that the error says: which source it was, for example.
func asFailure(err error) (*Failure, bool) {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return nil, false
	}
	return &Failure{Code: f.Code, Message: strings.Replace(err.Error(), f.Error(), f.Message, 1), LastWords: f.LastWords}, true
}

func isFailure(err error) bool {
	_, ok := errors.AsType[*Failure](err)
	return ok
}

func (r *run) logEnd(phase buildspec.Phase, status types.StatusType, why *Failure, on buildspec.OnFailure) {
	if phase == buildspec.Provisioning && status == types.StatusTypeSucceeded || phase == buildspec.Finalizing && status == types.StatusTypeSucceeded {
		return
	}
	state := string(status)
	if status == types.StatusTypeFailed && buildspec.Aborts(phase, on) {
		state = "FAILED_WITH_ABORT"
	}
	if why == nil {
		why = &Failure{}
	}
	r.log.Printf("Phase complete: %s State: %s", phase, state)
	r.log.Printf("Phase context status code: %s Message: %s", why.Code, why.Message)
}

func (r *run) provision(ctx context.Context) error {
	n := r.needs()
	r.log.Printf("%s", r.s.cfg.Runner.Notice(n))
	if r.attempt > 1 {
		r.log.Printf("The server or worker stopped that this build was running on; the build starts again from the beginning (attempt %d)", r.attempt)
	}
	// Preparing ends other attempts of the build, so it must be for the attempt that counts.
	if err := r.again(ctx, func() error { return store.CheckGuard(ctx, r.s.cfg.Store) }); err != nil {
		return err
	}
	ws, err := r.s.cfg.Runner.Prepare(ctx, n)
	for wantsRoom(err) && ctx.Err() == nil && r.s.dropForRoom() {
		ws, err = r.s.cfg.Runner.Prepare(ctx, n)
	}
	if r.ws = ws; err == nil && r.s.cfg.Disk > 0 {
		go r.s.watchDisk(ctx, r.rec.ID, ws, r.cancel)
	}
	return err
}

func (r *run) downloadSource(ctx context.Context) error {
	r.log.Printf("Phase is %s", buildspec.DownloadSource)
	if err := r.download(ctx); err != nil {
		return err
	}
	r.log.Printf("CODEBUILD_SRC_DIR=%s", r.ws.Path(srcDir))
	var err error
	if r.spec, err = r.readSpec(ctx); err != nil {
		return err
	}
	r.remark()
	access, err := r.credentials(ctx)
	if err != nil {
		return err
	}
	env, err := r.environment(ctx, r.spec, append(access, r.gitCredentials(access)...))
	if err != nil {
		return err
	}
	r.prepareCache(ctx, env)
	list := make([]string, len(env))
	for i, v := range env {
		list[i] = v.Name + "=" + v.Value
	}
	shell := "sh"
	if strings.HasSuffix(r.spec.Env.Shell, "bash") {
		shell = "bash"
	}
	r.log.Printf("Moving to directory %s", r.ws.Path(srcDir))
	if r.rec.Settings.Commands == nil {
		r.log.Printf("Phases found in YAML: %d", len(r.spec.Phases))
	}
	user, others := users(r.spec)
	r.env = list
	r.session, err = r.ws.Start(ctx, SessionOptions{
		Shell: shell, Dir: r.ws.Path(srcDir), Env: list, User: user, Others: others, Output: r.log, Grace: killGrace,
	})
	if _, told := errors.AsType[*Failure](err); err != nil && !told {
		return clientFailure("the build's shell cannot be started: %v", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(r.linkHome(ctx), r.putHelpers(ctx))
}

// remark says what of the buildspec and the project changes nothing here.
func (r *run) remark() {
	sp := r.spec
	if sp.Batch != nil && r.rec.Settings.Batch == nil {
		r.log.Printf("The buildspec's batch section changes nothing in a plain build; its builds are run by start-build-batch, by BatchEnabled of a pipeline's action, and by conveyor run --batch")
	}
	if sp.Proxy.Logs || sp.Proxy.UploadArtifacts {
		r.log.Printf("The buildspec's proxy section changes nothing: logs and artifacts do not leave this server")
	}
	if c := r.rec.Build.Cache; c != nil && slices.Contains(c.Modes, types.CacheModeLocalDockerLayerCache) {
		r.log.Printf("LOCAL_DOCKER_LAYER_CACHE changes nothing: layers stay with the Docker engine that the build's commands use")
	}
	if len(sp.Phases[buildspec.Install].RuntimeVersions) > 0 {
		r.log.Printf("Skipping install of runtimes. Runtime version selection is not supported by this build image")
	}
}

// commands runs one phase of the buildspec.
func (r *run) commands(ctx context.Context, phase buildspec.Phase) error {
	c := r.spec.Phases[phase]
	r.log.Printf("Entering phase %s", phase)
	if err := r.session.As(ctx, runAs(r.spec, phase)); err != nil {
		return err
	}
	err := r.each(ctx, phase, c.Commands)
	if ctx.Err() != nil {
		return err
	}
	// Finally commands run whatever happened before; when both fail the first failure is the one to tell.
	if ferr := r.each(ctx, phase, c.Finally); err == nil {
		err = ferr
	}
	if ctx.Err() == nil && phase == buildspec.PostBuild {
		return errors.Join(err, r.export(ctx))
	}
	return err
}

// each runs commands one after the other until one fails.
func (r *run) each(ctx context.Context, phase buildspec.Phase, commands []string) error {
	for _, command := range commands {
		r.log.Printf("Running command %s", command)
		r.log.forget()
		text := command
		if r.spec.Version == buildspec.V01 {
			text = "(\n" + command + "\n)" // every command has a shell of its own
		}
		status, err := r.session.Run(ctx, text)
		if err != nil {
			return err
		}
		if status == 0 {
			continue
		}
		words := r.log.lastWords()
		r.log.Printf("Command did not exit successfully %s exit status %d", command, status)
		f := &Failure{
			Code:      codeCommand,
			Message:   fmt.Sprintf("Error while executing command: %s. Reason: exit status %d%s", command, status, r.starved()),
			LastWords: words,
		}
		return errors.Join(f, r.notSucceeding(ctx))
	}
	return nil
}

// starved says that the build has used up its memory, when it has.
func (r *run) starved() string {
	if w, ok := r.ws.(MemoryWatcher); !ok || !w.OutOfMemory() {
		return ""
	}
	return fmt.Sprintf(". The build used more than the %d GB of memory of its compute type %s, and the kernel ended processes of it; "+
		"choose a larger one", r.needs().Memory>>30, r.rec.Build.Environment.ComputeType)
}

// notSucceeding tells the commands that follow that the build has failed.
func (r *run) notSucceeding(ctx context.Context) error {
	if !r.succeeding {
		return nil
	}
	r.succeeding = false
	return r.session.Setenv(ctx, "CODEBUILD_BUILD_SUCCEEDING", "0")
}

// export reads the exported variables as POST_BUILD left them. One that is not set is left out.
func (r *run) export(ctx context.Context) error {
	names := r.spec.Env.ExportedVariables
	if len(names) == 0 {
		return nil
	}
	values, err := r.session.Getenv(ctx, names)
	if err != nil {
		return err
	}
	var out []types.ExportedEnvironmentVariable
	for _, n := range names {
		v, ok := values[n]
		if !ok {
			r.log.Printf("Warning: the exported variable %s is not set", n)
			continue
		}
		if r.log.hides(v) {
			r.log.Printf("Warning: the exported variable %s is left out: its value holds a secret", n)
			continue
		}
		out = append(out, types.ExportedEnvironmentVariable{Name: aws.String(n), Value: aws.String(strings.ToValidUTF8(v, "\uFFFD"))})
	}
	if c := r.rec.Settings.Commands; c != nil {
		if err := c.checkExported(out); err != nil {
			return err
		}
	}
	r.set(func(b *types.Build) { b.ExportedEnvironmentVariables = out })
	return nil
}

// afterCommands gathers, once, what the commands have left behind beside artifacts.
func (r *run) afterCommands(ctx context.Context) {
	if r.gathered || r.session == nil || ctx.Err() != nil {
		return
	}
	r.gathered = true
	r.reports(ctx)
}

// finalize ends everything the build started and gives its disk back.
func (r *run) finalize(ctx context.Context) error {
	if r.ws == nil {
		return nil
	}
	var err error
	if r.session != nil {
		err = r.session.Close()
		r.showFailed(ctx)
	}
	if err == nil && r.keep() {
		return nil
	}
	return errors.Join(err, r.ws.Cleanup(ctx))
}
