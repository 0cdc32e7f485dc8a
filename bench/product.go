package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// pushes is how many pushes a sample has; a first few are not counted.
const (
	pushes = 30
	warmUp = 3
)

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Millisecond):
		return nil
	}
}

// measureStart looks at a fresh server that does nothing.
func measureStart(ctx context.Context) ([]row, error) {
	var starts []time.Duration
	for range 5 {
		s, err := startServer(ctx)
		if err != nil {
			return nil, err
		}
		starts = append(starts, s.started)
		s.stop()
	}
	s, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	const idle = 5 * time.Second
	before, err := cpuTime(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(idle):
	}
	after, err := cpuTime(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	rss, err := residentBytes(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	load := 100 * float64(after-before) / float64(idle)
	return []row{
		under("start -> first answer", starts, 300*time.Millisecond, ""),
		{what: "idle memory (RSS)", figure: fmt.Sprintf("%.1f MB", float64(rss)/1e6), budget: "<= 80 MB", met: rss <= 80e6},
		{what: "idle CPU", figure: fmt.Sprintf("%.2f %% of a core", load), budget: "<= 0.5 %", met: load <= 0.5},
	}, nil
}

// cpuTime is the processor time a process has used (proc(5), utime and stime in ticks of 10 ms).
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// measurePush pushes one commit after another and reads from the page when its build's first command ran.
func measurePush(ctx context.Context) ([]row, error) {
	s, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	work, err := makeSite(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := makePipeline(ctx, s, "site", "main", "www"); err != nil {
		return nil, err
	}
	if err := awaitExecutions(ctx, s, []string{"site"}, 1); err != nil {
		return nil, err
	}
	var first, served []time.Duration
	for n := range warmUp + pushes {
		text := fmt.Sprintf("version-%d", n)
		pushed, err := pushText(ctx, s, work, text)
		if err != nil {
			return nil, err
		}
		command, seen, err := awaitPage(ctx, func() (string, error) { return s.get(ctx, "/conveyor/websites/www/") }, text)
		if err != nil {
			return nil, err
		}
		if n >= warmUp {
			first, served = append(first, command.Sub(pushed)), append(served, seen.Sub(pushed))
		}
	}
	rivalFirst, rivalServed, err := measureHook(ctx)
	if err != nil {
		return nil, err
	}
	return []row{
		under("push accepted -> first build command", first, 60*time.Millisecond, "post-receive hook with sh: p50 "+ms(quantile(rivalFirst, 0.5))),
		under("push accepted -> page served", served, 250*time.Millisecond, "post-receive hook with sh: p50 "+ms(quantile(rivalServed, 0.5))),
	}, nil
}

// pushText commits and pushes; the time is when git came back, that is, when the push had been accepted.
func pushText(ctx context.Context, s *server, work, text string) (time.Time, error) {
	if err := os.WriteFile(filepath.Join(work, "text"), []byte(text), 0o600); err != nil {
		return time.Time{}, err
	}
	if err := s.git(ctx, work, "commit", "-qam", text); err != nil {
		return time.Time{}, err
	}
	err := s.git(ctx, work, "push", "-q", "origin", "HEAD")
	return time.Now(), err
}

// awaitPage waits for the page of a push; it returns when its build ran its first command and when the page was seen.
func awaitPage(ctx context.Context, page func() (string, error), text string) (command, seen time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		body, err := page()
		seen = time.Now()
		if stamp, rest, ok := strings.Cut(strings.TrimSpace(body), " "); err == nil && ok && rest == text {
			nanos, err := strconv.ParseInt(stamp, 10, 64)
			return time.Unix(0, nanos), seen, err
		}
		if err := pause(ctx); err != nil {
			return command, seen, fmt.Errorf("the page of %s was not served: %w", text, err)
		}
	}
}

// measureHook is the rival: a bare repository whose post-receive hook checks out, builds with sh and copies the page.
// It keeps no artifacts, no history and no logs, and syncs nothing.
func measureHook(ctx context.Context) (first, served []time.Duration, err error) {
	dir, err := scratch()
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	s := &server{dir: dir}
	bare, work, page := filepath.Join(dir, "site.git"), filepath.Join(dir, "work"), filepath.Join(dir, "index.html")
	if err := writeFiles(work, map[string]string{"text": "first"}); err != nil {
		return nil, nil, err
	}
	if err := s.git(ctx, dir, "init", "-q", "--bare", "-b", "main", bare); err != nil {
		return nil, nil, err
	}
	hook := fmt.Sprintf(`#!/bin/sh
# What CI by hand looks like: in the background, so that the push returns at once.
(
	tree=$(mktemp -d)
	git --work-tree="$tree" checkout -qf main
	cd "$tree" && echo "$(date +%%s%%N) $(cat text)" > index.html && mv index.html %s
	rm -rf "$tree"
) </dev/null >/dev/null 2>&1 &
`, page)
	if err := os.WriteFile(filepath.Join(bare, "hooks", "post-receive"), []byte(hook), 0o700); err != nil {
		return nil, nil, err
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"remote", "add", "origin", bare}, {"add", "-A"}, {"commit", "-q", "-m", "first"},
	} {
		if err := s.git(ctx, work, args...); err != nil {
			return nil, nil, err
		}
	}
	for n := range warmUp + pushes {
		text := fmt.Sprintf("version-%d", n)
		pushed, err := pushText(ctx, s, work, text)
		if err != nil {
			return nil, nil, err
		}
		command, seen, err := awaitPage(ctx, func() (string, error) {
			body, err := os.ReadFile(page)
			return string(body), err
		}, text)
		if err != nil {
			return nil, nil, err
		}
		if n >= warmUp {
			first, served = append(first, command.Sub(pushed)), append(served, seen.Sub(pushed))
		}
	}
	return first, served, nil
}

// measureBranches pushes 50 branches at once: every push must start its pipeline.
func measureBranches(ctx context.Context) ([]row, error) {
	const branches = 50
	s, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	work, err := makeSite(ctx, s)
	if err != nil {
		return nil, err
	}
	var names, refs []string
	for n := range branches {
		name := fmt.Sprintf("branch-%d", n)
		names, refs = append(names, name), append(refs, "main:"+name)
	}
	if err := s.git(ctx, work, append([]string{"push", "-q", "origin"}, refs...)...); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := makePipeline(ctx, s, name, name, ""); err != nil {
			return nil, err
		}
	}
	if err := awaitExecutions(ctx, s, names, 1); err != nil {
		return nil, err
	}
	if err := s.git(ctx, work, "commit", "-q", "--allow-empty", "-m", "all"); err != nil {
		return nil, err
	}
	start := time.Now()
	failed := make(chan error, branches)
	for _, ref := range refs {
		go func() { failed <- s.git(ctx, work, "push", "-q", "origin", ref) }()
	}
	for range refs {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	if err := awaitExecutions(ctx, s, names, 2); err != nil {
		return nil, err
	}
	return []row{{
		what: "50 branches pushed at once", figure: fmt.Sprintf("50 of 50 ran, %s", time.Since(start).Round(time.Millisecond)),
		budget: "none lost", met: true,
	}}, nil
}

// measureQueue lets 50 trivial pipelines come at once to two build slots.
func measureQueue(ctx context.Context) ([]row, error) {
	const pipelines = 50
	s, err := startServer(ctx, "--build-slots", "2")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	work, err := makeSite(ctx, s)
	if err != nil {
		return nil, err
	}
	var names []string
	for n := range pipelines {
		name := fmt.Sprintf("queued-%d", n)
		names = append(names, name)
		if err := makePipeline(ctx, s, name, "main", ""); err != nil {
			return nil, err
		}
	}
	if err := awaitExecutions(ctx, s, names, 1); err != nil {
		return nil, err
	}
	start := time.Now()
	if _, err := pushText(ctx, s, work, "all at once"); err != nil {
		return nil, err
	}
	if err := awaitExecutions(ctx, s, names, 2); err != nil {
		return nil, err
	}
	took := time.Since(start)
	rival, err := measureByHand(ctx, work, pipelines, 2)
	if err != nil {
		return nil, err
	}
	return []row{{
		what: "50 pipelines at once, 2 build slots", figure: took.Round(time.Millisecond).String(),
		budget: "< 15 s", met: took < 15*time.Second, rival: "git clone, sh and zip, two at a time: " + rival.Round(time.Millisecond).String(),
	}}, nil
}

// measureByHand is the rival of the queue: what a shell would do for the same result, clone, build and zip, without
// history, logs or durability.
func measureByHand(ctx context.Context, work string, times, slots int) (time.Duration, error) {
	dir, err := scratch()
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(slots)
	start := time.Now()
	for n := range times {
		group.Go(func() error {
			clone := filepath.Join(dir, strconv.Itoa(n))
			script := `git clone -q "$0" "$1" && cd "$1" && sh -c 'echo "$(date +%s%N) $(cat text)" > index.html' && zip -q artifact.zip index.html`
			out, err := exec.CommandContext(ctx, "sh", "-c", script, work, clone).CombinedOutput()
			if err != nil {
				return fmt.Errorf("by hand: %w\n%s", err, out)
			}
			return nil
		})
	}
	err = group.Wait()
	return time.Since(start), err
}
