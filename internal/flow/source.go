package flow

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// The providers whose changes flow is told about.
const (
	providerCodeCommit = "CodeCommit"
	providerS3         = "S3"
	providerWebhook    = "Webhook" // the change is somewhere else; a webhook told of it
)

// SourceChange is a new revision of a source: a ref of a hosted repository moved, or an object was put.
type SourceChange struct {
	Provider string `json:"provider"`         // "CodeCommit", "S3", or one of RemoteResource
	Resource string `json:"resource"`         // repository name, bucket; the ARN of a webhook
	Ref      string `json:"ref"`              // branch or tag name (without refs/...), object key
	Tag      bool   `json:"tag,omitempty"`    // Ref is a tag
	Revision string `json:"revision"`         // commit id (of a tag: what it names), object version id
	Before   string `json:"before,omitempty"` // the commit a branch named until now; "" for a new one
	Actor    string `json:"actor"`            // ARN of who made the change, if known

	// What happened to a pull request; "" for a push. Ref is then the branch it is to go into.
	Event       trigger.Kind `json:"event,omitempty"`
	PullRequest string       `json:"pullRequest,omitempty"` // its number
	Title       string       `json:"title,omitempty"`       // its title
	Source      string       `json:"source,omitempty"`      // the branch it comes from
	// Files are those that changed, of a repository that flow cannot look at by itself; see trigger.MaxFiles.
	Files []string `json:"files,omitempty"`
}

// SourceChanged records, in the transaction in which a source changed, one request for each pipeline that watches it.
// When tx commits, each of them will start exactly one execution, in the order of the changes, unless its triggers filter
// the change out.
//
// The requests lie in a table and the jobs only say "look there", because a pipeline's changes must become executions in
// the order in which they happened, and queued jobs may overtake each other. Each change brings its own job, so that
// none can be missed: by the time the job runs, its change is visible, unless an earlier job has taken it along.
func (s *Service) SourceChanged(ctx context.Context, tx store.Tx, c SourceChange) error {
	if isDeletion(c) {
		return nil
	}
	watching, err := s.watching(ctx, tx, c)
	if err != nil {
		return err
	}
	for _, w := range watching {
		if err := s.requestChange(ctx, tx, w, c); err != nil {
			return err
		}
	}
	return nil
}

// requestChange records that a change may start a pipeline, and the job that looks for it.
func (s *Service) requestChange(ctx context.Context, tx store.Tx, w watchingPipeline, c SourceChange) error {
	_, err := tx.Exec(ctx, `INSERT INTO source_changes (pipeline_id, change) VALUES ($1, $2)`, w.id, mustJSON(c))
	if err != nil {
		return err
	}
	return s.enqueue(ctx, tx, queue.Job{Kind: jobChange, Group: w.name}, changeRef{w.name, w.filtered})
}

// changeRef is the payload of the job that looks for changes.
type changeRef struct {
	Pipeline string `json:"pipeline"`
	Filtered bool   `json:"filtered,omitempty"` // what the changes brought has to be looked at
}

// isDeletion recognises the end of a branch: nothing is left to build.
func isDeletion(c SourceChange) bool {
	return c.Provider == providerCodeCommit && strings.Trim(c.Revision, "0") == ""
}

type watchingPipeline struct {
	id       int64
	name     string
	filtered bool
}

// watching finds the pipelines that a change concerns: those that watch its very ref, and those that filter all of them.
func (s *Service) watching(ctx context.Context, tx store.Tx, c SourceChange) ([]watchingPipeline, error) {
	ref := c.Ref
	if c.Tag || c.Event != "" {
		ref = anyRef
	}
	rows, err := tx.Query(ctx, `
		SELECT p.id, p.name, MAX(CASE WHEN w.ref = '' THEN 1 ELSE 0 END)
		FROM source_watches w JOIN pipelines p ON p.id = w.pipeline_id
		WHERE w.provider = $1 AND w.resource = $2 AND w.ref IN ($3, '') GROUP BY p.id, p.name ORDER BY p.id`,
		c.Provider, c.Resource, ref)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []watchingPipeline
	for rows.Next() {
		var w watchingPipeline
		var filtered int
		if err := rows.Scan(&w.id, &w.name, &filtered); err != nil {
			return nil, err
		}
		w.filtered = filtered == 1
		list = append(list, w)
	}
	return list, rows.Err()
}

