package awsapi

import (
	"errors"
	"net/http"
)

// Problem is what a request that is refused gets from the operations that AWS does not have, in the form of its exceptions.
type Problem struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

// ProblemOf is what err is answered with. known is false when it is neither an *Error nor an *AuthError: then the server is to
// blame, the answer does not say for what, and its log should.
func ProblemOf(err error) (status int, p Problem, known bool) {
	if e, ok := errors.AsType[*AuthError](err); ok {
		err = e.JSON()
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.status(), Problem{e.Code, e.Message}, true
	}
	return http.StatusInternalServerError, Problem{"InternalFailure", "The server could not answer because of a fault of its own. Its log tells more."}, false
}
