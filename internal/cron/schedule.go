package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedule is an EventBridge schedule expression: cron(...) or rate(...). Make one with ParseSchedule.
type Schedule struct {
	every time.Duration // of a rate; 0 for a cron expression
	cron  Expression
}

// ParseSchedule reads cron(minutes hours day-of-month month day-of-week year), in UTC, or rate(number unit). A cron
// expression here has no seconds, always has a year, and exactly one of its two day fields is ?.
func ParseSchedule(text string) (Schedule, error) {
	if inner, ok := between(text, "rate("); ok {
		every, err := parseRate(inner)
		return Schedule{every: every}, err
	}
	inner, ok := between(text, "cron(")
	if !ok {
		return Schedule{}, fmt.Errorf("%q is neither cron(minutes hours day-of-month month day-of-week year) nor rate(number unit)", text)
	}
	fields := strings.Fields(inner)
	if len(fields) != 6 {
		return Schedule{}, fmt.Errorf("it has %d fields; a cron expression of a schedule has six: "+
			"minutes, hours, day of month, month, day of week and year", len(fields))
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return Schedule{}, fmt.Errorf("exactly one of the day of month (%s) and the day of week (%s) must be ?", fields[2], fields[4])
	}
	e, err := parseFields(append([]string{"0"}, fields...))
	return Schedule{cron: e}, err
}

func between(text, open string) (string, bool) {
	inner, ok := strings.CutPrefix(text, open)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, ")")
}

// longestRate keeps the arithmetic of times far from its ends.
const longestRate = 100 * 366 * 24 * time.Hour

func parseRate(text string) (time.Duration, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return 0, fmt.Errorf("rate(%s) must be a number and a unit, for example rate(5 minutes)", text)
	}
	n, err := strconv.ParseUint(fields[0], 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a positive number", fields[0])
	}
	unit, plural := strings.CutSuffix(fields[1], "s")
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	one, ok := units[unit]
	if !ok || plural != (n > 1) {
		return 0, fmt.Errorf("%q is not a unit for %d: they are minute, hour and day with 1, and minutes, hours and days with more", fields[1], n)
	}
	if n > uint64(longestRate/one) {
		return 0, fmt.Errorf("every %s %s is too seldom", fields[0], fields[1])
	}
	return time.Duration(n) * one, nil
}

// Next is when the schedule fires first after t; ok is false when it never does. A rate counts from start.
func (s *Schedule) Next(t, start time.Time) (next time.Time, ok bool) {
	if s.every == 0 {
		return s.cron.Next(t.UTC())
	}
	if t.Before(start) {
		return start.Add(s.every), true
	}
	return start.Add((t.Sub(start)/s.every + 1) * s.every), true
}
