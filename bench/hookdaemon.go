package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// hookDaemon is the rival of webhooks: Debian's package webhook (adnanh/webhook), which checks the same signature and
// runs a command. It stores nothing: what was accepted is lost when it or its command ends early.
type hookDaemon struct {
	absent bool
	starts []time.Duration
	took   time.Duration
}

func (h hookDaemon) latency() string {
	if h.absent {
		return "the program webhook is not installed (Debian's package of that name)"
	}
	return "adnanh/webhook, request -> command ran: " + spread(h.starts)
}

func (h hookDaemon) throughput() string {
	if h.absent {
		return ""
	}
	return fmt.Sprintf("adnanh/webhook running true: %.0f/s, not durable", deliveries/h.took.Seconds())
}

func measureHookDaemon(ctx context.Context) (hookDaemon, error) {
	program, err := exec.LookPath("webhook")
	if err != nil {
		return hookDaemon{absent: true}, nil
	}
	dir, err := scratch()
	if err != nil {
		return hookDaemon{}, err
	}
	defer os.RemoveAll(dir)
	mark := filepath.Join(dir, "ran")
	url, stop, err := startHookDaemon(ctx, program, dir, map[string]string{"touch": mark, "true": ""})
	if err != nil {
		return hookDaemon{}, err
	}
	defer stop()
	var h hookDaemon
	posts := newSender()
	for n := range warmUp + pushes {
		_ = os.Remove(mark)
		start := time.Now()
		if _, err := posts.deliver(ctx, url+"touch"); err != nil {
			return h, err
		}
		for _, err := os.Stat(mark); err != nil; _, err = os.Stat(mark) {
			if ctx.Err() != nil {
				return h, ctx.Err()
			}
		}
		if n >= warmUp {
			h.starts = append(h.starts, time.Since(start))
		}
	}
	h.took, err = posts.burst(ctx, []string{url + "true"})
	return h, err
}

// startHookDaemon serves one hook for each command, given with its one argument.
func startHookDaemon(ctx context.Context, program, dir string, commands map[string]string) (url string, stop func(), err error) {
	var hooks []map[string]any
	for command, argument := range commands {
		path, err := exec.LookPath(command)
		if err != nil {
			return "", nil, err
		}
		hooks = append(hooks, map[string]any{
			"id": command, "execute-command": path,
			"pass-arguments-to-command": []map[string]string{{"source": "string", "name": argument}},
			"trigger-rule": map[string]any{"match": map[string]any{
				"type": "payload-hmac-sha256", "secret": hookSecret,
				"parameter": map[string]string{"source": "header", "name": "X-Hub-Signature-256"},
			}},
		})
	}
	text, err := json.Marshal(hooks)
	if err != nil {
		return "", nil, err
	}
	file := filepath.Join(dir, "hooks.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-hooks", file, "-ip", host, "-port", port)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if err := awaitPort(ctx, address); err != nil {
		stop()
		return "", nil, err
	}
	return "http://" + address + "/hooks/", stop, nil
}

// awaitPort waits until something listens there.
func awaitPort(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		if pause(ctx) != nil {
			return fmt.Errorf("nothing listens at %s: %w", address, err)
		}
	}
}
