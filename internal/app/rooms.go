package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action/cloudwatchalarm"
	codebuildaction "github.com/conveyor-cd/conveyor/internal/action/codebuild"
	"github.com/conveyor-cd/conveyor/internal/action/deploymentwindow"
	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/approvalhost"
	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	cloudwatchapi "github.com/conveyor-cd/conveyor/internal/awsapi/cloudwatch"
	codebuildapi "github.com/conveyor-cd/conveyor/internal/awsapi/codebuild"
	codecommitapi "github.com/conveyor-cd/conveyor/internal/awsapi/codecommit"
	codepipelineapi "github.com/conveyor-cd/conveyor/internal/awsapi/codepipeline"
	eventsapi "github.com/conveyor-cd/conveyor/internal/awsapi/events"
	iamapi "github.com/conveyor-cd/conveyor/internal/awsapi/iam"
	lambdaapi "github.com/conveyor-cd/conveyor/internal/awsapi/lambda"
	logsapi "github.com/conveyor-cd/conveyor/internal/awsapi/logs"
	s3api "github.com/conveyor-cd/conveyor/internal/awsapi/s3"
	snsapi "github.com/conveyor-cd/conveyor/internal/awsapi/sns"
	stsapi "github.com/conveyor-cd/conveyor/internal/awsapi/sts"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/backing"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/console"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/eventhost"
	"github.com/conveyor-cd/conveyor/internal/explain"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/githost"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/hookhost"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pull"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/repotrigger"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/shellhost"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topic/post"
	"github.com/conveyor-cd/conveyor/internal/topichost"
	"github.com/conveyor-cd/conveyor/internal/website"
	"github.com/conveyor-cd/conveyor/internal/workerhost"
)

// rooms are the opened services of one server.
type rooms struct {
	config       config.Config
	options      options
	seat         *seat
	log          *slog.Logger
	identities   *iam.Directory
	queue        *queue.Queue
	logs         *logstore.Store
	objects      *objectstore.Store
	repositories *gitrepo.Store
	pulls        *pull.Service
	triggers     *repotrigger.Store
	builds       *build.Service
	places       *runners // where builds run
	remotes      *remote.Service
	functions    *function.Service
	authorizer   awsapi.Authorizer
	alarms       *alarm.Store
	alarmRule    *cloudwatchalarm.Provider
	events       *event.Service
	eventHost    *eventhost.Handler
	flow         *flow.Service
	api          *awsapi.Mux
	explain      *explain.Handler
	s3           *s3api.Handler
	websites     *website.Handler
	console      *console.Handler
	git          *githost.Host
	webhooks     *hookhost.Host
	box          *secret.Box
	secrets      *secrets
	elsewhere    *elsewhere
	topics       *topic.Store
	signer       *post.Signer
	topicPages   *topichost.Host
	workers      *workerhost.Handler
	shells       *shellhost.Handler
	links        *approvallink.Links
	approvals    *approvalhost.Host
	watching     sync.WaitGroup     // what runs beside the queue
	endWatching  context.CancelFunc // ends it
	closers      closers
}

// lease is how long the jobs of a server that no longer answers stay with it before another one takes them over. When
// its process has ended they are taken over at once: see clearUp.
const lease = 10 * time.Second

