package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// browsed are times in a browser, in milliseconds.
type browsed struct {
	Reloaded []int `json:"reloaded"`
	One      []int `json:"one"`
	Front    []int `json:"front"`
	Ten      []int `json:"ten"`
}

// measureConsole has a real browser tell how soon the console shows what changes.
func measureConsole(ctx context.Context) ([]row, error) {
	for _, file := range []string{"internal/console/assets/index.html.br", "web/node_modules/playwright-core", "/usr/bin/chromium"} {
		if _, err := os.Stat(file); err != nil {
			return []row{{what: "the console", figure: "not measured: " + file + " is missing (make build; apt-get install chromium)"}}, nil
		}
	}
	s, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := makeSite(ctx, s); err != nil {
		return nil, err
	}
	if err := makePipeline(ctx, s, "site", "main", "www"); err != nil {
		return nil, err
	}
	script := exec.CommandContext(ctx, "node", "web/e2e/live.mjs")
	script.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.url, "AWS_ACCESS_KEY_ID="+s.key.ID, "AWS_SECRET_ACCESS_KEY="+s.key.Secret,
		"LIVE_PIPELINE=site", "LIVE_STAGE=Deploy")
	out, err := script.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, err
	}
	var got browsed
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("what the browser measured: %w: %s", err, out)
	}
	return []row{
		under("console: a change asked for -> shown", millis(got.One), 200*time.Millisecond, ""),
		under("console: the same, the tab in front of nine", millis(got.Front), 200*time.Millisecond, ""),
		under("console: the same, the last of ten windows", millis(got.Ten), 200*time.Millisecond, ""),
		under("console: warm reload -> first pipeline", millis(got.Reloaded), time.Second, ""),
	}, nil
}

func millis(numbers []int) []time.Duration {
	sample := make([]time.Duration, len(numbers))
	for i, n := range numbers {
		sample[i] = time.Duration(n) * time.Millisecond
	}
	return sample
}
