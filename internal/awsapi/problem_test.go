package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
)

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   Problem
		known  bool
	}{
		{Errorf("ValidationException", "The path is %q.", "x"), http.StatusBadRequest, Problem{"ValidationException", `The path is "x".`}, true},
		{fmt.Errorf("reading: %w", &Error{Code: "NotFound", Message: "gone", Status: http.StatusNotFound}), http.StatusNotFound, Problem{"NotFound", "gone"}, true},
		{authErrorf(Expired, "too late"), http.StatusBadRequest, Problem{"ExpiredTokenException", "too late"}, true},
		{errors.New("the password is hunter2"), http.StatusInternalServerError, Problem{"InternalFailure", "The server could not answer because of a fault of its own. Its log tells more."}, false},
	} {
		if status, p, known := ProblemOf(c.err); status != c.status || p != c.want || known != c.known {
			t.Errorf("%v: %d %+v %t", c.err, status, p, known)
		}
	}
}
