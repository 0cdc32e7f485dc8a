package cron_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/cron"
)

func at(t *testing.T, text, zone string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04:05", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// From Thursday 2026-11-26 21:30, the next time is.
func TestNext(t *testing.T) {
	for text, want := range map[string]string{
		"0 * 9-17 ? * MON-FRI":         "2026-11-27 09:00",
		"* 30,31 21 ? * thu":           "2026-11-26 21:31",
		"0 0 22-2 * * ?":               "2026-11-26 22:00",
		"0 0 2,22-1 * * ?":             "2026-11-26 22:00",
		"0 0 12 ? * FRI-MON":           "2026-11-27 12:00",
		"0 0/7 * * * ?":                "2026-11-26 21:35",
		"0 */20 * * * ?":               "2026-11-26 21:40",
		"0 5-20/10 * * * ?":            "2026-11-26 22:05",
		"0 15 10 L * ?":                "2026-11-30 10:15",
		"0 15 10 L-2 * ?":              "2026-11-28 10:15",
		"0 15 10 15W * ?":              "2026-12-15 10:15",
		"0 15 10 28W * ?":              "2026-11-27 10:15", // the 28th is a Saturday
		"0 15 10 29W * ?":              "2026-11-30 10:15", // and the 29th a Sunday
		"0 0 0 1W AUG ?":               "2027-08-02 00:00", // 2027-08-01 is a Sunday
		"0 0 0 1W 5 ? 2027":            "2027-05-03 00:00", // a Saturday: not in the month before
		"0 0 0 LW 1 ?":                 "2027-01-29 00:00", // the 31st is a Sunday: not in the month after
		"0 0 0 1,15W,L * ?":            "2026-11-30 00:00",
		"0 15 10 ? * 6#3":              "2026-12-18 10:15",
		"0 15 10 ? * MON#5":            "2026-11-30 10:15",
		"0 15 10 ? * 6L":               "2026-11-27 10:15",
		"0 15 10 ? * FRIL,2#1":         "2026-11-27 10:15",
		"0 0 0 ? * L":                  "2026-11-28 00:00",
		"0 0 0 ? * 1":                  "2026-11-29 00:00",
		"0 0 0 31 * ?":                 "2026-12-31 00:00",
		"0 0 0 29 2 ?":                 "2028-02-29 00:00",
		"0 0 0 1 1 ? 2030":             "2030-01-01 00:00",
		"0 0 0 1 1 ? 2020-2026/6,2031": "2031-01-01 00:00",
		"0 0 0 1 1 ? 2020":             "never",
		"0 0 0 31 2 ?":                 "never",
		"0 0 0 ? 2 1#5 2027-2028":      "never",
		"0 0 0 31W 2 ?":                "never",
	} {
		e, err := cron.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := "never"
		if next, ok := e.Next(at(t, "2026-11-26 21:30:17", "UTC")); ok {
			got = next.Format("2006-01-02 15:04")
			if !e.Matches(next) || !e.Matches(next.Add(59*time.Second)) {
				t.Errorf("%s does not match its own time %s", text, got)
			}
		}
		if got != want {
			t.Errorf("%s: next is %s, want %s", text, got, want)
		}
	}
}

// The clock of the zone decides, also where it is put forward or back.
func TestZones(t *testing.T) {
	for _, c := range []struct{ zone, cron, from, want string }{
		{"Asia/Seoul", "0 0 9 * * ?", "2026-11-26 09:00:00", "2026-11-27T09:00:00+09:00"},
		{"Europe/Berlin", "0 30 2 * * ?", "2026-03-29 00:00:00", "2026-03-30T02:30:00+02:00"},        // 02:30 is left out that day
		{"Europe/Berlin", "0 30 2 * * ?", "2026-10-25 00:00:00", "2026-10-25T02:30:00+02:00"},        // and comes twice on this one
		{"America/Santiago", "0 0 12 ? 9 SUN#1", "2026-09-01 00:00:00", "2026-09-06T12:00:00-03:00"}, // no midnight on the 6th
	} {
		e, err := cron.Parse(c.cron)
		if err != nil {
			t.Fatal(err)
		}
		next, ok := e.Next(at(t, c.from, c.zone))
		if got := next.Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%s in %s after %s: %s, want %s", c.cron, c.zone, c.from, got, c.want)
		}
	}
	e, err := cron.Parse("0 30 2 * * ?")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := e.Next(at(t, "2026-10-25 00:00:00", "Europe/Berlin"))
	again, _ := e.Next(first)
	if got := again.Format(time.RFC3339); got != "2026-10-25T02:30:00+01:00" {
		t.Errorf("the second 02:30 is at %s", got)
	}
}