// openRooms opens everything over one database. After an error the rooms that were opened are returned, to be closed.
func openRooms(ctx context.Context, c config.Config, o options, seat *seat, db store.Store, log *slog.Logger) (*rooms, error) {
	r := &rooms{config: c, options: o, seat: seat, log: log}
	root, err := iam.Root(ctx, c.Data)
	if err != nil {
		return r, err
	}
	warnOfReaders(filepath.Join(c.Data, iam.CredentialsFile), log)
	place := awsapi.Place{Region: c.Region, Account: awsapi.DefaultAccount}
	identities := iam.New(db, iam.WithRoot(root))
	r.identities = identities
	verifier := awsapi.NewVerifier(identities, place)
	authorizer := awsapi.NewAuthorizer(identities)
	r.authorizer = authorizer

	r.queue = queue.New(db, queue.Config{Logger: log.With("room", "queue"), Lease: lease, Grace: c.ShutdownTimeout / 5})
	if err := seat.sign(r.queue.Owner()); err != nil {
		return r, err
	}
	if err := r.openEvents(db, place); err != nil {
		return r, err
	}
	if err := r.openStores(ctx, db); err != nil {
		return r, err
	}
	if err := r.openElsewhere(ctx, db); err != nil {
		return r, err
	}
	if err := r.openBuilds(ctx, db, place); err != nil {
		return r, err
	}
	if err := r.openTopics(db, place); err != nil {
		return r, err
	}
	r.alarms = alarm.New(db, alarm.Options{OnChange: r.alarmChanged, OnTransition: r.alarmTransition})
	r.alarmRule = cloudwatchalarm.New(db, r.alarms, r.queue, cloudwatchalarm.Options{ForbidPrivate: r.config.ForbidPrivateAddresses})
	registry, err := r.providers(db)
	if err != nil {
		return r, err
	}
	r.flow = flow.New(flow.Options{
		Store: db, Jobs: r.queue, Providers: registry, Repositories: r.repositories, Artifacts: r.objects, Sessions: identities, Events: r.events, People: identities,
		Region: place.Region, Account: place.Account, PublicURL: c.PublicURL, Logger: log.With("room", "flow"),
		OnStep: r.stepped, OnWatch: r.watched, ThirdParty: r.elsewhere,
		Functions: r.callFunction,
	})
	r.openPulls(db)
	r.triggers = repotrigger.New(db, r.queue, triggerSender{r}, repotrigger.Options{Region: place.Region, Log: log.With("room", "triggers")})
	r.builds.Register(r.queue)
	r.remotes.Serve(r.builds, r.queue)
	codebuildaction.Register(r.queue, r.builds, r.flow)
	deploymentwindow.Register(r.queue, r.flow, nil)
	r.alarmRule.Register(r.queue, r.flow)
	r.repositories.OnPush(r.pushed)
	r.eventTargets(db)

	r.explain = &explain.Handler{Explainer: r.flow, Verifier: verifier, Authorizer: authorizer, Log: log.With("room", "explain")}
	r.eventHost = eventhost.New(eventhost.Options{
		Events: r.events, Verifier: verifier, Authorizer: authorizer, Place: place, Log: log.With("room", "events"),
	})
	r.api = awsapi.NewMux(awsapi.MuxOptions{Verifier: verifier, Authorizer: authorizer, Log: log.With("room", "api")})
	identities.TagsOf(r.api.TagsOf)
	alarms := cloudwatchapi.New(r.alarms, place)
	r.api.Add(
		codepipelineapi.New(r.flow).API(),
		codebuildapi.New(db, r.builds, codebuildapi.Options{Place: place, Remotes: r.remotes, Images: r.places.list()}).API(),
		codecommitapi.New(r.repositories, r.pulls, r.triggers, codecommitapi.Options{Place: place, PublicURL: c.PublicURL}).API(),
		logsapi.New(r.logs, logsapi.Options{Place: place}).API(),
		alarms.API(),
		eventsapi.New(db, r.events, place).API(),
	)
	r.serveSecrets(place)
	r.api.AddQuery(iamapi.New(identities, place).API(), stsapi.New(identities, place).API(), alarms.QueryAPI(), snsapi.New(r.topics, identities, authorizer).API())
	r.serveElsewhere(verifier, authorizer, place)
	r.api.AddREST(lambdaapi.New(r.functions, functionObjects{r}, place).API())
	if err := r.openS3(ctx, verifier, identities, place); err != nil {
		return r, err
	}
	r.git = githost.New(r.repositories, verifier, githost.Options{
		Allow: func(ctx context.Context, caller awsapi.Identity, action, arn string) error {
			return authorizer.Authorize(ctx, caller, action, []string{arn})
		},
		Log: log.With("room", "git"),
	})
	r.webhooks = hookhost.New(r.flow, hookhost.Options{Log: log.With("room", "webhooks")})
	r.topicPages = &topichost.Host{Topics: r.topics, Signer: r.signer, Verifier: verifier, Authorizer: authorizer, Log: log.With("room", "topics")}
	r.approvals = &approvalhost.Host{Links: r.links, Approvals: r.flow, Users: identities, Authorizer: authorizer, Log: log.With("room", "approvals")}
	r.workers = workerhost.New(workerhost.Options{Builds: r.builds, Store: db, Verifier: verifier, Authorizer: authorizer, Place: place, Log: log.With("room", "workers")})
	r.shells = &shellhost.Handler{Builds: r.builds, Verifier: verifier, Authorizer: authorizer, Place: place, Log: log.With("room", "shells")}
	r.console, err = console.New(console.Options{
		Store: db, Keys: identities, Verifier: verifier, Authorizer: authorizer, Pipelines: r.flow, Events: r.events, Logs: r.logs, Repositories: r.repositories,
		API: r.api, Explain: r.explain, ExplainAt: explain.Prefix, S3: r.s3, Place: place, PublicURL: c.PublicURL, Log: log.With("room", "console"),
	})
	return r, err
}

