package iam

import (
	"sync"
	"time"
)

// cacheFor is how long another server's change may go unnoticed here.
const cacheFor = 5 * time.Second

// cache remembers successful look-ups for a short while. Failures are not kept, so strangers cannot fill it.
type cache[T any] struct {
	now  func() time.Time
	keep time.Duration

	mu         sync.RWMutex
	generation int // grows with forget
	entries    map[string]cached[T]
}

type cached[T any] struct {
	value T
	until time.Time
}

func newCache[T any](now func() time.Time) *cache[T] {
	return &cache[T]{now: now, keep: cacheFor, entries: map[string]cached[T]{}}
}

// get returns the remembered value of key, or what load gives.
func (c *cache[T]) get(key string, load func() (T, error)) (T, error) {
	now := c.now()
	c.mu.RLock()
	e, ok := c.entries[key]
	generation := c.generation
	c.mu.RUnlock()
	if ok && now.Before(e.until) {
		return e.value, nil
	}
	value, err := load()
	if err != nil {
		c.mu.Lock()
		delete(c.entries, key)
		c.mu.Unlock()
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == generation { // else what was loaded may be older than a change
		c.entries[key] = cached[T]{value, now.Add(c.keep)}
	}
	return value, nil
}

// forget drops everything.
func (c *cache[T]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
}