func TestRefused(t *testing.T) {
	for text, why := range map[string]string{
		"":                               "it has 0 fields",
		"* * * * *":                      "it has 5 fields",
		"0 0 0 1 1 ? 2026 1":             "it has 8 fields",
		"@daily":                         "it has 1 fields",
		"0 60 * * * ?":                   `the field minutes is "60": values go from 0 to 59`,
		"0 0 24 * * ?":                   "values go from 0 to 23",
		"0 0 0 0 * ?":                    "values go from 1 to 31",
		"0 0 0 32W * ?":                  "values go from 1 to 31",
		"0 0 0 ? * 0":                    "values go from 1 to 7",
		"0 0 0 ? * 8":                    "values go from 1 to 7",
		"0 0 0 ? * ONM":                  "not a value this field knows",
		"0 0 0 ? FOO *":                  "not a value this field knows",
		"0 0 0 1 * MON":                  "both the day of month (1) and the day of week (MON) are given",
		"0 0 0 ? * ?":                    "both the day of month and the day of week are ?",
		"0 ? 0 1 * ?":                    "not a value this field knows",
		"0 -5 0 1 * ?":                   "not a value this field knows",
		"0 1- 0 1 * ?":                   "not a value this field knows",
		"0 +1 0 1 * ?":                   "not a value this field knows",
		"0 1/0 0 1 * ?":                  "what follows / must be",
		"0 1/61 0 1 * ?":                 "what follows / must be",
		"0 1,,2 0 1 * ?":                 "not a value this field knows",
		"0 0 0 L-31 * ?":                 "what follows L- must be",
		"0 0 0 ? * 2#6":                  "what follows # must be",
		"0 0 0 ? * #1":                   "not a value this field knows",
		"0 0 0 1 1 ? 1969":               "values go from 1970 to 2199",
		"0 0 0 1 1 ? 2030-2029":          "ends before it begins",
		"60 0 0 1 1 ?":                   "the field seconds",
		"0 99999999999999999999 * * * ?": "not a value this field knows",
	} {
		if _, err := cron.Parse(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

// Next finds the very minute that looking at every minute finds.
func TestNextIsTheFirstMatch(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe"}
	rapid.Check(t, func(r *rapid.T) {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(r, name) }
		text := fmt.Sprintf("0 %s %s %s * ?", pick("minutes", "*", "0/17", "59", "5,30"), pick("hours", "*", "2", "23-1", "*/5"),
			pick("days", "*", "L", "29-2", "15W", "LW"))
		e, err := cron.Parse(text)
		if err != nil {
			r.Fatal(err)
		}
		loc, err := time.LoadLocation(pick("zone", zones...))
		if err != nil {
			r.Fatal(err)
		}
		from := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(r, "from"), 0).In(loc)
		want := from.Truncate(time.Minute).Add(time.Minute)
		for !e.Matches(want) {
			want = want.Add(time.Minute)
		}
		if got, ok := e.Next(from); !ok || !got.Equal(want) {
			r.Fatalf("%s in %s after %s: %s, want %s", text, loc, from, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("0 * 9-17 ? * MON-FRI 2026")
	f.Add("0 0/5 14,18 L-3,15W * ?")
	f.Add("0 0 0 ? * 6#3,FRIL")
	from := time.Date(2026, 11, 26, 21, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := cron.Parse(text)
		if err != nil {
			return
		}
		if next, ok := e.Next(from); ok && (!e.Matches(next) || !next.After(from)) {
			t.Errorf("%q: next is %s", text, next)
		}
	})
}
