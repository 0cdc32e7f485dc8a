package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// record is a build as it is stored: the AWS shape, and what only this package needs.
type record struct {
	ID       string // uuid
	Build    types.Build
	Settings settings
	Stop     bool
	Started  bool
	Waiting  bool // for its project's limit, without a job
}

// settings is what a build does beyond what its AWS shape says. It never changes once the build exists.
type settings struct {
	OnFinish  *queue.Job               `json:"onFinish,omitempty"`
	Pipeline  *Pipeline                `json:"pipeline,omitempty"`
	Commands  *Commands                `json:"commands,omitempty"`
	Artifacts []types.ProjectArtifacts `json:"artifacts,omitempty"` // primary first; the shape of a build lacks path, name and packaging
	Logs      *types.LogsConfig        `json:"logs,omitempty"`
	Batch     *BatchPart               `json:"batch,omitempty"`
	Variables []buildspec.Variable     `json:"variables,omitempty"`
	// CacheEpoch is the project's when the build was started: its caches alone are the build's.
	CacheEpoch string `json:"cacheEpoch,omitempty"`
}

// Pipeline is what a pipeline's action adds to a build: its artifacts take the place of the project's own source and
// artifact settings.
type Pipeline struct {
	Name          string                  `json:"name"`
	Inputs        []pipeline.Artifact     `json:"inputs"`
	Primary       string                  `json:"primary"` // name of the input that is the primary source
	Outputs       []pipeline.Artifact     `json:"outputs"`
	EncryptionKey *pipeline.EncryptionKey `json:"encryptionKey,omitempty"`
	// Group, when set, is the build of a batch whose outputs these are: GROUP for its primary artifact, GROUP_ID for others.
	Group string `json:"group,omitempty"`
}

const recordColumns = `id, body, request, stop, started, waiting`

func scanRecord(scan func(...any) error) (record, error) {
	var r record
	var body, request string
	var stop, started, waiting int
	if err := scan(&r.ID, &body, &request, &stop, &started, &waiting); err != nil {
		return record{}, err
	}
	r.Stop, r.Started, r.Waiting = stop != 0, started != 0, waiting != 0
	if err := json.Unmarshal([]byte(body), &r.Build); err != nil {
		return record{}, fmt.Errorf("the stored build %s cannot be read: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte(request), &r.Settings); err != nil {
		return record{}, fmt.Errorf("the stored request of build %s cannot be read: %w", r.ID, err)
	}
	return r, nil
}

// load reads one build by its uuid. ErrNoBuild.
func load(ctx context.Context, r store.Reader, id string) (record, error) {
	rec, err := scanRecord(r.QueryRow(ctx, `SELECT `+recordColumns+` FROM builds WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, fmt.Errorf("%w: %s", ErrNoBuild, id)
	}
	return rec, err
}

func insert(ctx context.Context, tx store.Tx, r record, token, fingerprint string) error {
	body, err := json.Marshal(r.Build)
	if err != nil {
		return err
	}
	request, err := json.Marshal(r.Settings)
	if err != nil {
		return err
	}
	b := &r.Build
	ofPipeline, waiting, batch := 0, 0, ""
	if r.Settings.Commands != nil {
		ofPipeline = 1
	}
	if r.Waiting {
		waiting = 1
	}
	if r.Settings.Batch != nil {
		batch = r.Settings.Batch.ID
	}
	_, err = tx.Exec(ctx, `INSERT INTO builds
		(id, project, number, status, queued_until, body, request, token, fingerprint, created_at, of_pipeline, waiting, batch)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.ID, *b.ProjectName, *b.BuildNumber, string(b.BuildStatus), store.Micros(queuedUntil(b)),
		string(body), string(request), sql.NullString{String: token, Valid: token != ""}, fingerprint, store.Micros(tx.Now()), ofPipeline, waiting, batch)
	return err
}

// save writes the state of a build unless it has already ended elsewhere, and reports whether it did.
func save(ctx context.Context, tx store.Tx, id string, b *types.Build) (bool, error) {
	body, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, `UPDATE builds SET body = $2, status = $3, started = 1, waiting = 0 WHERE id = $1 AND status = $4`,
		id, string(body), string(b.BuildStatus), string(types.StatusTypeInProgress))
	return n == 1, err
}

// space is the id in the name space of the build's artifacts: those of a batch that combines them have one.
func (r record) space() string {
	if part := r.Settings.Batch; part != nil && part.Combine {
		return part.ID
	}
	return r.ID
}