// warnOfReaders says when others than the server's user may read the root credentials, as after an edit that made a new
// file.
func warnOfReaders(path string, log *slog.Logger) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("other users of this machine may read the root credentials; take that from them: chmod 600 "+path, "mode", info.Mode().Perm().String())
	}
}

func (r *rooms) openStores(ctx context.Context, db store.Store) error {
	var err error
	if r.logs, err = logstore.New(db, logstore.Options{Log: r.log.With("room", "logs")}); err != nil {
		return err
	}
	r.closers = append(r.closers, closeWithin(lastLines, r.logs.Close))
	r.objects, err = objectstore.Open(ctx, db, filepath.Join(r.config.Data, "objects"), objectstore.Options{
		Logger: r.log.With("room", "objects"), OnPut: r.objectPut, OnDelete: r.objectDeleted, Hosts: ownHosts(r.config),
	})
	if err != nil {
		return err
	}
	r.repositories, err = gitrepo.Open(filepath.Join(r.config.Data, "repositories"), db, gitrepo.Options{
		Region: r.config.Region, Account: awsapi.DefaultAccount, Log: r.log.With("room", "git"),
	})
	if err == nil {
		r.closers = append(r.closers, r.repositories.Close)
	}
	return err
}

func (r *rooms) openBuilds(ctx context.Context, db store.Store, place awsapi.Place) error {
	var err error
	if r.places, err = r.openRunners(ctx); err != nil {
		return err
	}
	if err := r.openFunctions(db, place, r.places.functions); err != nil {
		return err
	}
	secrets := r.openSecrets(db, place)
	r.openRemotes(db, secrets)
	caches, err := build.OpenShelf(filepath.Join(r.config.Data, "caches"), int64(r.config.Builds.CacheSize)<<30)
	if err != nil {
		return err
	}
	r.builds = build.New(build.Config{
		Caches: caches,
		Store:  db, Queue: r.queue, Runner: r.places, Slots: r.config.BuildSlots, Disk: int64(r.config.Builds.Disk) * 1e9,
		Objects: backing.Objects(r.limitedObjects()), Repositories: backing.RepositoriesAndMirrors(r.limitedRepositories(), r.elsewhere.sources.MirrorPath),
		Logs: backing.Logs(r.logs), WorkerLogs: r.logs,
		Remotes:  r.remotes,
		Secrets:  secrets,
		OnChange: r.buildChanged, OnBatch: r.batchChanged, OnFailed: r.options.failed, Keep: build.Keeping(r.config.Keep),
		Roles: r.identities, Endpoint: r.config.PublicURL, Loopback: onLoopback(r.config.Listen), Alone: r.options.directories,
		Place: build.Place{Region: place.Region, Account: place.Account}, Log: r.log.With("room", "builds"),
	})
	r.closers = append(r.closers, r.builds.DropKept)
	return nil
}

