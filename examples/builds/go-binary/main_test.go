package main

import "testing"

func TestGreeting(t *testing.T) {
	if got := greeting("you"); got != "hello you, this is dev" {
		t.Error(got)
	}
}
