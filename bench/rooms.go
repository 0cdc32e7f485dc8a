package main

import (
	"context"
	"fmt"
	"time"
)

// What is measured inside one process comes from Go benchmarks beside the code; here their results get their budget.

// millis is a metric given in milliseconds.
func (r result) millis(unit string) time.Duration {
	return time.Duration(r[unit] * float64(time.Millisecond))
}

// measureOverhead is the time from "an action could run" to "its provider was entered", and for comparison what one
// durable transaction with nothing in it costs: two of them are the least any engine could do.
func measureOverhead(ctx context.Context) ([]row, error) {
	actions, err := goBench(ctx, "./internal/flow", "^BenchmarkActionOverhead$")
	if err != nil {
		return nil, err
	}
	chain, err := goBench(ctx, "./internal/queue", "^BenchmarkHandOffChain$")
	if err != nil {
		return nil, err
	}
	const budget = 5 * time.Millisecond
	var rows []row
	for _, db := range []string{"sqlite", "postgres"} {
		r, ok := actions["BenchmarkActionOverhead/"+db]
		if !ok {
			rows = append(rows, row{what: "overhead per action, " + db, figure: "not measured: no database"})
			continue
		}
		rows = append(rows, row{
			what:   "overhead per action, " + db,
			figure: fmt.Sprintf("p50 %s, p99 %s", ms(r.millis("p50-ms")), ms(r.millis("p99-ms"))),
			budget: "p50 <= " + ms(budget), met: r.millis("p50-ms") <= budget,
			rival: fmt.Sprintf("the bare queue, a job that enqueues the next: %.1f ms", chain["BenchmarkHandOffChain/"+db]["µs/job"]/1000),
		})
	}
	return rows, nil
}

// measureHistory reads pipelines with a short and with a long history: the times must be alike.
func measureHistory(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./internal/flow", "^BenchmarkHistory$", "-benchtime", "300ms")
	if err != nil {
		return nil, err
	}
	const budget = 10 * time.Millisecond
	var rows []row
	for _, db := range []string{"sqlite", "postgres"} {
		for _, operation := range []string{"GetPipelineState", "ListPipelineExecutions", "ListActionExecutions", "Step"} {
			name := "BenchmarkHistory/" + db + "/" + operation
			long, ok := results[name+"/100000"]
			if !ok {
				continue
			}
			p99 := long.millis("p99-ms")
			rows = append(rows, row{
				what:   operation + ", 100k executions, " + db,
				figure: fmt.Sprintf("p50 %s, p99 %s", ms(long.millis("p50-ms")), ms(p99)),
				budget: "p99 <= " + ms(budget), met: p99 <= budget,
				rival: fmt.Sprintf("with 100 executions: p50 %s, with 1: %s", ms(results[name+"/100"].millis("p50-ms")), ms(results[name+"/1"].millis("p50-ms"))),
			})
		}
	}
	return rows, nil
}

// measurePipelines looks at one pipeline among ten and among ten thousand: the times must be alike.
func measurePipelines(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./internal/flow", "^BenchmarkPipelines$", "-benchtime", "300ms")
	if err != nil {
		return nil, err
	}
	const budget = 10 * time.Millisecond
	var rows []row
	for _, db := range []string{"sqlite", "postgres"} {
		for _, operation := range []string{"GetPipelineState", "ListPipelines", "Step", "UnwatchedPush", "Run"} {
			name := "BenchmarkPipelines/" + db + "/" + operation
			many, ok := results[name+"/10000"]
			if !ok {
				continue
			}
			r := row{
				what:   operation + ", 10k pipelines, " + db,
				figure: fmt.Sprintf("p50 %s, p99 %s", ms(many.millis("p50-ms")), ms(many.millis("p99-ms"))),
				rival:  "with 10 pipelines: p50 " + ms(results[name+"/10"].millis("p50-ms")),
			}
			if operation != "Run" { // an execution of three actions has the budget of its actions
				r.budget, r.met = "p99 <= "+ms(budget), many.millis("p99-ms") <= budget
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// measureArtifact hands artifacts over: packed and unpacked again, beside zip and unzip on the same tree.
func measureArtifact(ctx context.Context) ([]row, error) {
	results, err := goBench(ctx, "./internal/archive", "^Benchmark(HandOver|LargeFile)$", "-benchtime", "3x")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, a := range []struct{ benchmark, what string }{
		{"BenchmarkHandOver", "20k files / 200 MB"},
		{"BenchmarkLargeFile", "one file of 400 MB"},
	} {
		get := func(name string) time.Duration { return results[a.benchmark+"/"+name].perOp() }
		here, rival := get("archive.Zip")+get("archive.Unzip"), get("zip-1-r")+get("unzip")
		if here == 0 || rival == 0 {
			return nil, fmt.Errorf("%s lacks a part: %v", a.benchmark, results)
		}
		rows = append(rows, row{
			what:   "artifact hand-over, " + a.what,
			figure: fmt.Sprintf("pack %s, unpack %s", get("archive.Zip").Round(time.Millisecond), get("archive.Unzip").Round(time.Millisecond)),
			budget: "faster than zip -1 + unzip", met: here < rival,
			rival: fmt.Sprintf("zip -1 -r %s, unzip %s, copy %s", get("zip-1-r").Round(time.Millisecond), get("unzip").Round(time.Millisecond), get("copy").Round(time.Millisecond)),
		})
	}
	return rows, nil
}
