package iam

import (
	"errors"
	"fmt"
)

// Kinds of mistakes a request can make; an *Error wraps one of them. internal/awsapi/iam gives them AWS's names.
var (
	ErrNoSuchEntity    = errors.New("no such entity")
	ErrAlreadyExists   = errors.New("entity already exists")
	ErrDeleteConflict  = errors.New("entity is in use")
	ErrMalformedPolicy = errors.New("malformed policy document")
	ErrLimitExceeded   = errors.New("limit exceeded")
	ErrInvalidInput    = errors.New("invalid input")
)

// Error is a mistake with a text for the one who made it.
type Error struct {
	Kind    error
	Message string
}

func (e *Error) Error() string { return e.Message }

// Unwrap is the kind.
func (e *Error) Unwrap() error { return e.Kind }

func mistake(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}
