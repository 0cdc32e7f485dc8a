package cron

import (
	"strconv"
	"strings"
	"time"
)

// monthDays is the field day of month.
type monthDays struct {
	any     bool
	days    set
	last    []int // days before the last one: L, L-3
	working []int // the working day nearest to this day: 15W; lastWorking is LW
}

const lastWorking = 0

func parseMonthDays(text string) (monthDays, error) {
	d := monthDays{any: text == "*" || text == "?"}
	if d.any {
		return d, nil
	}
	for _, item := range strings.Split(text, ",") {
		if err := d.addItem(strings.ToUpper(item)); err != nil {
			return monthDays{}, err
		}
	}
	return d, nil
}

func (d *monthDays) addItem(item string) error {
	switch before, isWorking := strings.CutSuffix(item, "W"); {
	case item == "L":
		d.last = append(d.last, 0)
	case item == "LW":
		d.working = append(d.working, lastWorking)
	case strings.HasPrefix(item, "L-"):
		n, err := strconv.Atoi(item[2:])
		if err != nil || n < 1 || n > 30 {
			return dayField.bad(item, "what follows L- must be a number from 1 to 30")
		}
		d.last = append(d.last, n)
	case isWorking:
		n, err := dayField.value(before)
		if err != nil {
			return err
		}
		d.working = append(d.working, n)
	default:
		return dayField.addItem(&d.days, item)
	}
	return nil
}

func (d *monthDays) match(t time.Time) bool {
	if d.any || d.days.has(t.Day()) {
		return true
	}
	end := daysIn(t)
	for _, n := range d.last {
		if t.Day() == end-n {
			return true
		}
	}
	for _, n := range d.working {
		if t.Day() == nearestWorkingDay(t, n, end) {
			return true
		}
	}
	return false
}

func daysIn(t time.Time) int { return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// nearestWorkingDay is the day from Monday to Friday nearest to day in t's month, without leaving the month; 0 when the
// month has no such day.
func nearestWorkingDay(t time.Time, day, end int) int {
	if day == lastWorking {
		day = end
	}
	if day > end {
		return 0
	}
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == end {
			return day - 2
		}
		return day + 1
	}
	return day
}

// weekDays is the field day of week; 1 is Sunday.
type weekDays struct {
	any  bool
	days set
	last set    // the last of its kind in the month: 6L
	nth  [6]set // the first to the fifth of its kind: 6#3
}

func parseWeekDays(text string) (weekDays, error) {
	d := weekDays{any: text == "*" || text == "?"}
	if d.any {
		return d, nil
	}
	for _, item := range strings.Split(text, ",") {
		if err := d.addItem(strings.ToUpper(item)); err != nil {
			return weekDays{}, err
		}
	}
	return d, nil
}

func (d *weekDays) addItem(item string) error {
	day, nth, isNth := strings.Cut(item, "#")
	before, isLast := strings.CutSuffix(item, "L")
	switch {
	case item == "L":
		d.days.add(weekdayField.high)
	case isNth:
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > 5 {
			return weekdayField.bad(item, "what follows # must be a number from 1 to 5")
		}
		return addValue(&d.nth[n], day)
	case isLast:
		return addValue(&d.last, before)
	default:
		return weekdayField.addItem(&d.days, item)
	}
	return nil
}

func addValue(s *set, text string) error {
	n, err := weekdayField.value(text)
	if err == nil {
		s.add(n)
	}
	return err
}

func (d *weekDays) match(t time.Time) bool {
	day := int(t.Weekday()) + 1
	return d.any || d.days.has(day) || d.nth[(t.Day()+6)/7].has(day) || d.last.has(day) && t.Day() > daysIn(t)-7
}