func (r *rooms) openS3(ctx context.Context, verifier *awsapi.Verifier, identities *iam.Directory, place awsapi.Place) error {
	log := r.log.With("room", "s3")
	r.websites = website.New(r.objects, website.Options{Region: place.Region, Hosts: ownHosts(r.config), Logger: log})
	var err error
	r.s3, err = s3api.New(ctx, s3api.Options{
		Store: r.objects, Verifier: verifier, Keys: identities, Decider: identities, Place: place, Logger: log,
		Domains:    []string{publicHost(r.config.PublicURL)},
		RuntimeDir: runtimeDir(r.seat),
	})
	if err == nil {
		r.closers = append(r.closers, r.s3.Close)
	}
	return err
}

// runtimeDir is where the S3 rooms' socket goes: to the server's seat, where a crash leaves nothing behind that is not
// cleared away, unless that path is too long for a socket.
func runtimeDir(s *seat) string {
	const longest = 70 // of about 108 bytes, what is left beside the names below
	if dir := s.dir(); len(dir) <= longest {
		return dir
	}
	return ""
}

// publicHost is the host clients use, below which BUCKET.HOST addresses a bucket.
func publicHost(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// objectPut and pushed tell flow, in the transaction of the change itself, that a source has a new revision.
func (r *rooms) objectPut(ctx context.Context, tx store.Tx, o objectstore.Object) error {
	if err := r.publishObject(ctx, tx, o); err != nil {
		return err
	}
	return r.flow.SourceChanged(ctx, tx, flow.SourceChange{Provider: "S3", Resource: o.Bucket, Ref: o.Key, Revision: o.VersionID})
}

func (r *rooms) pushed(ctx context.Context, tx store.Tx, p gitrepo.Push) error {
	c := flow.SourceChange{
		Provider: "CodeCommit", Resource: p.Repository, Ref: p.Branch, Revision: p.New, Before: p.Old, Actor: p.PusherArn,
	}
	if p.Tag != "" {
		c.Ref, c.Tag = p.Tag, true
	}
	if err := r.publishPush(ctx, tx, p); err != nil {
		return err
	}
	if c.Ref != "" && !p.Deleted {
		if err := r.flow.SourceChanged(ctx, tx, c); err != nil {
			return err
		}
	}
	if err := r.triggers.Pushed(ctx, tx, p); err != nil {
		return err
	}
	return r.pulls.Pushed(ctx, tx, p)
}

// alarmChanged tells the rules that watch an alarm, in the transaction of the change itself.
func (r *rooms) alarmChanged(ctx context.Context, tx store.Tx, c alarm.Change) error {
	return cloudwatchalarm.Changed(ctx, tx, r.queue, r.flow, c)
}

// begin repairs what a crash left and starts the workers.
func (r *rooms) begin(ctx context.Context) error {
	if err := errors.Join(r.builds.Recover(ctx), r.clearUp(ctx)); err != nil {
		return err
	}
	if _, alone := r.config.SQLite(); alone { // this server alone uses the directory
		if err := r.objects.Recover(ctx); err != nil {
			return err
		}
	}
	if err := r.repositories.Recover(ctx); err != nil {
		return fmt.Errorf("finishing pushes that a crash cut off: %w", err)
	}
	// Workers outlive the signal that ends ctx: stop ends them in order.
	ctx = context.WithoutCancel(ctx)
	if err := r.queue.Start(ctx); err != nil {
		return err
	}
	if err := r.flow.Begin(ctx); err != nil {
		return err
	}
	if err := r.elsewhere.host.Begin(ctx); err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	r.endWatching = cancel
	r.identities.Watch(watching)
	r.watching.Go(func() { r.builds.Watch(watching) })
	r.workers.Watch(watching)
	r.watching.Go(func() { r.sweep(watching) })
	if _, alone := r.config.SQLite(); !alone {
		r.watching.Go(func() { r.look(watching) })
	}
	return nil
}

const (
	// sweepInterval is how often what nobody needs any more is cleared away, first after firstSweep: a server that never
	// runs for an hour must not keep everything.
	sweepInterval = time.Hour
	firstSweep    = 2 * time.Minute
	// keepPushes is how long push events are kept; the last one of each ref stays.
	keepPushes = 90 * 24 * time.Hour
	// keepCommands is how long builds are kept that belong to pipelines; their actions have been told their end long ago.
	keepCommands = 30 * 24 * time.Hour
	// keepAlarms is how long it is known what happened to alarms, and what rules about them decided.
	keepAlarms = 30 * 24 * time.Hour
	// keepEvents is how long listeners can catch up, and dead letters can be delivered again.
	keepEvents = 14 * 24 * time.Hour
	// keepCode is how long code may lie about that belongs to no function, which may be about to be made.
	keepCode = 24 * time.Hour
)

func (r *rooms) sweep(ctx context.Context) {
	timer := time.NewTimer(firstSweep)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(sweepInterval)
		}
		_, err := r.objects.Sweep(ctx)
		_, errPushes := r.repositories.Prune(ctx, time.Now().Add(-keepPushes))
		err = errors.Join(err, errPushes, r.builds.Prune(ctx, time.Now().Add(-keepCommands)), r.builds.PruneReports(ctx, time.Now()), r.logs.Sweep(ctx), r.repositories.Maintain(ctx),
			r.elsewhere.sweep(ctx), r.secrets.vault.Sweep(ctx),
			r.alarms.Prune(ctx, time.Now().Add(-keepAlarms)), r.alarmRule.Prune(ctx, time.Now().Add(-keepAlarms)),
			r.pulls.Prune(ctx, time.Now().Add(-keepPullStatuses)), r.events.Prune(ctx, time.Now().Add(-keepEvents)), r.functions.Prune(ctx, time.Now().Add(-keepCode)),
			r.topics.Prune(ctx), r.remotes.Prune(ctx, time.Now()))
		if err != nil && ctx.Err() == nil {
			r.log.Error("clearing away failed; it is tried again later", "error", err)
		}
	}
}

