package action

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Checked lets a provider see only jobs that fit its Type. CreatePipeline checks the same, but a variable gets its value
// only when the action starts, and a pipeline may be older than the type's latest key.
func Checked(p Provider) Provider { return checked{p} }

type checked struct{ Provider }

func (c checked) Start(ctx context.Context, job Job) (Result, error) {
	if message := misfit(c.Type(), job); message != "" {
		return Fail(pipeline.ConfigurationError, "%s", message), nil
	}
	return c.Provider.Start(ctx, job)
}

// misfit says what is wrong with a job, or nothing.
func misfit(t Type, job Job) string {
	for _, key := range slices.Sorted(maps.Keys(job.Configuration)) {
		p, known := t.Property(key)
		if !known {
			return fmt.Sprintf("The action %s has the unknown configuration key %s; the provider %s has %s.", job.Action, key, t.ID.Provider, names(t))
		}
		if problem := p.problem(job.Configuration[key]); problem != "" {
			return fmt.Sprintf("The configuration key %s of the action %s %s.", key, job.Action, problem)
		}
	}
	for _, p := range t.Properties {
		if value, given := job.Configuration[p.Name]; p.Required && (!given || value == "" && !p.MayBeEmpty) {
			return fmt.Sprintf("The action %s lacks the configuration key %s.", job.Action, p.Name)
		}
	}
	if t.Whole != nil {
		if problem := t.Whole(job.Configuration); problem != "" {
			return fmt.Sprintf("The configuration of the action %s is not right: %s.", job.Action, problem)
		}
	}
	if n := len(job.Inputs); n < t.Inputs.Min || n > t.Inputs.Max {
		return fmt.Sprintf("The action %s has %d input artifacts; the provider %s takes %s.", job.Action, n, t.ID.Provider, t.Inputs)
	}
	if n := len(job.Outputs); n < t.Outputs.Min || n > t.Outputs.Max {
		return fmt.Sprintf("The action %s has %d output artifacts; the provider %s makes %s.", job.Action, n, t.ID.Provider, t.Outputs)
	}
	return ""
}

// problem says what is wrong with a value. A secret's value is never repeated.
func (p Property) problem(value string) string {
	shown := strconv.Quote(value)
	if p.Secret {
		shown = "its (secret) value"
	}
	switch {
	case value == "":
		return "" // as if absent: Required has its own check
	case p.Check != nil:
		if expected := p.Check(value); expected != "" {
			return fmt.Sprintf("is %s; it must be %s", shown, expected)
		}
	case len(p.Values) > 0 && !slices.Contains(p.Values, value):
		return fmt.Sprintf("is %s; it must be %s", shown, strings.Join(p.Values, " or "))
	case p.Type == "Boolean" && value != "true" && value != "false":
		return fmt.Sprintf("is %s; it must be true or false", shown)
	case p.Type == "Number":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return fmt.Sprintf("is %s; it must be a number", shown)
		}
	}
	return ""
}

// String is "none", "1", or "1 to 5".
func (c Count) String() string {
	switch {
	case c.Max == 0:
		return "none"
	case c.Min == c.Max:
		return strconv.Itoa(c.Min)
	default:
		return fmt.Sprintf("%d to %d", c.Min, c.Max)
	}
}

func names(t Type) string {
	if len(t.Properties) == 0 {
		return "none"
	}
	var list []string
	for _, p := range t.Properties {
		list = append(list, p.Name)
	}
	return strings.Join(list, ", ")
}

// Recovered turns a panic in a provider into an error, so that one faulty provider fails its action and not the server.
// An answer that is neither a result nor an error becomes an error too.
func Recovered(p Provider) Provider { return recovered{p} }

type recovered struct{ Provider }

// PanicError is a panic in a provider.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("the provider panicked: %v", e.Value) }

func (r recovered) Start(ctx context.Context, job Job) (result Result, err error) {
	defer catch(&err)
	result, err = r.Provider.Start(ctx, job)
	if result == nil && err == nil {
		err = fmt.Errorf("the provider %s answered with neither a result nor an error", job.TypeID.Provider)
	}
	return result, err
}

func (r recovered) Cancel(ctx context.Context, job Job) (err error) {
	defer catch(&err)
	return r.Provider.Cancel(ctx, job)
}

func catch(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// Logged logs what a provider does: which action, how long, how it ended. Configuration, variables and external ids are
// left out, because they may be secrets (an approval's external id is its token).
func Logged(log *slog.Logger, p Provider) Provider { return logged{p, log} }

type logged struct {
	Provider
	log *slog.Logger
}

func (l logged) Start(ctx context.Context, job Job) (Result, error) {
	log := l.about(job)
	log.DebugContext(ctx, "action starts")
	begin := time.Now()
	result, err := l.Provider.Start(ctx, job)
	log = log.With("duration", time.Since(begin).Round(time.Millisecond))
	switch r := result.(type) {
	case Done:
		log.InfoContext(ctx, "action succeeded")
	case Failed:
		log.InfoContext(ctx, "action failed", "code", r.Code, "message", r.Message)
	case Wait:
		log.InfoContext(ctx, "action waits")
	}
	l.trouble(ctx, log, "action could not be run; it is tried again", err)
	return result, err
}

func (l logged) Cancel(ctx context.Context, job Job) error {
	log := l.about(job)
	log.InfoContext(ctx, "action is cancelled")
	err := l.Provider.Cancel(ctx, job)
	l.trouble(ctx, log, "action could not be cancelled", err)
	return err
}

func (l logged) about(job Job) *slog.Logger {
	return l.log.With("pipeline", job.Pipeline, "execution", job.ExecutionID, "stage", job.Stage, "action", job.Action,
		"actionExecution", job.ActionExecutionID, "provider", job.TypeID.Provider)
}

func (logged) trouble(ctx context.Context, log *slog.Logger, what string, err error) {
	if err == nil {
		return
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // cancelled, or the server stops: nobody's mistake
		log.InfoContext(ctx, "action was cut off", "error", err, "cause", context.Cause(ctx))
		return
	}
	if p, ok := errors.AsType[*PanicError](err); ok {
		log = log.With("stack", string(p.Stack))
	}
	log.ErrorContext(ctx, what, "error", err)
}
