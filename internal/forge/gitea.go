package forge

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// gitea is Gitea or Forgejo (docs.gitea.com/api).
type gitea struct {
	api
	web   string
	creds Credentials
}

func newGitea(a api, endpoint string, c Credentials) Forge {
	a.base = endpoint + "/api/v1"
	a.sign = bearer(c, "token")
	return &gitea{a, endpoint, c}
}

func (g *gitea) Kind() Kind { return Gitea }

func (g *gitea) Whoami(ctx context.Context) (string, error) {
	var user struct {
		Login string `json:"login"`
	}
	err := g.do(ctx, http.MethodGet, "/user", nil, &user)
	return user.Login, err
}

func (g *gitea) Repository(ctx context.Context, name string) (Repository, error) {
	var r struct {
		FullName      string `json:"full_name"`
		CloneURL      string `json:"clone_url"`
		HTMLURL       string `json:"html_url"`
		DefaultBranch string `json:"default_branch"`
	}
	err := g.do(ctx, http.MethodGet, ofRepository("/repos", name), nil, &r)
	return Repository{r.FullName, r.CloneURL, r.HTMLURL, r.DefaultBranch}, err
}

func (g *gitea) Head(ctx context.Context, name, branch string) (string, error) {
	var b struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
	}
	err := g.do(ctx, http.MethodGet, ofRepository("/repos", name, "branches", branch), nil, &b)
	return b.Commit.ID, err
}

func (g *gitea) EnsureHook(ctx context.Context, name string, h Hook) (string, error) {
	want := githubHook{Type: "gitea", Active: true, Events: []string{"push", "pull_request", "pull_request_sync"}}
	if h.Releases {
		want.Events = append(want.Events, "release")
	}
	want.Config.URL, want.Config.ContentType, want.Config.Secret = h.URL, "json", h.Secret
	hooks := ofRepository("/repos", name, "hooks")
	for page := 1; ; page++ {
		var have []githubHook
		if err := g.do(ctx, http.MethodGet, fmt.Sprintf("%s?limit=50&page=%d", hooks, page), nil, &have); err != nil {
			return "", err
		}
		for _, hook := range have {
			if hook.Config.URL == h.URL {
				id := strconv.FormatInt(hook.ID, 10)
				return id, g.do(ctx, http.MethodPatch, hooks+path(id), want, nil)
			}
		}
		if len(have) == 0 {
			break
		}
	}
	var made githubHook
	err := g.do(ctx, http.MethodPost, hooks, want, &made)
	return strconv.FormatInt(made.ID, 10), err
}

func (g *gitea) DeleteHook(ctx context.Context, name, id string) error {
	return gone(g.do(ctx, http.MethodDelete, ofRepository("/repos", name, "hooks", id), nil, nil))
}

func (g *gitea) SetStatus(ctx context.Context, name, commit string, s Status) error {
	return g.do(ctx, http.MethodPost, ofRepository("/repos", name, "statuses", commit), map[string]string{
		"state": string(s.State), "context": s.Context, "description": cut(s.Description, 255), "target_url": s.URL,
	}, nil)
}

func (g *gitea) PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error) {
	var list []string
	for page := 1; len(list) < limit; page++ {
		var files []struct {
			Filename string `json:"filename"`
		}
		if err := g.do(ctx, http.MethodGet, fmt.Sprintf("%s?limit=50&page=%d", ofRepository("/repos", name, "pulls", number, "files"), page), nil, &files); err != nil {
			return nil, err
		}
		if len(files) == 0 {
			break
		}
		for _, f := range files {
			list = append(list, f.Filename)
		}
	}
	return list[:min(len(list), limit)], nil
}

func (g *gitea) CommitURL(name, commit string) string {
	return g.web + ofRepository("", name, "commit", commit)
}

func (g *gitea) Login(context.Context, string) (Login, error) {
	return loginAs(g.creds, "conveyor"), nil
}
