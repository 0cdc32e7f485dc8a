package pull_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pull"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// journalled is the write transaction of a merge after which git moves the branch.
const journalled = 2

// turns is a store whose writers wait for their turn: before every write transaction, and before git moves the branch.
type turns struct {
	store.Store
	n      int
	paused chan struct{} // the writer waits
	turn   chan struct{} // it may go on
}

func (s *turns) InTx(ctx context.Context, f func(store.Tx) error) error {
	if s.turn == nil { // nobody takes turns yet
		return s.Store.InTx(ctx, f)
	}
	s.wait()
	s.n++
	err := s.Store.InTx(ctx, f)
	if s.n == journalled {
		s.wait()
	}
	return err
}

func (s *turns) wait() {
	s.paused <- struct{}{}
	<-s.turn
}

// contender is a server that merges, one step at a time.
type contender struct {
	pulls  *pull.Service
	store  *turns
	by     string
	result chan error
	err    error
	ended  bool
}

// start merges up to the first turn.
func (c *contender) start(ctx context.Context, id int64, how pull.How) {
	c.store.n, c.store.paused, c.store.turn = 0, make(chan struct{}), make(chan struct{})
	c.result, c.ended = make(chan error, 1), false
	go func() {
		_, err := c.pulls.Merge(ctx, order(id, how, c.by))
		c.result <- err
	}()
	c.settle()
}

// settle waits until the server waits for its turn, or has ended.
func (c *contender) settle() {
	select {
	case <-c.store.paused:
	case c.err = <-c.result:
		c.ended, c.store.turn = true, nil
	}
}

// step lets the server go on to its next turn.
func (c *contender) step() {
	if !c.ended {
		c.store.turn <- struct{}{}
		c.settle()
	}
}

// Two servers merge one pull request, in every order in which their steps can mix: exactly one of them does it, and the
// other is told that it is closed. A fast-forward makes them want the same commit, a squash one each.
func TestTwoServersMerge(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		dir := filepath.Join(t.TempDir(), "repos")
		repos, pulls := started(t, db, dir)
		hosted(t, repos)
		servers := map[rune]*contender{}
		for name, by := range map[rune]string{'A': ada, 'G': grace} {
			gate := &turns{Store: db}
			_, itsPulls := started(t, gate, dir)
			servers[name] = &contender{pulls: itsPulls, store: gate, by: by}
		}
		for _, how := range []pull.How{pull.FastForward, pull.Squash} {
			for _, schedule := range append(schedules("AG", 3, 3), "AAAAGGGG") {
				t.Run(string(how)+" "+schedule, func(t *testing.T) {
					before, p := tip(t, repos, "main"), opened(t, repos, pulls, string(how)+"-"+schedule)
					for _, c := range servers {
						c.start(t.Context(), p.ID, how)
					}
					for _, name := range schedule + strings.Repeat("A", 9) + strings.Repeat("G", 9) {
						servers[name].step()
					}
					winner, loser := servers['A'], servers['G']
					if winner.err != nil {
						winner, loser = loser, winner
					}
					if winner.err != nil || !errors.Is(loser.err, pull.ErrClosed) {
						t.Fatalf("%s: %v; %s: %v", winner.by, winner.err, loser.by, loser.err)
					}
					if p := wantMerge(t, repos, pulls, p, before, true); p.Merged.By != winner.by {
						t.Errorf("it is merged by %s, and %s was told so", p.Merged.By, winner.by)
					}
				})
			}
		}
	})
}

// schedules are all the ways to go on after some with so many more steps of A and of G.
func schedules(begun string, a, g int) []string {
	var all []string
	if a > 0 {
		all = append(all, schedules(begun+"A", a-1, g)...)
	}
	if g > 0 {
		all = append(all, schedules(begun+"G", a, g-1)...)
	}
	if a+g == 0 {
		all = append(all, begun)
	}
	return all
}
