package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func sit(t *testing.T, data, owner string) *seat {
	t.Helper()
	s, err := takeSeat(data, filepath.Join(data, "builds"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sign(owner); err != nil {
		t.Fatal(err)
	}
	return s
}

// die ends a server as the kernel does: nothing happens but that its lock is gone.
func (s *seat) die() { _ = s.lock.Close() }

func TestServersKnowWhoLives(t *testing.T) {
	data := t.TempDir()
	one, two, three := sit(t, data, "owner one"), sit(t, data, "owner two"), sit(t, data, "owner three")
	var seen []string
	look := func(answer error) error {
		seen = nil
		return two.deserted(t.Context(), func(name, owner string) error {
			if two.lives(name) || !two.lives(three.name) {
				t.Error("while it clears up, a server takes a dead one for alive or a living one for dead")
			}
			seen = append(seen, name, owner)
			return answer
		})
	}
	if err := look(nil); err != nil || len(seen) > 0 {
		t.Errorf("all live: %v, %v", seen, err)
	}
	if !two.lives(one.name) || two.lives("nobody") {
		t.Error("a living server is taken for dead, or one that never was for alive")
	}
	one.die()
	if two.lives(one.name) {
		t.Error("a dead server is taken for alive")
	}
	failed := errors.New("failed")
	for _, answer := range []error{failed, nil} { // what failed is done again
		if err := look(answer); !errors.Is(err, answer) || !slices.Equal(seen, []string{one.name, "owner one"}) {
			t.Errorf("one is dead: %v, %v", seen, err)
		}
	}
	if err := look(nil); err != nil || len(seen) > 0 {
		t.Errorf("cleared up already: %v, %v", seen, err)
	}
	if err := three.leave(); err != nil {
		t.Error(err)
	}
	if err := look(nil); err != nil || len(seen) > 0 {
		t.Errorf("three has left in order: %v, %v", seen, err)
	}
	if err := two.leave(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Join(data, "run")); err != nil || len(left) > 0 {
		t.Errorf("the last has left, and there is still %v, %v", left, err)
	}
}

// Processes that did not end in time are ended by whoever comes next.
func TestAServerThatLeavesABuildIsClearedUpAfter(t *testing.T) {
	data := t.TempDir()
	one, two := sit(t, data, "one"), sit(t, data, "two")
	if err := os.MkdirAll(filepath.Join(data, "builds", one.name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := one.leave(); err != nil {
		t.Fatal(err)
	}
	var seen []string
	err := two.deserted(t.Context(), func(name, _ string) error { seen = append(seen, name); return nil })
	if err != nil || !slices.Equal(seen, []string{one.name}) {
		t.Errorf("%v, %v", seen, err)
	}
}
