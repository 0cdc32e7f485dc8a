package cloudwatchalarm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys. Those that begin with Conveyor are this server's own.
const (
	keyAlarm         = "AlarmName"
	keyStates        = "AlarmStates"
	keyWait          = "WaitTime"
	keyPrometheusURL = "ConveyorPrometheusUrl"
	keyQuery         = "ConveyorPrometheusQuery"
	keyProbe         = "ConveyorProbeUrl"
	keyStatus        = "ConveyorProbeStatus"
	keyPattern       = "ConveyorProbePattern"
)

// maxWait is the longest timeout a rule can have, in minutes.
const maxWait = 86400

var properties = []action.Property{
	{
		Name: keyAlarm, Key: true, Type: "String", Check: alarmProblem,
		Description: "The alarm to look at. Without one, ConveyorPrometheusUrl or ConveyorProbeUrl says what to look at.",
	},
	{
		Name: keyStates, Type: "String", Check: statesProblem,
		Description: "The states that make the rule fail, with commas between: ALARM, OK, INSUFFICIENT_DATA. ALARM by default.",
	},
	{
		Name: keyWait, Type: "Number", Check: waitProblem,
		Description: "Before a stage, for how many minutes to wait for the alarm to clear; after one, for how many to watch it.",
	},
	{
		Name: keyPrometheusURL, Type: "String",
		Description: "A Prometheus server, as in http://prometheus:9090. A result of ConveyorPrometheusQuery counts as ALARM.",
	},
	{
		Name: keyQuery, Type: "String",
		Description: "A query in PromQL whose result is empty when all is well, as in up{job=\"site\"} == 0.",
	},
	{
		Name: keyProbe, Type: "String",
		Description: "A URL to GET. A failing probe counts as ALARM.",
	},
	{
		Name: keyStatus, Type: "Number", Check: statusProblem,
		Description: "The HTTP status the probe expects; any from 200 to 299 by default.",
	},
	{
		Name: keyPattern, Type: "String", Check: patternProblem,
		Description: "A regular expression that the body must contain a match of for the probe to pass.",
	},
}

func alarmProblem(name string) string {
	if n := len([]rune(name)); n > 255 {
		return "the name of an alarm, of at most 255 characters"
	}
	return ""
}

func statesProblem(text string) string {
	if _, err := states(text); err != nil {
		return "states of alarms with commas between (ALARM, OK, INSUFFICIENT_DATA): " + err.Error()
	}
	return ""
}

func states(text string) ([]alarm.State, error) {
	var list []alarm.State
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		state := alarm.State(s)
		if state != alarm.OK && state != alarm.Alarming && state != alarm.InsufficientData {
			return nil, fmt.Errorf("there is no state %q", s)
		}
		if !slices.Contains(list, state) {
			list = append(list, state)
		}
	}
	if len(list) == 0 {
		list = []alarm.State{alarm.Alarming}
	}
	return list, nil
}

func waitProblem(text string) string {
	if n, err := strconv.Atoi(text); err != nil || n < 0 || n > maxWait {
		return fmt.Sprintf("a whole number of minutes from 0 to %d", maxWait)
	}
	return ""
}

// problem says what is wrong with a configuration as a whole. URLs are looked at here, and not repeated, because there may
// be a password in them.
func problem(c map[string]string) string {
	sources := 0
	for _, key := range []string{keyAlarm, keyPrometheusURL, keyProbe} {
		if c[key] != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return fmt.Sprintf("it needs exactly one of %s, %s and %s", keyAlarm, keyPrometheusURL, keyProbe)
	case (c[keyPrometheusURL] == "") != (c[keyQuery] == ""):
		return fmt.Sprintf("%s and %s go together", keyPrometheusURL, keyQuery)
	case c[keyProbe] == "" && (c[keyStatus] != "" || c[keyPattern] != ""):
		return fmt.Sprintf("%s and %s go with %s", keyStatus, keyPattern, keyProbe)
	}
	for _, key := range []string{keyPrometheusURL, keyProbe} {
		if text := c[key]; text != "" && len(pipeline.References(text)) == 0 && !isURL(text) {
			return key + " must be a URL that begins with http:// or https://"
		}
	}
	return ""
}

// read makes a watch of a rule's configuration, which has been checked.
func read(job action.Job) (watch, error) {
	c := job.Configuration
	w := watch{
		Rule: job.ActionExecutionID, Pipeline: job.Pipeline, Condition: job.Condition, Alarm: c[keyAlarm],
		Prometheus: c[keyPrometheusURL], Query: c[keyQuery], Probe: c[keyProbe], Pattern: c[keyPattern],
	}
	var err error
	if w.States, err = states(c[keyStates]); err != nil {
		return w, err
	}
	for key, n := range map[string]*int{keyWait: &w.Minutes, keyStatus: &w.Status} {
		if c[key] == "" {
			continue
		}
		if *n, err = strconv.Atoi(c[key]); err != nil {
			return w, err
		}
	}
	timeout := job.TimeoutMinutes
	if timeout == 0 {
		timeout = timeoutMinutes
	}
	if w.Minutes >= timeout {
		return w, fmt.Errorf("%s (%d minutes) must be shorter than the rule may take (%d minutes): raise its timeoutInMinutes", keyWait, w.Minutes, timeout)
	}
	return w, nil
}
