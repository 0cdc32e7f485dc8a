package flow

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Pipeline is a stored definition and when it was made. Its secrets are masked.
type Pipeline struct {
	pipeline.Definition
	ARN     string
	Created time.Time
	Updated time.Time // of the current version
}

// CreatePipeline stores version 1 of a pipeline and starts its first execution. by is the ARN of the caller.
func (s *Service) CreatePipeline(ctx context.Context, d pipeline.Definition, tags map[string]string, by string) (Pipeline, error) {
	d = pipeline.Normalise(d)
	d.Version = 1
	var created Pipeline
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		if err := s.checkNew(ctx, tx, &d, tags); err != nil {
			return err
		}
		p, err := s.insertPipeline(ctx, tx, &d, by)
		if err != nil {
			return err
		}
		if err := setTags(ctx, tx, pipelineTags(p.id), tags); err != nil {
			return err
		}
		// The engine learns the shape of the pipeline before its first execution is asked for.
		if err := s.apply(ctx, tx, p, &d, engine.DefinitionChanged{At: s.at(tx), By: by, Version: 1}); err != nil {
			return err
		}
		if created, err = s.present(ctx, tx, p, &d); err != nil {
			return err
		}
		values, missing := resolveVariables(&d, nil)
		return s.apply(ctx, tx, p, &d, engine.ExecutionRequested{
			At: s.at(tx), By: by, ID: uuid.NewString(), Nonce: rand.Text(), Region: s.region, Variables: values, Failure: missing,
			Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerCreatePipeline, TriggerDetail: by},
		})
	})
	return created, err
}

func (s *Service) checkNew(ctx context.Context, tx store.Tx, d *pipeline.Definition, tags map[string]string) error {
	types := s.catalog(ctx, tx)
	w := s.world(types)
	w.MaxPipelines, w.Tags = s.quota, tags
	err := tx.QueryRow(ctx, `SELECT COUNT(*), COUNT(CASE WHEN name = $1 THEN 1 END) > 0 FROM pipelines`, d.Name).
		Scan(&w.Pipelines, &w.NameTaken)
	if err != nil {
		return err
	}
	return s.check(d, w, types)
}

// world is what validation has to know about this server.
func (s *Service) world(types *catalog) pipeline.World {
	return pipeline.World{Account: s.account, Region: s.region, ActionTypes: types.facts, RoleProblem: s.roleProblem}
}

// check refuses what breaks a rule of the service, and then what this server cannot run yet.
func (s *Service) check(d *pipeline.Definition, w pipeline.World, types *catalog) error {
	err := pipeline.Validate(*d, w)
	if types.err != nil {
		return types.err
	}
	if err != nil {
		return err
	}
	if err := checkGlobs(d); err != nil {
		return err
	}
	return refusal(engine.Supports(d))
}

// insertPipeline stores the pipeline itself. A name that another transaction has taken meanwhile is refused here.
func (s *Service) insertPipeline(ctx context.Context, tx store.Tx, d *pipeline.Definition, by string) (*row, error) {
	p := &row{name: d.Name, version: d.Version, created: tx.Now(), updated: tx.Now()}
	p.text = mustJSON(p.state)
	now := store.Micros(p.created)
	err := tx.QueryRow(ctx, `
		INSERT INTO pipelines (name, version, pipeline_type, execution_mode, created, updated, seq, state)
		VALUES ($1, $2, $3, $4, $5, $5, 0, $6) ON CONFLICT (name) DO NOTHING RETURNING id`,
		d.Name, d.Version, string(d.PipelineType), string(d.ExecutionMode), now, p.text).Scan(&p.id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pipeline.Errorf(pipeline.PipelineNameInUse, "A pipeline with the name '%s' already exists in account '%s'", d.Name, s.account)
	}
	if err != nil {
		return nil, err
	}
	return p, s.insertVersion(ctx, tx, p.id, d, by)
}

func (s *Service) insertVersion(ctx context.Context, tx store.Tx, id int64, d *pipeline.Definition, by string) error {
	_, err := tx.Exec(ctx, `INSERT INTO pipeline_versions (pipeline_id, version, definition, created, created_by) VALUES ($1, $2, $3, $4, $5)`,
		id, d.Version, mustJSON(d), store.Micros(tx.Now()), by)
	if err != nil {
		return err
	}
	return s.saveWatches(ctx, tx, id, d)
}

// UpdatePipeline stores d as the next version of the pipeline with its name. Executions in flight end as Cancelled; none
// is started. A secret that comes masked keeps its stored value.
func (s *Service) UpdatePipeline(ctx context.Context, given pipeline.Definition, by string) (Pipeline, error) {
	var updated Pipeline
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		p, err := s.lock(ctx, tx, given.Name)
		if err != nil {
			return err
		}
		old, err := s.definition(ctx, tx, p.id, p.version)
		if err != nil {
			return err
		}
		types := s.catalog(ctx, tx)
		d := pipeline.Normalise(pipeline.RestoreSecrets(given, *old, types.facts))
		d.Version = p.version + 1
		if err := s.check(&d, s.world(types), types); err != nil {
			return err
		}
		p.version, p.updated = d.Version, tx.Now()
		if _, err := tx.Exec(ctx, `UPDATE pipelines SET version = $1, pipeline_type = $2, execution_mode = $3, updated = $4 WHERE id = $5`,
			d.Version, string(d.PipelineType), string(d.ExecutionMode), store.Micros(p.updated), p.id); err != nil {
			return err
		}
		if err := s.insertVersion(ctx, tx, p.id, &d, by); err != nil {
			return err
		}
		if updated, err = s.present(ctx, tx, p, &d); err != nil {
			return err
		}
		return s.apply(ctx, tx, p, &d, engine.DefinitionChanged{At: s.at(tx), By: by, Version: d.Version})
	})
	return updated, err
}

