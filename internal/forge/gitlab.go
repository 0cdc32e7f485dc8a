package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// gitlab is gitlab.com or a GitLab of one's own (docs.gitlab.com/api).
type gitlab struct {
	api
	web   string
	creds Credentials
}

func newGitLab(a api, endpoint string, c Credentials) Forge {
	a.base = endpoint + "/api/v4"
	token := c
	token.User = "" // the API takes the token alone
	a.sign = bearer(token, "Bearer")
	return &gitlab{a, endpoint, c}
}

func (g *gitlab) Kind() Kind { return GitLab }

// project is the path of a project: its full name is one part.
func project(name string, rest ...string) string {
	return path(append([]string{"projects", name}, rest...)...)
}

func (g *gitlab) Whoami(ctx context.Context) (string, error) {
	var user struct {
		Username string `json:"username"`
	}
	err := g.do(ctx, http.MethodGet, "/user", nil, &user)
	return user.Username, err
}

func (g *gitlab) Repository(ctx context.Context, name string) (Repository, error) {
	var r struct {
		Path          string `json:"path_with_namespace"`
		CloneURL      string `json:"http_url_to_repo"`
		WebURL        string `json:"web_url"`
		DefaultBranch string `json:"default_branch"`
	}
	err := g.do(ctx, http.MethodGet, project(name), nil, &r)
	return Repository{r.Path, r.CloneURL, r.WebURL, r.DefaultBranch}, err
}

func (g *gitlab) Head(ctx context.Context, name, branch string) (string, error) {
	var b struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
	}
	err := g.do(ctx, http.MethodGet, project(name, "repository", "branches", branch), nil, &b)
	return b.Commit.ID, err
}

type gitlabHook struct {
	ID            int64  `json:"id,omitempty"`
	URL           string `json:"url"`
	Token         string `json:"token,omitempty"`
	Push          bool   `json:"push_events"`
	Tag           bool   `json:"tag_push_events"`
	MergeRequests bool   `json:"merge_requests_events"`
	Releases      bool   `json:"releases_events"`
	VerifySSL     bool   `json:"enable_ssl_verification"`
}

func (g *gitlab) EnsureHook(ctx context.Context, name string, h Hook) (string, error) {
	want := gitlabHook{URL: h.URL, Token: h.Secret, Push: true, Tag: true, MergeRequests: true, Releases: h.Releases, VerifySSL: true}
	for page := 1; ; page++ {
		var have []gitlabHook
		if err := g.do(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=100&page=%d", project(name, "hooks"), page), nil, &have); err != nil {
			return "", err
		}
		for _, hook := range have {
			if hook.URL == h.URL {
				id := strconv.FormatInt(hook.ID, 10)
				return id, g.do(ctx, http.MethodPut, project(name, "hooks", id), want, nil)
			}
		}
		if len(have) < 100 {
			break
		}
	}
	var made gitlabHook
	err := g.do(ctx, http.MethodPost, project(name, "hooks"), want, &made)
	return strconv.FormatInt(made.ID, 10), err
}

func (g *gitlab) DeleteHook(ctx context.Context, name, id string) error {
	return gone(g.do(ctx, http.MethodDelete, project(name, "hooks", id), nil, nil))
}

func (g *gitlab) SetStatus(ctx context.Context, name, commit string, s Status) error {
	state := string(s.State)
	switch s.State {
	case Pending:
		state = "running"
	case Failure:
		state = "failed"
	}
	err := g.do(ctx, http.MethodPost, project(name, "statuses", commit), map[string]string{
		"state": state, "name": s.Context, "description": cut(s.Description, 255), "target_url": s.URL,
	}, nil)
	// The status stands so already.
	if statusIs(err, http.StatusBadRequest) && strings.Contains(err.Error(), "Cannot transition status") {
		return nil
	}
	return err
}

func (g *gitlab) PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error) {
	var files []struct {
		NewPath string `json:"new_path"`
	}
	err := g.do(ctx, http.MethodGet, project(name, "merge_requests", number, "diffs")+fmt.Sprintf("?per_page=%d", min(limit, 100)), nil, &files)
	var list []string
	for _, f := range files[:min(len(files), limit)] {
		list = append(list, f.NewPath)
	}
	return list, err
}

func (g *gitlab) CommitURL(name, commit string) string {
	u := url.URL{Path: "/" + name + "/-/commit/" + commit}
	return g.web + u.EscapedPath()
}

func (g *gitlab) Login(context.Context, string) (Login, error) {
	return loginAs(g.creds, "oauth2"), nil
}
