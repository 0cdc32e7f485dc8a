// Package flow is the durable shell around the engine: it keeps pipelines, applies events to them one transaction at a
// time, stores what the engine decides, and runs the providers that do the work.
//
// Everything that happens to a pipeline is an engine.Event applied by Service.apply: lock and load the state, Step,
// save state, history and event, enqueue one job per command, commit. So after a crash at any point the pipeline is
// exactly where its last committed event left it, and the jobs that carry it on are there too.
package flow

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Jobs is what flow needs of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	// Handle registers the handler of a kind of job, before the queue starts.
	Handle(kind string, h queue.Handler, o queue.Options)
	// Cancel ends the unfinished job with this kind and key, if there is one.
	Cancel(ctx context.Context, tx store.Tx, kind, key string) error
}

// Providers finds the providers of action types. Implemented by *action.Registry.
type Providers interface {
	Lookup(id pipeline.ActionTypeID) (action.Provider, bool)
	Types() []action.Type
}

// Options configure a Service. Store, Jobs and Providers are required.
type Options struct {
	Store     store.Store
	Jobs      Jobs
	Providers Providers
	// Repositories is asked what a push brought when a pipeline's triggers filter pushes.
	Repositories Repositories
	// Artifacts copies the input artifacts of actions in another region than the pipeline's.
	Artifacts Artifacts
	// Sessions makes the credentials that job workers reach their artifacts with.
	Sessions Sessions
	// People tells who decides approvals; nil knows nothing but ARNs.
	People People
	// Events is told what happens; nil tells nobody.
	Events Events
	Logger *slog.Logger // nil discards

	// ThirdParty registers webhooks at GitHub.
	ThirdParty ThirdParty
	// OnStep is told of every step, in its transaction.
	OnStep func(ctx context.Context, tx store.Tx, s Step) error
	// OnWatch is told, in the transaction that makes, changes or deletes a pipeline, of every source elsewhere that it
	// watches or has watched: see RemoteResource and Watchers.
	OnWatch func(ctx context.Context, tx store.Tx, provider, resource string) error
	// Functions calls the functions of actions and rules; nil: there are none.
	Functions CallFunction

	Account string // default 000000000000
	Region  string // default us-east-1

	// Workers is how many providers run at once on this server; default 16. Waiting actions hold none.
	Workers int
	// MaxAttempts is how often an action that could not be tried is tried; default 10.
	MaxAttempts int
	// MaxPipelines and MaxWebhooks are the account's quotas; defaults 1000 and 300.
	MaxPipelines, MaxWebhooks int
	// MaxDeliveries is how many marks of deliveries are kept for one webhook at most; default 100000.
	MaxDeliveries int
	// EventRetention is how long the event log is kept, HistoryRetention how long executions are; defaults 30 days and
	// 12 months.
	EventRetention, HistoryRetention time.Duration

	// RoleProblem says why the service may not assume a role, "" when it may; nil accepts every well-formed role.
	RoleProblem func(roleArn string) string
	// PublicURL is what the URLs of webhooks begin with.
	PublicURL string
	// Now is the clock of events; nil is the database's.
	Now func() time.Time
}

// Service is the shell. Make one per process with New, before the queue starts. All methods may be called from many
// goroutines, on any number of servers that share the store.
type Service struct {
	store        store.Store
	jobs         Jobs
	providers    Providers
	repositories Repositories
	artifacts    Artifacts
	sessions     Sessions
	publisher    Events
	people       People
	functions    CallFunction
	log          *slog.Logger
	account      string
	region       string
	publicURL    string
	quota        int
	webhooks     int
	deliveries   int
	events       time.Duration
	history      time.Duration
	roleProblem  func(string) string
	now          func() time.Time
	definitions  *definitionCache
	thirdParty   ThirdParty
	onStep       func(context.Context, store.Tx, Step) error
	onWatch      func(context.Context, store.Tx, string, string) error
}

// The kinds of jobs flow handles.
const (
	jobStartAction  = "action.start"
	jobCancelAction = "action.cancel"
	jobTimer        = "pipeline.timer"
	jobChange       = "pipeline.change"
	jobPurge        = "pipeline.purge"
	jobPrune        = "pipeline.prune"
)

