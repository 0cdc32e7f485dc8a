// Command bench measures Conveyor beside the budget of its architecture and beside a named rival in the same run.
//
//	go run ./bench                 everything
//	go run ./bench -run push       only the measurements whose name contains "push"
//
// Absolute times depend on the machine; the rival's column tells what the same machine does without Conveyor.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	what   string
	figure string
	budget string
	met    bool
	rival  string
}

// measurement makes rows; its name selects it.
type measurement struct {
	name string
	run  func(context.Context) ([]row, error)
}

func main() {
	only := flag.String("run", "", "run only measurements whose name contains `text`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	var rows []row
	for _, m := range []measurement{
		{"start", measureStart},
		{"push", measurePush},
		{"branches", measureBranches},
		{"queue", measureQueue},
		{"overhead", measureOverhead},
		{"history", measureHistory},
		{"pipelines", measurePipelines},
		{"artifact", measureArtifact},
		{"builds", measureBuilds},
		{"log", measureLog},
		{"webhooks", measureWebhooks},
		{"fanout", measureFanOut},
		{"console", measureConsole},
	} {
		if !strings.Contains(m.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s ...\n", m.name)
		start := time.Now()
		got, err := m.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(os.Stderr, "measured %s in %s\n", m.name, time.Since(start).Round(time.Second))
		rows = append(rows, got...)
	}
	return printTable(rows)
}

func printTable(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nWhat\tHere\tBudget\t\tRival in this run")
	for _, r := range rows {
		mark := "ok"
		if r.budget == "" {
			mark = ""
		} else if !r.met {
			mark = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.what, r.figure, r.budget, mark, r.rival)
	}
	return w.Flush()
}