// stop ends the workers; builds that run are ended and go back to the queue.
func (r *rooms) stop(ctx context.Context) error {
	r.eventHost.Close()
	r.console.Close()
	err := r.queue.Stop(ctx)
	r.endWatching()
	r.watching.Wait()
	return err
}

// lastLines is how long a stop waits for the database to take the last lines of logs. A full disk never does.
const lastLines = 2 * time.Second

// closeWithin closes a room that waits for the disk, but not for ever.
func closeWithin(limit time.Duration, closeRoom func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("the database did not take it within %s", limit))
		defer cancel()
		if err := closeRoom(ctx); err != nil {
			return fmt.Errorf("the end of some logs could not be written and is lost: %w", err)
		}
		return nil
	}
}

func (r *rooms) front(h *health) http.Handler {
	return &front{
		health: h, connections: r.elsewhere.handler, forges: r.elsewhere.host, explain: r.explain, events: r.eventHost, api: r.api, isAPI: r.api.Matches, git: r.git, webhooks: r.webhooks, buildHooks: r.remotes,
		topics: r.topicPages, workers: r.workers, shells: r.shells, approvals: r.approvals, websites: sandboxed(r.websites), isWebsite: r.websites.Wants,
		console: r.console, s3: sandboxed(r.s3),
	}
}
