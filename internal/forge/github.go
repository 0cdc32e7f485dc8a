package forge

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// github is github.com or GitHub Enterprise Server (docs.github.com/rest).
type github struct {
	api
	web   string
	creds Credentials
	app   *githubApp // nil with a token
}

func newGitHub(a api, endpoint string, c Credentials) Forge {
	a.base = endpoint + "/api/v3"
	if endpoint == cloud[GitHub] {
		a.base = "https://api.github.com"
	}
	a.accept = "application/vnd.github+json"
	a.extra = map[string]string{"X-GitHub-Api-Version": "2022-11-28"}
	g := &github{api: a, web: endpoint, creds: c}
	if c.AppID == "" {
		g.sign = bearer(c, "Bearer")
		return g
	}
	g.app = newGitHubApp(a, c)
	return g
}

func (g *github) Kind() Kind { return GitHub }

// call asks about a repository: with an app, as its installation there.
func (g *github) call(ctx context.Context, name, method, path string, in, out any) error {
	if g.app == nil {
		return g.do(ctx, method, path, in, out)
	}
	token, err := g.app.token(ctx, name)
	if err != nil {
		return err
	}
	a := g.api
	a.sign = bearer(Credentials{Token: token}, "Bearer")
	return a.do(ctx, method, path, in, out)
}

func (g *github) Whoami(ctx context.Context) (string, error) {
	if g.app != nil {
		return g.app.whoami(ctx)
	}
	var user struct {
		Login string `json:"login"`
	}
	err := g.do(ctx, http.MethodGet, "/user", nil, &user)
	return user.Login, err
}

func (g *github) Repository(ctx context.Context, name string) (Repository, error) {
	var r struct {
		FullName      string `json:"full_name"`
		CloneURL      string `json:"clone_url"`
		HTMLURL       string `json:"html_url"`
		DefaultBranch string `json:"default_branch"`
	}
	err := g.call(ctx, name, http.MethodGet, ofRepository("/repos", name), nil, &r)
	return Repository{r.FullName, r.CloneURL, r.HTMLURL, r.DefaultBranch}, err
}

func (g *github) Head(ctx context.Context, name, branch string) (string, error) {
	var b struct {
		Commit struct {
			SHA string `json:"sha"`
		} `json:"commit"`
	}
	err := g.call(ctx, name, http.MethodGet, ofRepository("/repos", name, "branches", branch), nil, &b)
	return b.Commit.SHA, err
}

type githubHook struct {
	ID     int64    `json:"id,omitempty"`
	Name   string   `json:"name,omitempty"`
	Type   string   `json:"type,omitempty"` // Gitea's
	Active bool     `json:"active"`
	Events []string `json:"events,omitempty"`
	Config struct {
		URL         string `json:"url"`
		ContentType string `json:"content_type"`
		Secret      string `json:"secret,omitempty"`
		InsecureSSL string `json:"insecure_ssl,omitempty"`
	} `json:"config"`
}

func (g *github) EnsureHook(ctx context.Context, name string, h Hook) (string, error) {
	want := githubHook{Name: "web", Active: true, Events: []string{"push", "pull_request"}}
	if h.Releases {
		want.Events = append(want.Events, "release")
	}
	want.Config.URL, want.Config.ContentType, want.Config.Secret, want.Config.InsecureSSL = h.URL, "json", h.Secret, "0"
	hooks := ofRepository("/repos", name, "hooks")
	for page := 1; ; page++ {
		var have []githubHook
		if err := g.call(ctx, name, http.MethodGet, fmt.Sprintf("%s?per_page=100&page=%d", hooks, page), nil, &have); err != nil {
			return "", err
		}
		for _, hook := range have {
			if hook.Config.URL == h.URL {
				id := strconv.FormatInt(hook.ID, 10)
				return id, g.call(ctx, name, http.MethodPatch, hooks+path(id), want, nil)
			}
		}
		if len(have) < 100 {
			break
		}
	}
	var made githubHook
	err := g.call(ctx, name, http.MethodPost, hooks, want, &made)
	return strconv.FormatInt(made.ID, 10), err
}

func (g *github) DeleteHook(ctx context.Context, name, id string) error {
	return gone(g.call(ctx, name, http.MethodDelete, ofRepository("/repos", name, "hooks", id), nil, nil))
}

func (g *github) SetStatus(ctx context.Context, name, commit string, s Status) error {
	return g.call(ctx, name, http.MethodPost, ofRepository("/repos", name, "statuses", commit), map[string]string{
		"state": string(s.State), "context": s.Context, "description": cut(s.Description, 140), "target_url": s.URL,
	}, nil)
}

func (g *github) PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error) {
	var files []struct {
		Filename string `json:"filename"`
	}
	err := g.call(ctx, name, http.MethodGet, ofRepository("/repos", name, "pulls", number, "files")+fmt.Sprintf("?per_page=%d", min(limit, 100)), nil, &files)
	var list []string
	for _, f := range files[:min(len(files), limit)] {
		list = append(list, f.Filename)
	}
	return list, err
}

func (g *github) CommitURL(name, commit string) string {
	return g.web + ofRepository("", name, "commit", commit)
}

func (g *github) Login(ctx context.Context, name string) (Login, error) {
	if g.app == nil {
		return loginAs(g.creds, "x-access-token"), nil
	}
	token, err := g.app.token(ctx, name)
	return Login{"x-access-token", token}, err
}
