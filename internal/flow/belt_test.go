package flow_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const caller = "arn:aws:iam::000000000000:user/ann"

var (
	ann = iam.Principal{Arn: caller}
	bob = iam.Principal{Arn: "arn:aws:iam::000000000000:user/bob"}
)

// patience bounds every wait; nothing takes this long unless it is broken.
const patience = 15 * time.Second

// providers is a registry whose actions do what the test says, by action name; others succeed at once.
type providers struct {
	mu     sync.Mutex
	script map[string]func(ctx context.Context, job action.Job) (action.Result, error)
	starts []action.Job
	ended  []action.Job // Cancel calls
	signal chan struct{}
}

func newProviders() *providers {
	return &providers{
		script: map[string]func(context.Context, action.Job) (action.Result, error){},
		signal: make(chan struct{}, 1),
	}
}

var (
	typeCode   = pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "CodeCommit", Version: "1"}
	typeObject = pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "S3", Version: "1"}
	typeBuild  = pipeline.ActionTypeID{Category: "Build", Owner: "AWS", Provider: "CodeBuild", Version: "1"}
	typeDeploy = pipeline.ActionTypeID{Category: "Deploy", Owner: "AWS", Provider: "S3", Version: "1"}
	typeManual = pipeline.ActionTypeID{Category: "Approval", Owner: "AWS", Provider: "Manual", Version: "1"}
	typeRule   = pipeline.ActionTypeID{Category: pipeline.CategoryRule, Owner: "AWS", Provider: "Oracle", Version: "1"}
	typeSecret = pipeline.ActionTypeID{Category: "Test", Owner: "AWS", Provider: "Vault", Version: "1"}
)

func text(names ...string) []action.Property {
	var list []action.Property
	for _, n := range names {
		name, required := strings.CutSuffix(n, "*")
		list = append(list, action.Property{Name: name, Required: required, Type: "String"})
	}
	return list
}

var registered = []action.Type{
	{ID: typeCode, Outputs: action.Count{Min: 1, Max: 1}, Properties: text("RepositoryName*", "BranchName*", "PollForSourceChanges")},
	{ID: typeObject, Outputs: action.Count{Min: 1, Max: 1}, Properties: text("S3Bucket*", "S3ObjectKey*", "PollForSourceChanges", "AllowOverrideForS3ObjectKey")},
	{ID: typeBuild, Inputs: action.Count{Min: 1, Max: 5}, Outputs: action.Count{Max: 5}, Properties: text("ProjectName*", "EnvironmentVariables")},
	{ID: typeDeploy, Inputs: action.Count{Min: 1, Max: 1}, Properties: text("BucketName*", "Extract*")},
	{ID: typeManual, TimeoutSetable: true, Properties: text("CustomData", "ExternalEntityLink", pipeline.KeyApprovers, pipeline.KeyRequiredApprovals, pipeline.KeyForbidAuthor)},
	{ID: typeRule, Inputs: action.Count{Max: 5}, Properties: text("Question")},
	{ID: typeSecret, Inputs: action.Count{Max: 1}, Properties: []action.Property{{Name: "Password", Required: true, Secret: true}}},
}

func (p *providers) Types() []action.Type { return registered }

func (p *providers) Lookup(id pipeline.ActionTypeID) (action.Provider, bool) {
	for _, t := range registered {
		if t.ID == id {
			return provider{p, t}, true
		}
	}
	return nil, false
}

