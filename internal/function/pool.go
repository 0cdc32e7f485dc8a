package function

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pool keeps the programs of functions warm and bounds how much runs at once.
type pool struct {
	s     *Service
	slots chan struct{}

	mu     sync.Mutex
	idle   map[string][]*sandbox // by function revision, the one used last at the end
	all    map[*sandbox]struct{}
	closed bool
	reap   *time.Timer
	ending sync.WaitGroup
}

var errClosing = errors.New("the server stops")

func newPool(s *Service) *pool {
	return &pool{s: s, slots: make(chan struct{}, s.o.Concurrency), idle: map[string][]*sandbox{}, all: map[*sandbox]struct{}{}}
}

// enter waits for a turn; leave gives it back.
func (p *pool) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	patience := time.NewTimer(p.s.o.Patience)
	defer patience.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-patience.C:
		return ErrThrottled
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pool) leave() { <-p.slots }

// take is a warm program of the function as it is now, or a new one; cold tells which.
func (p *pool) take(ctx context.Context, f *Function) (sb *sandbox, cold bool, err error) {
	if sb := p.warm(f); sb != nil {
		return sb, false, nil
	}
	sb, err = p.s.start(ctx, f)
	if err != nil {
		return nil, true, err
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.all[sb] = struct{}{}
	}
	p.mu.Unlock()
	if closed {
		sb.end()
		return nil, true, errClosing
	}
	return sb, true, nil
}

func (p *pool) warm(f *Function) *sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[f.Revision]
	for len(list) > 0 {
		sb := list[len(list)-1]
		list = list[:len(list)-1]
		p.idle[f.Revision] = list
		if sb.alive() && time.Since(sb.born) < p.s.o.MaxAge {
			return sb
		}
		p.dispose(sb)
	}
	return nil
}

// give returns a program after an invocation: to wait for the next, or, when it is not fit for one, to be ended.
func (p *pool) give(sb *sandbox, fit bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !fit || p.closed || !sb.alive() {
		p.dispose(sb)
		return
	}
	sb.used = time.Now()
	p.idle[sb.function.Revision] = append(p.idle[sb.function.Revision], sb)
	if p.reap == nil {
		p.reap = time.AfterFunc(p.s.o.Idle, p.reapIdle)
	}
}

// dispose ends a program beside the caller. p.mu is held.
func (p *pool) dispose(sb *sandbox) {
	if _, ours := p.all[sb]; !ours {
		return
	}
	delete(p.all, sb)
	p.ending.Go(sb.end)
}

// reapIdle ends the programs nobody has called for a while, those of functions that were changed or deleted among them.
func (p *pool) reapIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reap = nil
	if p.closed {
		return
	}
	for revision, list := range p.idle {
		kept := list[:0]
		for _, sb := range list {
			if time.Since(sb.used) < p.s.o.Idle && sb.alive() {
				kept = append(kept, sb)
			} else {
				p.dispose(sb)
			}
		}
		if p.idle[revision] = kept; len(kept) == 0 {
			delete(p.idle, revision)
		}
	}
	if len(p.idle) > 0 {
		p.reap = time.AfterFunc(p.s.o.Idle, p.reapIdle)
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	if p.reap != nil {
		p.reap.Stop()
	}
	for sb := range p.all {
		p.dispose(sb)
	}
	p.mu.Unlock()
	p.ending.Wait()
	return nil
}