// New makes a Service and registers its job handlers.
func New(o Options) *Service {
	s := &Service{
		store: o.Store, jobs: o.Jobs, providers: o.Providers, repositories: o.Repositories, artifacts: o.Artifacts, sessions: o.Sessions, publisher: o.Events, people: o.People, log: o.Logger,
		account: o.Account, region: o.Region, publicURL: o.PublicURL,
		functions: o.Functions,
		quota:     o.MaxPipelines, webhooks: o.MaxWebhooks, deliveries: o.MaxDeliveries,
		events: o.EventRetention, history: o.HistoryRetention,
		roleProblem: o.RoleProblem, now: o.Now,
		definitions: newDefinitionCache(), onStep: o.OnStep, onWatch: o.OnWatch, thirdParty: o.ThirdParty,
	}
	setDefault(&s.log, slog.New(slog.DiscardHandler))
	setDefault[People](&s.people, strangers{})
	setDefault(&s.account, "000000000000")
	setDefault(&s.region, "us-east-1")
	setDefault(&s.quota, 1000)
	setDefault(&s.webhooks, 300)
	setDefault(&s.deliveries, 100_000)
	setDefault(&s.events, 30*24*time.Hour)
	setDefault(&s.history, 365*24*time.Hour)
	setDefault(&o.Workers, 16)
	setDefault(&o.MaxAttempts, 10)
	if s.functions == nil {
		s.functions = func(context.Context, string, []byte) (string, error) { return "", ErrNoFunction }
	}
	if s.roleProblem == nil {
		s.roleProblem = malformedRole
	}
	s.jobs.Handle(jobStartAction, s.startAction,
		queue.Options{Workers: o.Workers, MaxAttempts: o.MaxAttempts, GiveUp: s.giveUpAction})
	s.jobs.Handle(jobCancelAction, s.cancelAction, queue.Options{MaxAttempts: 5})
	s.jobs.Handle(jobTimer, s.fireTimer, queue.Options{MaxAttempts: forever})
	s.jobs.Handle(jobChange, s.applyChanges, queue.Options{MaxAttempts: forever})
	s.handleInvocations(o.Workers)
	s.jobs.Handle(jobPurge, s.purge, queue.Options{Workers: 1, MaxAttempts: forever})
	s.jobs.Handle(jobPrune, s.prune, queue.Options{Workers: 1, MaxAttempts: forever})
	return s
}

// forever is for jobs that only the database can fail: they run until they succeed.
const forever = 1 << 30

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// at is the time of an event in tx.
func (s *Service) at(tx store.Tx) time.Time {
	if s.now != nil {
		return s.now().UTC()
	}
	return tx.Now()
}

// ARN is the Amazon resource name of a pipeline.
func (s *Service) ARN(name string) string {
	return "arn:aws:codepipeline:" + s.region + ":" + s.account + ":" + name
}

// Account and Region are where the service claims to be.
func (s *Service) Account() string { return s.account }

// Region is the region in ARNs.
func (s *Service) Region() string { return s.region }

// ActionTypes lists the action types that pipelines can use, custom ones included.
func (s *Service) ActionTypes(ctx context.Context) ([]action.Type, error) {
	custom, err := s.CustomTypes(ctx)
	if err != nil {
		return nil, err
	}
	list := s.types(false)
	for _, t := range custom {
		list = append(list, t.Type)
	}
	return list, nil
}

// RuleTypes lists the types of rules that stage conditions can use.
func (s *Service) RuleTypes() []action.Type { return s.types(true) }

func (s *Service) types(rules bool) []action.Type {
	var list []action.Type
	for _, t := range s.providers.Types() {
		if (t.ID.Category == pipeline.CategoryRule) == rules {
			list = append(list, t)
		}
	}
	return list
}

var roleArn = regexp.MustCompile(`^arn:aws(-[\w]+)*:iam::[0-9]{12}:role/.+`)

// malformedRole is the answer while nobody else knows better which roles can be assumed.
func malformedRole(arn string) string {
	if roleArn.MatchString(arn) {
		return ""
	}
	return "it is not the ARN of a role"
}

// enqueue stores a job whose payload is v.
func (s *Service) enqueue(ctx context.Context, tx store.Tx, job queue.Job, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	job.Payload = payload
	_, err = s.jobs.Enqueue(ctx, tx, job)
	return err
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return string(text)
}
