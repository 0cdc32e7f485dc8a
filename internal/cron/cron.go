// Package cron reads the cron expressions of AWS's services, which are Quartz's, and tells which minutes they mean. It is
// pure: times come from the caller, and their location is the expression's time zone.
package cron

import (
	"fmt"
	"strings"
	"time"
)

// Expression is a parsed cron expression: a set of minutes. Make one with Parse.
type Expression struct {
	minutes, hours, months set
	years                  set // offsets from firstYear
	days                   monthDays
	weekdays               weekDays
}

// The years an expression can name.
const (
	firstYear = 1970
	lastYear  = 2199
)

// Parse reads an expression of six or seven fields: seconds, minutes, hours, day of month, month, day of week and,
// optionally, year. An expression means whole minutes: its seconds are read and have no effect.
//
// Fields hold lists of values, ranges (22-2 runs over midnight) and steps; months and days of the week also go by name.
// The day of month knows L (the last day), L-3 (three days before it), 15W (the working day nearest to the 15th) and LW;
// the day of the week, where 1 is Sunday, knows L (Saturday), 6L (the last Friday of the month) and 6#3 (its third
// Friday). Only one of the two may say something; ? and * say nothing.
func Parse(text string) (Expression, error) {
	fields := strings.Fields(text)
	if len(fields) != 6 && len(fields) != 7 {
		return Expression{}, fmt.Errorf("it has %d fields; a cron expression has six or seven: "+
			"seconds, minutes, hours, day of month, month, day of week and, optionally, year", len(fields))
	}
	return parseFields(fields)
}

func parseFields(fields []string) (Expression, error) {
	var e Expression
	years := "*"
	if len(fields) == 7 {
		years = fields[6]
	}
	var seconds set
	for _, f := range []struct {
		text string
		of   field
		to   *set
	}{
		{fields[0], secondField, &seconds},
		{fields[1], minuteField, &e.minutes},
		{fields[2], hourField, &e.hours},
		{fields[4], monthField, &e.months},
		{years, yearField, &e.years},
	} {
		var err error
		if *f.to, err = f.of.parse(f.text); err != nil {
			return Expression{}, err
		}
	}
	var err error
	if e.days, err = parseMonthDays(fields[3]); err != nil {
		return Expression{}, err
	}
	if e.weekdays, err = parseWeekDays(fields[5]); err != nil {
		return Expression{}, err
	}
	switch {
	case fields[3] == "?" && fields[5] == "?":
		return Expression{}, fmt.Errorf("both the day of month and the day of week are ?; one of them must say something or be *")
	case !e.days.any && !e.weekdays.any:
		return Expression{}, fmt.Errorf("both the day of month (%s) and the day of week (%s) are given; make one of them ?", fields[3], fields[5])
	}
	return e, nil
}

// Matches reports whether the minute of t, on the clock of t's location, is one of the expression's.
func (e *Expression) Matches(t time.Time) bool {
	return e.monthMatches(t) && e.dayMatches(t) && e.hours.has(t.Hour()) && e.minutes.has(t.Minute())
}

func (e *Expression) monthMatches(t time.Time) bool {
	return e.years.has(t.Year()-firstYear) && e.months.has(int(t.Month()))
}

func (e *Expression) dayMatches(t time.Time) bool { return e.days.match(t) && e.weekdays.match(t) }

// Next is the first minute of the expression that begins after t; ok is false when none ever does.
func (e *Expression) Next(t time.Time) (next time.Time, ok bool) {
	next = t.Truncate(time.Minute).Add(time.Minute)
	for next.Year() <= lastYear {
		switch {
		case !e.monthMatches(next):
			next = later(next, time.Date(next.Year(), next.Month()+1, 1, 0, 0, 0, 0, next.Location()))
		case !e.dayMatches(next):
			next = later(next, time.Date(next.Year(), next.Month(), next.Day()+1, 0, 0, 0, 0, next.Location()))
		case !e.hours.has(next.Hour()):
			next = next.Add(time.Duration(60-next.Minute()) * time.Minute)
		case !e.minutes.has(next.Minute()):
			next = next.Add(time.Minute)
		default:
			return next, true
		}
	}
	return time.Time{}, false
}

// later is to, which a clock that is put forward at midnight may have moved to before from; then it is an hour on.
func later(from, to time.Time) time.Time {
	if to.After(from) {
		return to
	}
	return from.Add(time.Hour)
}