// CheckPipeline tells what UpdatePipeline would refuse a definition for, or CreatePipeline while there is no pipeline of its
// name. Nothing changes.
func (s *Service) CheckPipeline(ctx context.Context, given pipeline.Definition) error {
	return s.store.Read(ctx, func(r store.Reader) error {
		types := s.catalog(ctx, r)
		p, err := s.load(ctx, r, given.Name)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil {
			old, err := s.definition(ctx, r, p.id, p.version)
			if err != nil {
				return err
			}
			given = pipeline.RestoreSecrets(given, *old, types.facts)
		}
		d := pipeline.Normalise(given)
		d.Version = 1
		return s.check(&d, s.world(types), types)
	})
}

// DeletePipeline removes a pipeline, drops its executions and cancels their running actions. Deleting one that does not
// exist is fine. The history is swept in the background.
func (s *Service) DeletePipeline(ctx context.Context, name, by string) error {
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		p, err := s.lock(ctx, tx, name)
		if err != nil {
			return err
		}
		d, err := s.definition(ctx, tx, p.id, p.version)
		if err != nil {
			return err
		}
		if err := s.apply(ctx, tx, p, d, engine.PipelineDeleted{At: s.at(tx), By: by}); err != nil {
			return err
		}
		watched, err := remoteWatches(ctx, tx, p.id)
		if err != nil {
			return err
		}
		for _, table := range []string{"source_watches", "source_changes", "pipeline_tags", "client_tokens", "action_revisions", "pipeline_versions"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE pipeline_id = $1`, p.id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pipelines WHERE id = $1`, p.id); err != nil {
			return err
		}
		if err := s.tellWatching(ctx, tx, p.id, watched); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, queue.Job{Kind: jobPurge, Key: fmt.Sprint(p.id)}, purgeRef{PipelineID: p.id})
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

// GetPipeline reads a version of a pipeline; 0 is the current one.
func (s *Service) GetPipeline(ctx context.Context, name string, version int) (Pipeline, error) {
	var found Pipeline
	err := s.store.Read(ctx, func(r store.Reader) error {
		p, err := s.load(ctx, r, name)
		if err != nil {
			return err
		}
		setDefault(&version, p.version)
		d, err := s.definition(ctx, r, p.id, version)
		if errors.Is(err, errNoVersion) {
			return pipeline.Errorf(pipeline.PipelineVersionNotFound, "The pipeline '%s' has no version %d", name, version)
		}
		if err != nil {
			return err
		}
		found, err = s.present(ctx, r, p, d)
		return err
	})
	return found, err
}

func (s *Service) present(ctx context.Context, r store.Reader, p *row, d *pipeline.Definition) (Pipeline, error) {
	types := s.pastCatalog(ctx, r)
	return Pipeline{
		Definition: pipeline.MaskSecrets(*d, types.facts), ARN: s.ARN(p.name), Created: p.created, Updated: p.updated,
	}, types.err
}

// PipelineSummary is one line of ListPipelines.
type PipelineSummary struct {
	Name             string
	Version          int
	Type             pipeline.Type
	Mode             pipeline.ExecutionMode
	Created, Updated time.Time
}

// ListPipelines lists the pipelines by name.
func (s *Service) ListPipelines(ctx context.Context, page Page) ([]PipelineSummary, string, error) {
	after := struct{ Name string }{}
	if err := page.resume("pipelines", &after); err != nil {
		return nil, "", err
	}
	limit := page.limit(1000)
	var list []PipelineSummary
	err := s.store.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `
			SELECT name, version, pipeline_type, execution_mode, created, updated FROM pipelines
			WHERE name > $1 ORDER BY name LIMIT $2`, after.Name, limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p PipelineSummary
			var created, updated int64
			if err := rows.Scan(&p.Name, &p.Version, &p.Type, &p.Mode, &created, &updated); err != nil {
				return err
			}
			p.Created, p.Updated = store.FromMicros(created), store.FromMicros(updated)
			list = append(list, p)
		}
		return rows.Err()
	})
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	list = list[:limit]
	after.Name = list[limit-1].Name
	return list, token("pipelines", after), nil
}

// PipelineState is what GetPipelineState shows.
type PipelineState struct {
	Name             string
	Version          int
	Created, Updated time.Time
	Definition       *pipeline.Definition // shared: do not change
	State            engine.State
}

// GetPipelineState reads where a pipeline stands.
func (s *Service) GetPipelineState(ctx context.Context, name string) (PipelineState, error) {
	var found PipelineState
	err := s.store.Read(ctx, func(r store.Reader) error {
		p, err := s.load(ctx, r, name)
		if err != nil {
			return err
		}
		d, err := s.definition(ctx, r, p.id, p.version)
		if err != nil {
			return err
		}
		found = PipelineState{Name: name, Version: p.version, Created: p.created, Updated: p.updated, Definition: d, State: p.state}
		return nil
	})
	return found, err
}

// refusal turns the engine's refusal of a user's mistake into the error of this package's callers.
func refusal(err error) error {
	if r, ok := errors.AsType[*engine.Refusal](err); ok {
		return &pipeline.Error{Kind: pipeline.ErrorKind(r.Kind), Message: r.Message}
	}
	return err
}
