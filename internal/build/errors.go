package build

import (
	"errors"
	"fmt"
)

// Errors of Service. The API's edge maps them to AWS's exceptions.
var (
	ErrNoProject     = errors.New("build project does not exist")
	ErrNoBuild       = errors.New("build does not exist")
	ErrNoBatch       = errors.New("build batch does not exist")
	ErrProjectExists = errors.New("build project exists already")

	ErrNoReportGroup     = errors.New("report group does not exist")
	ErrReportGroupExists = errors.New("report group exists already")
	ErrNoReport          = errors.New("report does not exist")
)

// InvalidError refuses a request because of what it asks for.
type InvalidError struct{ Message string }

func (e *InvalidError) Error() string { return e.Message }

// Invalidf makes an *InvalidError.
func Invalidf(format string, args ...any) error {
	return &InvalidError{Message: fmt.Sprintf(format, args...)}
}

// errTokenUsed refuses an idempotency token that stands for another request.
var errTokenUsed = Invalidf("The idempotency token was used in the last five minutes with other parameters")

// LimitError refuses a build because too many wait.
type LimitError struct{ Message string }

func (e *LimitError) Error() string { return e.Message }

// Failure ends a phase: the code and message of its context (AWS: PhaseContext).
type Failure struct {
	Code, Message string
	LastWords     string // the last lines of the command that failed; the context has them below the message
	Crowded       bool   // there is no place for the build now: other builds, or what is kept of them, take all of it
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

// Codes of phase contexts, as CodeBuild writes them.
const (
	codeCommand  = "COMMAND_EXECUTION_ERROR"
	codeYAML     = "YAML_FILE_ERROR"
	codeClient   = "CLIENT_ERROR"
	codeInternal = "INTERNAL_SERVICE_ERROR"
	codeTimeout  = "BUILD_TIMED_OUT"
)

func clientFailure(format string, args ...any) error {
	return &Failure{Code: codeClient, Message: fmt.Sprintf(format, args...)}
}

// errStopped is the cause of a build's context once StopBuild was called; errTimedOut once its time was over.
var (
	errStopped  = errors.New("the build was stopped")
	errTimedOut = errors.New("the build has timed out")
)