// applyChanges turns the recorded changes of a pipeline into executions.
func (s *Service) applyChanges(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var ref changeRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	var seen lookedAt
	if ref.Filtered {
		var err error
		if seen, err = s.lookAtChanges(ctx, ref.Pipeline); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, tx store.Tx) error {
		p, err := s.lock(ctx, tx, ref.Pipeline)
		if isNotFound(err) { // deleted meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		changes, err := pendingChanges(ctx, tx, p.id)
		if err != nil || len(changes) == 0 {
			return err
		}
		d, err := s.definition(ctx, tx, p.id, p.version)
		if err != nil {
			return err
		}
		return s.takeChanges(ctx, tx, p, d, changes, seen)
	}, nil
}

// takeChanges applies the recorded changes of a locked pipeline, in order. One that has to be looked at first stays for a
// job that does so.
func (s *Service) takeChanges(ctx context.Context, tx store.Tx, p *row, d *pipeline.Definition, changes []pendingChange, seen lookedAt) error {
	unseen := false
	for _, c := range changes {
		started, known := startedBy(d, c, seen)
		if !known {
			unseen = true
			continue
		}
		// By id: a change that arrives meanwhile stays for its own job.
		if _, err := tx.Exec(ctx, `DELETE FROM source_changes WHERE id = $1`, c.id); err != nil {
			return err
		}
		if started.nothing() {
			continue
		}
		if err := s.apply(ctx, tx, p, d, s.changeEvent(tx, d, c.SourceChange, started)); err != nil {
			return err
		}
	}
	if unseen {
		return s.enqueue(ctx, tx, queue.Job{Kind: jobChange, Group: p.name}, changeRef{p.name, true})
	}
	return nil
}

// pendingChange is a recorded change.
type pendingChange struct {
	id int64
	SourceChange
}

// pendingChanges reads the recorded changes of a pipeline, in order.
func pendingChanges(ctx context.Context, r store.Reader, pipelineID int64) ([]pendingChange, error) {
	rows, err := r.Query(ctx, `SELECT id, change FROM source_changes WHERE pipeline_id = $1 ORDER BY id`, pipelineID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var changes []pendingChange
	for rows.Next() {
		var c pendingChange
		var text string
		if err := rows.Scan(&c.id, &text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &c.SourceChange); err != nil {
			return nil, fmt.Errorf("source change %d is unreadable: %w", c.id, err)
		}
		changes = append(changes, c)
	}
	return changes, rows.Err()
}

// started is what a change starts: the source actions whose revision it pins, and the trigger. What a webhook tells of
// pins nothing: every source action fetches what is newest.
type started struct {
	actions  []string
	revision string
	trigger  pipeline.ExecutionTrigger // empty: a plain change
}

func (s started) nothing() bool { return len(s.actions) == 0 && s.trigger.TriggerType == "" }

// changeEvent starts an execution that builds exactly the revision that was pushed, whatever is newest by the time its
// source action runs. The trigger of a plain change is what an EventBridge rule would give (CloudWatchEvent); as there is
// no rule here, its detail is the ARN of what changed: the repository or the bucket.
func (s *Service) changeEvent(tx store.Tx, d *pipeline.Definition, c SourceChange, by started) engine.Event {
	values, failure := resolveVariables(d, nil)
	ev := engine.ExecutionRequested{
		At: s.at(tx), By: c.Actor, ID: uuid.NewString(), Nonce: rand.Text(), Region: s.region,
		Trigger: by.trigger, Variables: values,
	}
	if ev.Trigger.TriggerType == "" && isRemote(c.Provider) {
		ev.Trigger = pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerPoll, TriggerDetail: remoteName(c)}
	}
	if ev.Trigger.TriggerType == "" {
		ev.Trigger = pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerSourceChange, TriggerDetail: s.sourceARN(c)}
	}
	if failure != "" {
		ev.Failure = "The change could not start the pipeline: " + failure
	}
	if kind := revisionKind(c); kind != "" {
		for _, a := range by.actions {
			ev.Overrides = append(ev.Overrides, pipeline.SourceRevisionOverride{ActionName: a, RevisionType: kind, RevisionValue: by.revision})
		}
	}
	return ev
}

func (s *Service) sourceARN(c SourceChange) string {
	if c.Provider == providerS3 {
		return "arn:aws:s3:::" + c.Resource
	}
	return "arn:aws:codecommit:" + s.region + ":" + s.account + ":" + c.Resource
}

func revisionKind(c SourceChange) string {
	switch {
	case c.Provider == providerCodeCommit || isRemote(c.Provider):
		return revisionCommit
	case c.Provider == providerS3 && c.Revision != "" && c.Revision != "null": // an unversioned bucket pins nothing
		return revisionS3Version
	}
	return ""
}

// watch is a source action that starts its pipeline when what it fetches changes.
type watch struct {
	action, provider, resource, ref string
	filter                          *pipeline.GitConfiguration // of a trigger: decides about every ref (anyRef)
}

// anyRef is the ref of watches that a filter decides about. No branch and no key is empty.
const anyRef = ""

// watchesOf lists the sources of d whose changes start it: those of triggers, and those with PollForSourceChanges omitted
// or "true". With "false" the owner starts the pipeline otherwise.
func watchesOf(d *pipeline.Definition) []watch {
	var list []watch
	for _, stage := range d.Stages {
		for i := range stage.Actions {
			a := &stage.Actions[i]
			if !a.IsSource() || a.ActionTypeID.Owner != "AWS" {
				continue
			}
			c, filter := a.Configuration, filterOf(d, a.Name)
			watched := c["PollForSourceChanges"] != "false"
			switch {
			case a.ActionTypeID.Provider == providerCodeCommit && filter != nil:
				list = append(list, watch{a.Name, providerCodeCommit, c["RepositoryName"], anyRef, filter})
			case a.ActionTypeID.Provider == providerCodeCommit && watched:
				list = append(list, watch{a.Name, providerCodeCommit, c["RepositoryName"], c["BranchName"], nil})
			case a.ActionTypeID.Provider == providerS3 && watched:
				list = append(list, watch{a.Name, providerS3, c["S3Bucket"], c["S3ObjectKey"], nil})
			}
			if w, ok := remoteWatch(a, filter); ok {
				list = append(list, w)
			}
		}
	}
	return list
}

func (s *Service) saveWatches(ctx context.Context, tx store.Tx, pipelineID int64, d *pipeline.Definition) error {
	before, err := remoteWatches(ctx, tx, pipelineID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM source_watches WHERE pipeline_id = $1`, pipelineID); err != nil {
		return err
	}
	for _, w := range watchesOf(d) {
		if _, err := tx.Exec(ctx, `INSERT INTO source_watches (pipeline_id, action, provider, resource, ref) VALUES ($1, $2, $3, $4, $5)`,
			pipelineID, w.action, w.provider, w.resource, w.ref); err != nil {
			return err
		}
	}
	return s.tellWatching(ctx, tx, pipelineID, before)
}
