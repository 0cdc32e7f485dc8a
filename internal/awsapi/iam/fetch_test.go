package iam_test

import (
	"io"
	"net/http"
	"testing"
)

func fetch(t *testing.T, address string) (body string, status int) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), r.StatusCode
}
