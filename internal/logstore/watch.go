package logstore

// watcher is a channel that closes at a stream's next event, shared by all who wait for it.
type watcher struct {
	changed chan struct{}
	users   int
}

// Watch returns a channel that closes when something is appended to the stream in this process after the call. Take it
// first, then read; when the read finds nothing new, wait. stop must be called. Events appended by other servers do not
// close it: pair it with a slow poll.
func (s *Store) Watch(group, stream string) (changed <-chan struct{}, stop func()) {
	name := streamName{group, stream}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watchers[name]
	if w == nil {
		w = &watcher{changed: make(chan struct{})}
		s.watchers[name] = w
	}
	w.users++
	return w.changed, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.users--; w.users == 0 && s.watchers[name] == w {
			delete(s.watchers, name)
		}
	}
}

// wake fires and forgets a stream's watcher.
func (s *Store) wake(name streamName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.watchers[name]; w != nil {
		close(w.changed)
		delete(s.watchers, name)
	}
}
