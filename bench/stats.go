package main

import (
	"fmt"
	"slices"
	"time"
)

// quantile of a non-empty sample, by nearest rank.
func quantile(sample []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(sample))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func spread(sample []time.Duration) string {
	return fmt.Sprintf("p50 %s, p99 %s", ms(quantile(sample, 0.50)), ms(quantile(sample, 0.99)))
}

// under makes the row of a sample whose median has a budget.
func under(what string, sample []time.Duration, budget time.Duration, rival string) row {
	return row{
		what: what, figure: spread(sample), budget: "p50 <= " + ms(budget),
		met: quantile(sample, 0.50) <= budget, rival: rival,
	}
}
