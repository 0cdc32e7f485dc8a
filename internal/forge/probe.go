package forge

import (
	"context"
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
	// GitLab wants to know who asks; GitHub Enterprise may.
	if e := a.do(ctx, http.MethodGet, "/api/v4/version", nil, nil); e == nil || statusIs(e, http.StatusUnauthorized) {
		return GitLab, nil
	}
	if e := a.do(ctx, http.MethodGet, "/api/v3/meta", nil, nil); e == nil || statusIs(e, http.StatusUnauthorized) {
		return GitHub, nil
	}
	if err == nil {
		err = ErrNotFound
	}
	return "", fmt.Errorf("%s answers like no forge this server knows (%v): %w", endpoint, Kinds(), err)
}
