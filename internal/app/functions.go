package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// openFunctions opens the room of functions, whose programs run where builds do.
func (r *rooms) openFunctions(db store.Store, place awsapi.Place, runner *host.Runner) error {
	var err error
	r.functions, err = function.New(function.Options{
		Store: db, Jobs: r.queue, Logs: r.logs, Hosts: functionHosts{runner}, Dir: filepath.Join(r.config.Data, "functions"),
		Region: place.Region, Account: place.Account, Endpoint: r.config.PublicURL,
		Credentials: r.functionCredentials, Log: r.log.With("room", "functions"), ForbidPrivate: r.config.ForbidPrivateAddresses,
	})
	if err == nil {
		r.closers = append(r.closers, r.functions.Close)
	}
	return err
}

// functionLife is how long the credentials of a function's program are good: longer than the program is kept.
const functionLife = 3 * time.Hour

// functionPolicy is what a function may do whose role limits nothing: report on jobs, whose ids nobody guesses.
const functionPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*",
	"Action":["codepipeline:PutJobSuccessResult","codepipeline:PutJobFailureResult","codepipeline:GetJobDetails"]}]}`

// functionCredentials are those of a function's role when that limits, and let the function do what the role may.
// Otherwise they let it report on its jobs only: nothing says what else it is for.
func (r *rooms) functionCredentials(ctx context.Context, f *function.Function) (map[string]string, error) {
	key, err := r.identities.ServiceCredentials(ctx, iam.Service{Role: f.Role, Name: "lambda.amazonaws.com"}, f.Name, functionLife)
	if err == nil && key.ID == "" {
		key, err = r.identities.NewSession(ctx, f.Role, functionPolicy, functionLife)
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": key.Secret, "AWS_SESSION_TOKEN": key.SessionToken}, nil
}

// callFunction lets flow call the function of an action or a rule.
func (r *rooms) callFunction(ctx context.Context, name string, payload []byte) (problem string, err error) {
	a, err := r.functions.Invoke(ctx, name, payload)
	switch {
	case errors.Is(err, function.ErrNotFound):
		return "", flow.ErrNoFunction
	case err != nil:
		return "", err
	}
	return a.Problem(), nil
}

// functionJobs lets the actions that functions do reach flow, which is made after them.
type functionJobs struct{ r *rooms }

func (j functionJobs) AddInvocation(ctx context.Context, job action.Job, name string) error {
	return j.r.flow.AddInvocation(ctx, job, name)
}

func (j functionJobs) DropInvocation(ctx context.Context, job action.Job) error {
	return j.r.flow.DropInvocation(ctx, job)
}

// functionObjects reads the code of functions from buckets.
type functionObjects struct{ r *rooms }

func (o functionObjects) Read(ctx context.Context, bucket, key, version string, most int64) ([]byte, error) {
	caller := awsapi.Caller(ctx)
	if err := o.r.authorizer.Authorize(ctx, caller, "s3:GetObject", []string{"arn:aws:s3:::" + bucket + "/" + key}); err != nil {
		return nil, err
	}
	object, err := o.r.objects.Get(ctx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	if object.Size > most {
		return nil, fmt.Errorf("the object has %d bytes; at most %d are allowed", object.Size, most)
	}
	return io.ReadAll(io.LimitReader(object.Body, most))
}

// functionTarget calls functions with events.
type functionTarget struct{ functions *function.Service }

// Check refuses what is no function's ARN. The function may be made later, as on AWS.
func (t functionTarget) Check(_ context.Context, spec event.TargetSpec) error {
	if name, ok := t.name(spec.ARN); !ok || name == "" {
		return fmt.Errorf("%s is not the ARN of a function of this server; one is like %s", spec.ARN, t.functions.ARN("NAME"))
	}
	return nil
}

func (t functionTarget) name(arn string) (string, bool) {
	return strings.CutPrefix(strings.TrimSuffix(arn, ":$LATEST"), t.functions.ARN(""))
}

// Deliver leaves the event to the function's own durable queue, which tries it again when the function fails.
func (t functionTarget) Deliver(ctx context.Context, d event.Delivery) error {
	name, _ := t.name(d.Target.ARN)
	if len(d.Input) > function.MaxEventPayload {
		return event.Permanent(fmt.Errorf("the event has %d bytes; a function takes at most %d", len(d.Input), function.MaxEventPayload))
	}
	_, err := t.functions.SendEvent(ctx, name, d.Input)
	if errors.Is(err, function.ErrNotFound) {
		return event.Permanent(err)
	}
	return err
}

// functionHosts gives functions the workspaces of builds.
type functionHosts struct{ runner build.Runner }

func (h functionHosts) Prepare(ctx context.Context, id string) (function.Host, error) {
	ws, err := h.runner.Prepare(ctx, build.Needs{ID: id})
	if err != nil {
		return nil, err
	}
	return &functionHost{ws: ws}, nil
}

// functionHost is a workspace with one command.
type functionHost struct {
	ws      build.Workspace
	mu      sync.Mutex
	session build.Session
}

func (h *functionHost) Root() string { return h.ws.Root() }

func (h *functionHost) Run(ctx context.Context, dir string, env []string, output io.Writer, command string) (int, error) {
	session, err := h.ws.Start(ctx, build.SessionOptions{
		Dir: h.ws.Path(dir), Env: env, Output: output, Grace: 500 * time.Millisecond,
	})
	if err != nil {
		return 0, err
	}
	h.mu.Lock()
	h.session = session
	h.mu.Unlock()
	status, err := session.Run(ctx, command)
	return status, errors.Join(err, session.Kill())
}

func (h *functionHost) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.session.(interface{ Drain() }); ok {
		s.Drain()
	}
}

func (h *functionHost) Resident() int64 {
	if ws, ok := h.ws.(interface{ Resident() int64 }); ok {
		return ws.Resident()
	}
	return 0
}

func (h *functionHost) Discard(ctx context.Context) error { return h.ws.Cleanup(ctx) }