func (p *providers) on(name string, f func(ctx context.Context, job action.Job) (action.Result, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script[name] = f
}

// started are the jobs handed to providers so far, by action name.
func (p *providers) started(name string) []action.Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	var jobs []action.Job
	for _, j := range p.starts {
		if j.Action == name {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

func (p *providers) cancelled() []action.Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ended)
}

type provider struct {
	all *providers
	typ action.Type
}

func (p provider) Type() action.Type { return p.typ }

func (p provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	p.all.mu.Lock()
	p.all.starts = append(p.all.starts, job)
	f := p.all.script[job.Action]
	p.all.mu.Unlock()
	if f != nil {
		return f(ctx, job)
	}
	switch p.typ.ID {
	case typeManual:
		return action.Wait{ExternalID: job.Token}, nil
	case typeCode, typeObject:
		return action.Done{Revision: &pipeline.Revision{ID: pinned(job), Summary: "a change"}, Variables: map[string]string{"CommitId": pinned(job)}}, nil
	}
	return action.Done{Summary: "done"}, nil
}

func (p provider) Cancel(_ context.Context, job action.Job) error {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.all.ended = append(p.all.ended, job)
	return nil
}

// pinned is the revision a source is to fetch, or "latest".
func pinned(job action.Job) string {
	for _, r := range job.Revision {
		return r.RevisionValue
	}
	return "latest"
}

// gate holds actions until the test lets them go.
type gate struct {
	entered chan action.Job
	leave   chan action.Result
}

func newGate() gate {
	return gate{entered: make(chan action.Job, 100), leave: make(chan action.Result)}
}

func (g gate) hold(ctx context.Context, job action.Job) (action.Result, error) {
	g.entered <- job
	select {
	case r := <-g.leave:
		return r, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// belt is a server's worth of flow on a database.
type belt struct {
	*flow.Service
	t         testing.TB
	store     store.Store
	queue     *queue.Queue
	providers *providers
	clock     *clock
	ended     chan string // ids of executions, as they end
}

// tellEnds notes, once a step is durable, which executions have ended. Where nobody asks for them, the first ones suffice.
func (b *belt) tellEnds(_ context.Context, tx store.Tx, s flow.Step) error {
	for _, a := range s.Announcements {
		if !a.Execution.Status.Terminal() {
			continue
		}
		tx.AfterCommit(func() {
			select {
			case b.ended <- a.Execution.ID:
			default:
			}
		})
	}
	return nil
}

// clock is the test's time: the wall's, until it is moved.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead).Truncate(time.Microsecond)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func newBelt(t testing.TB, st store.Store, change ...func(*flow.Options)) *belt {
	t.Helper()
	b := &belt{t: t, store: st, providers: newProviders(), clock: new(clock), ended: make(chan string, 1000)}
	logger := slog.New(slog.DiscardHandler)
	if os.Getenv("CONVEYOR_TEST_LOG") != "" {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	b.queue = queue.New(st, queue.Config{Logger: logger, Backoff: func(int) time.Duration { return time.Millisecond }})
	o := flow.Options{Store: st, Jobs: b.queue, Providers: b.providers, Logger: logger, Now: b.clock.now, OnStep: b.tellEnds}
	for _, f := range change {
		f(&o)
	}
	b.Service = flow.New(o)
	if err := b.queue.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.queue.Stop(ctx); err != nil {
			t.Errorf("stop the queue: %v", err)
		}
	})
	return b
}

// site is a pipeline of a source, a build and a deployment.
func site(name string) pipeline.Definition {
	return pipeline.Definition{
		Name: name, RoleArn: "arn:aws:iam::000000000000:role/pipeline",
		ArtifactStore: &pipeline.ArtifactStore{Type: "S3", Location: "artifacts"},
		Stages: []pipeline.Stage{
			{Name: "Source", Actions: []pipeline.Action{{
				Name: "Code", ActionTypeID: typeCode, Namespace: "CodeVars",
				Configuration:   map[string]string{"RepositoryName": name, "BranchName": "main"},
				OutputArtifacts: []pipeline.OutputArtifact{{Name: "Code"}},
			}}},
			{Name: "Build", Actions: []pipeline.Action{{
				Name: "Build", ActionTypeID: typeBuild,
				Configuration:   map[string]string{"ProjectName": name, "EnvironmentVariables": `[{"name":"ID","value":"#{CodeVars.CommitId}"}]`},
				InputArtifacts:  []pipeline.InputArtifact{{Name: "Code"}},
				OutputArtifacts: []pipeline.OutputArtifact{{Name: "Site"}},
			}}},
			{Name: "Deploy", Actions: []pipeline.Action{{
				Name: "Publish", ActionTypeID: typeDeploy,
				Configuration:  map[string]string{"BucketName": name, "Extract": "true"},
				InputArtifacts: []pipeline.InputArtifact{{Name: "Site"}},
			}}},
		},
	}
}

// withApproval puts a manual approval in front of the deployment.
func withApproval(d pipeline.Definition) pipeline.Definition {
	gate := pipeline.Stage{Name: "Gate", Actions: []pipeline.Action{{Name: "Approve", ActionTypeID: typeManual, TimeoutInMinutes: 30}}}
	d.Stages = slices.Insert(slices.Clone(d.Stages), len(d.Stages)-1, gate)
	return d
}

// withPolicy sets keys of its approval.
func withPolicy(d pipeline.Definition, policy ...string) pipeline.Definition {
	d = withApproval(d)
	configuration := map[string]string{}
	for i := 0; i < len(policy); i += 2 {
		configuration[policy[i]] = policy[i+1]
	}
	d.Stages[len(d.Stages)-2].Actions[0].Configuration = configuration
	return d
}

// create makes a pipeline and returns its first execution.
func (b *belt) create(d pipeline.Definition) string {
	b.t.Helper()
	if _, err := b.CreatePipeline(b.t.Context(), d, nil, caller); err != nil {
		b.t.Fatal(err)
	}
	return b.newest(d.Name).ID
}

func (b *belt) start(name string) string {
	b.t.Helper()
	id, err := b.Start(b.t.Context(), flow.StartRequest{Pipeline: name, By: caller})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *belt) newest(name string) engine.ExecutionRecord {
	b.t.Helper()
	return b.executions(name)[0]
}

// executions are all of a pipeline's, newest first.
func (b *belt) executions(name string) []engine.ExecutionRecord {
	b.t.Helper()
	var all []engine.ExecutionRecord
	page := flow.Page{}
	for {
		list, next, err := b.ListExecutions(b.t.Context(), name, "", page)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, list...)
		if next == "" {
			return all
		}
		page.Token = next
	}
}

