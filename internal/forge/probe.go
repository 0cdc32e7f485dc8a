package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Probe finds out what software answers at an endpoint, without credentials.
func Probe(ctx context.Context, endpoint string, o Options) (Kind, error) {
	base, err := CheckEndpoint(endpoint)
	if err != nil {
		return "", err
	}
	a := api{client: newClient(o), base: base, who: "the forge"}
	var version struct {
		Version string `json:"version"`
	}
	if err = a.do(ctx, http.MethodGet, "/api/v1/version", nil, &version); err == nil && version.Version != "" {
		return Gitea, nil
	}
	var app struct {
		DisplayName string `json:"displayName"`
	}
	if e := a.do(ctx, http.MethodGet, "/rest/api/1.0/application-properties", nil, &app); e == nil && app.DisplayName != "" {
		return BitbucketServer, nil
	}
	// GitHub Enterprise in its private mode, and GitLab always, want to know who asks; each says so in its own words.
	if e := a.do(ctx, http.MethodGet, "/api/v3/meta", nil, &githubMeta{}); e == nil || refusedWith(e, "Must authenticate to access this API.") {
		return GitHub, nil
	}
	if e := a.do(ctx, http.MethodGet, "/api/v4/version", nil, &version); e == nil || refusedWith(e, "401 Unauthorized") {
		return GitLab, nil
	}
	if err == nil {
		err = ErrNotFound
	}
	return "", fmt.Errorf("%s answers like no forge this server knows (%v): %w", endpoint, Kinds(), err)
}

type githubMeta struct {
	Version string `json:"installed_version"`
}

// refusedWith tells whether an answer is a refusal in certain words.
func refusedWith(err error, words string) bool {
	a, ok := errors.AsType[*answerError](err)
	return ok && a.status == http.StatusUnauthorized && a.said == words
}
