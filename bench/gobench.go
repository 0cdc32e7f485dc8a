package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// result is one line of `go test -bench`: value by unit ("ns/op", "p50-ms", ...).
type result map[string]float64

// goBench runs benchmarks of a package and returns their results by name, without the -CPUS suffix. A benchmark that
// did not run (no PostgreSQL) is missing.
func goBench(ctx context.Context, pkg, pattern string, args ...string) (map[string]result, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-bench", pattern, "-timeout", "30m", pkg}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	results := map[string]result{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		r := result{}
		for i := 2; i+1 < len(fields); i += 2 {
			if r[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, fmt.Errorf("benchmark line %q: %w", lines.Text(), err)
			}
		}
		results[name] = r
	}
	return results, nil
}

// perOp is the time of one operation.
func (r result) perOp() time.Duration { return time.Duration(r["ns/op"]) }
