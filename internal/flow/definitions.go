package flow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// versionKey names one version of one pipeline for all time: ids are never used again.
type versionKey struct {
	id      int64
	version int
}

// definitionCache keeps parsed definitions. Only committed ones get in, and those never change.
type definitionCache struct {
	mu    sync.Mutex
	known map[versionKey]*pipeline.Definition
}

const maxCachedDefinitions = 2048

func newDefinitionCache() *definitionCache {
	return &definitionCache{known: map[versionKey]*pipeline.Definition{}}
}

func (c *definitionCache) get(k versionKey) *pipeline.Definition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[k]
}

func (c *definitionCache) put(k versionKey, d *pipeline.Definition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxCachedDefinitions {
		clear(c.known) // rarely, and cheap to fill again
	}
	c.known[k] = d
}

// errNoVersion says that a pipeline has no such version.
var errNoVersion = errors.New("no such version of the pipeline")

// definition reads one version. The result is shared: it must not be changed. Do not ask, in the same transaction, for
// a version that the transaction itself has written: a roll-back would leave it in the cache.
func (s *Service) definition(ctx context.Context, r store.Reader, id int64, version int) (*pipeline.Definition, error) {
	key := versionKey{id, version}
	if d := s.definitions.get(key); d != nil {
		return d, nil
	}
	var text string
	err := r.QueryRow(ctx, `SELECT definition FROM pipeline_versions WHERE pipeline_id = $1 AND version = $2`, id, version).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoVersion
	}
	if err != nil {
		return nil, err
	}
	d := new(pipeline.Definition)
	if err := json.Unmarshal([]byte(text), d); err != nil {
		return nil, fmt.Errorf("version %d of pipeline %d is unreadable: %w", version, id, err)
	}
	s.definitions.put(key, d)
	return d, nil
}
