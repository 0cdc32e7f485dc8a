package awsapi

import (
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
)

// Error is an exception the dispatcher itself answers with, or a method returns when its SDK has no type for it.
type Error struct {
	Code    string
	Message string
	// Status is the HTTP status; 0 means 400.
	Status int
}

// Errorf makes an Error with status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

var _ smithy.APIError = (*Error)(nil)

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode is the exception's name.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage is the exception's text.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault tells whether the client or the server is to blame.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.status() >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}
