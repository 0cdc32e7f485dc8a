package queue

// Held is how many jobs q owns in memory.
func Held(q *Queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.held)
}
