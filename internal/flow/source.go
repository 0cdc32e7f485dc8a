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
)

// The providers whose changes flow is told about.
const (
	providerCodeCommit = "CodeCommit"
	providerS3         = "S3"
)

// SourceChange is a new revision of a source: a branch of a hosted repository moved, or an object was put.
type SourceChange struct {
	Provider string `json:"provider"` // "CodeCommit" or "S3"
	Resource string `json:"resource"` // repository name, bucket
	Ref      string `json:"ref"`      // branch name (without refs/heads/), object key
	Revision string `json:"revision"` // commit id, object version id
	Actor    string `json:"actor"`    // ARN of who made the change, if known
}

// SourceChanged records, in the transaction in which a source changed, one request for each pipeline that watches it.
// When tx commits, each of them will start exactly one execution, in the order of the changes.
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
		_, err := tx.Exec(ctx, `INSERT INTO source_changes (pipeline_id, change) VALUES ($1, $2)`, w.id, mustJSON(c))
		if err != nil {
			return err
		}
		if err := s.enqueue(ctx, tx, queue.Job{Kind: jobChange, Group: w.name}, changeRef{Pipeline: w.name}); err != nil {
			return err
		}
	}
	return nil
}

// changeRef is the payload of the job that looks for changes.
type changeRef struct {
	Pipeline string `json:"pipeline"`
}

// isDeletion recognises the end of a branch: nothing is left to build.
func isDeletion(c SourceChange) bool {
	return c.Provider == providerCodeCommit && strings.Trim(c.Revision, "0") == ""
}

type watchingPipeline struct {
	id   int64
	name string
}

func (s *Service) watching(ctx context.Context, tx store.Tx, c SourceChange) ([]watchingPipeline, error) {
	rows, err := tx.Query(ctx, `
		SELECT DISTINCT p.id, p.name FROM source_watches w JOIN pipelines p ON p.id = w.pipeline_id
		WHERE w.provider = $1 AND w.resource = $2 AND w.ref = $3 ORDER BY p.id`, c.Provider, c.Resource, c.Ref)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []watchingPipeline
	for rows.Next() {
		var w watchingPipeline
		if err := rows.Scan(&w.id, &w.name); err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

// applyChanges turns the recorded changes of a pipeline into executions.
func (s *Service) applyChanges(_ context.Context, job queue.Job) (queue.Completion, error) {
	var ref changeRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	return func(ctx context.Context, tx store.Tx) error {
		p, err := s.lock(ctx, tx, ref.Pipeline)
		if isNotFound(err) { // deleted meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		changes, err := takeChanges(ctx, tx, p.id)
		if err != nil || len(changes) == 0 {
			return err
		}
		d, err := s.definition(ctx, tx, p.id, p.version)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := s.apply(ctx, tx, p, d, s.changeEvent(tx, d, c)); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// takeChanges removes the recorded changes of a locked pipeline and returns them in order.
func takeChanges(ctx context.Context, tx store.Tx, pipelineID int64) ([]SourceChange, error) {
	rows, err := tx.Query(ctx, `SELECT id, change FROM source_changes WHERE pipeline_id = $1 ORDER BY id`, pipelineID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var changes []SourceChange
	var ids []int64
	for rows.Next() {
		var id int64
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, err
		}
		var c SourceChange
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return nil, fmt.Errorf("source change %d is unreadable: %w", id, err)
		}
		changes, ids = append(changes, c), append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	for _, id := range ids { // by id: a change that arrives while we read stays for its own job
		if _, err := tx.Exec(ctx, `DELETE FROM source_changes WHERE id = $1`, id); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// changeEvent starts an execution that builds exactly the revision that was pushed, whatever is newest by the time its
// source action runs. The trigger is what an EventBridge rule would give (CloudWatchEvent); as there is no rule here,
// its detail is the ARN of what changed: the repository or the bucket.
func (s *Service) changeEvent(tx store.Tx, d *pipeline.Definition, c SourceChange) engine.Event {
	values, failure := resolveVariables(d, nil)
	ev := engine.ExecutionRequested{
		At: s.at(tx), By: c.Actor, ID: uuid.NewString(), Nonce: rand.Text(), Region: s.region,
		Trigger:   pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerSourceChange, TriggerDetail: s.sourceARN(c)},
		Variables: values,
	}
	if failure != "" {
		ev.Failure = "The change could not start the pipeline: " + failure
	}
	if kind := revisionKind(c); kind != "" {
		for _, w := range watchesOf(d) {
			if w.provider == c.Provider && w.resource == c.Resource && w.ref == c.Ref {
				ev.Overrides = append(ev.Overrides, pipeline.SourceRevisionOverride{
					ActionName: w.action, RevisionType: kind, RevisionValue: c.Revision,
				})
			}
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
	case c.Provider == providerCodeCommit:
		return revisionCommit
	case c.Provider == providerS3 && c.Revision != "" && c.Revision != "null": // an unversioned bucket pins nothing
		return revisionS3Version
	}
	return ""
}

// watch is a source action that starts its pipeline when what it fetches changes.
type watch struct{ action, provider, resource, ref string }

// watchesOf lists the sources of d whose changes start it: those with PollForSourceChanges omitted or "true". With
// "false" the owner starts the pipeline otherwise.
func watchesOf(d *pipeline.Definition) []watch {
	var list []watch
	for _, stage := range d.Stages {
		for i := range stage.Actions {
			a := &stage.Actions[i]
			c := a.Configuration
			if !a.IsSource() || a.ActionTypeID.Owner != "AWS" || c["PollForSourceChanges"] == "false" {
				continue
			}
			switch a.ActionTypeID.Provider {
			case providerCodeCommit:
				list = append(list, watch{a.Name, providerCodeCommit, c["RepositoryName"], c["BranchName"]})
			case providerS3:
				list = append(list, watch{a.Name, providerS3, c["S3Bucket"], c["S3ObjectKey"]})
			}
		}
	}
	return list
}

func saveWatches(ctx context.Context, tx store.Tx, pipelineID int64, d *pipeline.Definition) error {
	if _, err := tx.Exec(ctx, `DELETE FROM source_watches WHERE pipeline_id = $1`, pipelineID); err != nil {
		return err
	}
	for _, w := range watchesOf(d) {
		if _, err := tx.Exec(ctx, `INSERT INTO source_watches (pipeline_id, action, provider, resource, ref) VALUES ($1, $2, $3, $4, $5)`,
			pipelineID, w.action, w.provider, w.resource, w.ref); err != nil {
			return err
		}
	}
	return nil
}
