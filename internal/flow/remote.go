package flow

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// The providers of sources that lie elsewhere: at forges, and at servers of version control.
const (
	ProviderConnection = "CodeStarSourceConnection"
	ProviderGit        = "ConveyorGit"
	ProviderSubversion = "ConveyorSubversion"
	ProviderMercurial  = "ConveyorMercurial"
)

var remoteProviders = []string{ProviderConnection, ProviderGit, ProviderSubversion, ProviderMercurial}

func isRemote(provider string) bool { return slices.Contains(remoteProviders, provider) }

// OnlyRef is the ref of sources that have no branches: a path of Subversion is one line of history.
const OnlyRef = "HEAD"

// ConnectionID is the end of the ARN of a connection, which has two spellings; "" when it is none.
func ConnectionID(arn string) string {
	_, id, _ := strings.Cut(arn, ":connection/")
	return id
}

// RemoteResource is what SourceChange and Watchers call the source that an action fetches: a repository as seen through a
// connection or with a login.
func RemoteResource(a *pipeline.Action) string {
	c := a.Configuration
	if a.ActionTypeID.Provider == ProviderConnection {
		return ConnectionID(c["ConnectionArn"]) + " " + c["FullRepositoryId"]
	}
	return c["ConveyorCredentials"] + " " + c["ConveyorUrl"]
}

// remoteName is the name of a resource without what it is seen through.
func remoteName(c SourceChange) string {
	if !isRemote(c.Provider) {
		return c.Resource
	}
	_, name, _ := strings.Cut(c.Resource, " ")
	return name
}

// defaultPoll is how often a source is asked, in minutes, that has a trigger and does not say.
const defaultPoll = 5

// PollMinutes is how often a source elsewhere wants to be asked whether something is new; 0 is never.
func PollMinutes(d *pipeline.Definition, a *pipeline.Action) int {
	n, err := strconv.Atoi(a.Configuration["ConveyorPollMinutes"])
	if err == nil && n > 0 {
		return n
	}
	if a.ActionTypeID.Provider == ProviderGit && filterOf(d, a.Name) != nil {
		return defaultPoll
	}
	return 0
}

// remoteWatch is the watch of a source elsewhere, if changes there are to start the pipeline.
func remoteWatch(a *pipeline.Action, filter *pipeline.GitConfiguration) (watch, bool) {
	c, provider := a.Configuration, a.ActionTypeID.Provider
	w := watch{a.Name, provider, RemoteResource(a), c["BranchName"], filter}
	switch {
	case !isRemote(provider):
		return watch{}, false
	case filter != nil:
		w.ref = anyRef
		return w, true
	case provider == ProviderConnection:
		return w, c["DetectChanges"] != "false"
	case c["ConveyorPollMinutes"] == "" || c["ConveyorTag"] != "":
		return watch{}, false
	case provider == ProviderSubversion:
		w.ref = OnlyRef
	case provider == ProviderMercurial && w.ref == "":
		w.ref = "default"
	}
	return w, true
}

// remoteKey names a source elsewhere.
type remoteKey struct{ provider, resource string }

func remoteWatches(ctx context.Context, r store.Reader, pipelineID int64) ([]remoteKey, error) {
	rows, err := r.Query(ctx, `SELECT DISTINCT provider, resource FROM source_watches WHERE pipeline_id = $1 AND provider NOT IN ('CodeCommit', 'S3')
		ORDER BY provider, resource`, pipelineID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []remoteKey
	for rows.Next() {
		var k remoteKey
		if err := rows.Scan(&k.provider, &k.resource); err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// tellWatching tells OnWatch of the sources elsewhere that a pipeline watched before and watches now.
func (s *Service) tellWatching(ctx context.Context, tx store.Tx, pipelineID int64, before []remoteKey) error {
	if s.onWatch == nil {
		return nil
	}
	now, err := remoteWatches(ctx, tx, pipelineID)
	if err != nil {
		return err
	}
	for _, k := range now {
		if !slices.Contains(before, k) {
			before = append(before, k)
		}
	}
	for _, k := range before {
		if err := s.onWatch(ctx, tx, k.provider, k.resource); err != nil {
			return err
		}
	}
	return nil
}

// Watcher is a source action that watches a source elsewhere.
type Watcher struct {
	Pipeline string
	Action   *pipeline.Action // shared: do not change
	// Filtered: every branch and tag counts, since a trigger decides.
	Filtered bool
	// Poll is how often it wants the source to be asked, in minutes; 0: not at all.
	Poll int
}

// Watchers lists the source actions that watch a source elsewhere: those whose pipelines SourceChanged may start.
func (s *Service) Watchers(ctx context.Context, r store.Reader, provider, resource string) ([]Watcher, error) {
	names, err := store.Strings(ctx, r, `SELECT DISTINCT p.name FROM source_watches w JOIN pipelines p ON p.id = w.pipeline_id
		WHERE w.provider = $1 AND w.resource = $2 ORDER BY p.name`, provider, resource)
	if err != nil {
		return nil, err
	}
	var list []Watcher
	for _, name := range names {
		id, version, err := s.identify(ctx, r, name)
		if err != nil {
			return nil, err
		}
		d, err := s.definition(ctx, r, id, version)
		if err != nil {
			return nil, err
		}
		for _, w := range watchesOf(d) {
			if w.provider == provider && w.resource == resource {
				a := sourceAction(d, w.action)
				list = append(list, Watcher{name, a, w.filter != nil, PollMinutes(d, a)})
			}
		}
	}
	return list, nil
}