func (b *belt) execution(name, id string) engine.ExecutionRecord {
	b.t.Helper()
	r, err := b.GetExecution(b.t.Context(), name, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// await waits until an execution has a status.
func (b *belt) await(name, id string, status pipeline.Status) engine.ExecutionRecord {
	b.t.Helper()
	var last engine.ExecutionRecord
	b.until(func() bool { last = b.execution(name, id); return last.Status == status }, func() string {
		return fmt.Sprintf("execution %s is %s (%s), want %s", id, last.Status, last.Reason, status)
	})
	return last
}

// until polls for a condition; it fails the test when patience runs out.
func (b *belt) until(done func() bool, otherwise func() string) {
	b.t.Helper()
	for limit := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			b.t.Fatal(otherwise())
		}
	}
}

// actions are the action executions of an execution, oldest first.
func (b *belt) actions(name, id string) []flow.ActionDetail {
	b.t.Helper()
	list, _, err := b.ListActionExecutions(b.t.Context(), name, flow.ActionFilter{ExecutionID: id}, flow.Page{})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// outline is an execution's action history in one line.
func (b *belt) outline(name, id string) string {
	b.t.Helper()
	var words []string
	for _, a := range b.actions(name, id) {
		words = append(words, a.Action.Name+" "+string(a.Action.Status))
	}
	return strings.Join(words, ", ")
}

// latest is the newest execution of an action, as the state shows it; nil when there is none.
func (b *belt) latest(name, stage, action string) *engine.ActionExecution {
	b.t.Helper()
	p, err := b.GetPipelineState(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range engine.View(p.Definition, p.State) {
		for _, a := range v.Actions {
			if v.Name == stage && a.Name == action {
				return a.Latest
			}
		}
	}
	b.t.Fatalf("pipeline %s shows no action %s in stage %s", name, action, stage)
	return nil
}

// awaitToken waits for an approval that can be decided and returns its token.
func (b *belt) awaitToken(name, stage, action string) string {
	b.t.Helper()
	var token string
	b.until(func() bool {
		a := b.latest(name, stage, action)
		if a != nil && a.Status == pipeline.StatusInProgress {
			token = a.Token
		}
		return token != ""
	}, func() string { return "no approval is waiting" })
	return token
}

func wantKind(t testing.TB, err error, kind pipeline.ErrorKind) {
	t.Helper()
	if got := pipeline.KindOf(err); got != kind {
		t.Errorf("got %v, want %s", err, kind)
	}
}
