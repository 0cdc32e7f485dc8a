package awsapi

import (
	"fmt"
	"net/http"
)

// AuthKind is why a request's signature was refused. Every protocol has its own word for each kind.
type AuthKind int

// The kinds of refusal.
const (
	MissingToken AuthKind = iota // not signed at all
	Incomplete                   // signed in a form that cannot be read
	UnknownToken                 // the access key or session token is not known
	Expired                      // the session token is past its time
	BadSignature                 // wrong signature, scope or time
)

// AuthError refuses a request because of its signature.
type AuthError struct {
	Kind    AuthKind
	Message string
}

func authErrorf(kind AuthKind, format string, args ...any) *AuthError {
	return &AuthError{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func (e *AuthError) Error() string { return e.Message }

var jsonAuthCodes = [...]string{
	MissingToken: "MissingAuthenticationTokenException",
	Incomplete:   "IncompleteSignatureException",
	UnknownToken: "UnrecognizedClientException",
	Expired:      "ExpiredTokenException",
	BadSignature: "InvalidSignatureException",
}

var queryAuthCodes = [...]string{
	MissingToken: "MissingAuthenticationToken",
	Incomplete:   "IncompleteSignature",
	UnknownToken: "InvalidClientTokenId",
	Expired:      "ExpiredToken",
	BadSignature: "SignatureDoesNotMatch",
}

// JSON is the exception the JSON services answer with.
func (e *AuthError) JSON() *Error {
	return &Error{Code: jsonAuthCodes[e.Kind], Message: e.Message}
}

// Query is the error the query services (IAM, STS) answer with.
func (e *AuthError) Query() *Error {
	status := http.StatusForbidden
	if e.Kind == Incomplete {
		status = http.StatusBadRequest
	}
	return &Error{Code: queryAuthCodes[e.Kind], Message: e.Message, Status: status}
}
