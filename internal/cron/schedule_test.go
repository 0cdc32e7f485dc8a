package cron_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/cron"
)

// From Thursday 2026-11-26 21:30:17, of a rule made at 20:00:05, the next firing is.
func TestSchedules(t *testing.T) {
	for text, want := range map[string]string{
		"rate(1 minute)":               "2026-11-26 21:31:05",
		"rate(5 minutes)":              "2026-11-26 21:35:05",
		"rate(1 hour)":                 "2026-11-26 22:00:05",
		"rate(2 days)":                 "2026-11-28 20:00:05",
		"cron(0 12 * * ? *)":           "2026-11-27 12:00:00",
		"cron(0/15 * ? * MON-FRI *)":   "2026-11-26 21:45:00",
		"cron(15 10 ? * 6L 2026-2027)": "2026-11-27 10:15:00",
		"cron(0 8 1 * ? *)":            "2026-12-01 08:00:00",
		"cron(5 8-17 L-1 2,12 ? *)":    "2026-12-30 08:05:00",
		"cron(0 0 1 1 ? 2020)":         "never",
	} {
		s, err := cron.ParseSchedule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := "never"
		if next, ok := s.Next(at(t, "2026-11-26 21:30:17", "UTC"), at(t, "2026-11-26 20:00:05", "UTC")); ok {
			got = next.Format(time.DateTime)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestRefusedSchedules(t *testing.T) {
	for text, why := range map[string]string{
		"":                      "is neither",
		"0 12 * * ? *":          "is neither",
		"cron(0 12 * * ?)":      "it has 5 fields",
		"cron(0 0 12 * * ? *)":  "it has 7 fields",
		"cron(0 12 * * * *)":    "must be ?",
		"cron(0 12 ? * ? *)":    "must be ?",
		"cron(60 12 * * ? *)":   "minutes",
		"rate(0 minutes)":       "positive",
		"rate(-1 minutes)":      "positive",
		"rate(1 minutes)":       "not a unit for 1",
		"rate(2 minute)":        "not a unit for 2",
		"rate(1 second)":        "not a unit",
		"rate(5minutes)":        "a number and a unit",
		"rate(2000000000 days)": "too seldom",
	} {
		if _, err := cron.ParseSchedule(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

// A rate fires at its start plus a whole number of periods, at the first such moment to come.
func TestRatesKeepTheirStep(t *testing.T) {
	s, err := cron.ParseSchedule("rate(7 minutes)")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		start := time.Unix(rapid.Int64Range(0, 2_000_000_000).Draw(r, "start"), 0)
		now := start.Add(time.Duration(rapid.Int64Range(-1_000_000, 1_000_000_000).Draw(r, "later")) * time.Millisecond)
		next, _ := s.Next(now, start)
		if step := next.Sub(start); step <= 0 || step%(7*time.Minute) != 0 || !next.After(now) || now.After(start) && next.Sub(now) > 7*time.Minute {
			r.Fatalf("from %s, at %s: %s", start, now, next)
		}
	})
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("cron(0/5 14,18 ? * 6#3 2026)")
	f.Add("rate(5 minutes)")
	from := time.Date(2026, 11, 26, 21, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := cron.ParseSchedule(text)
		if err != nil {
			return
		}
		if next, ok := s.Next(from, from.Add(-time.Hour)); ok && !next.After(from) {
			t.Errorf("%q: next is %s", text, next)
		}
	})
}
