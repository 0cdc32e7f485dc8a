package forge

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// bitbucketServer is Bitbucket Server, or Data Center (developer.atlassian.com/server/bitbucket/rest).
type bitbucketServer struct {
	api
	web   string
	creds Credentials
}

func newBitbucketServer(a api, endpoint string, c Credentials) Forge {
	a.base = endpoint
	a.sign = bearer(c, "Bearer")
	return &bitbucketServer{a, endpoint, c}
}

func (b *bitbucketServer) Kind() Kind { return BitbucketServer }

// ofProject is a path of PROJECT/NAME.
func ofProject(name string, rest ...string) string {
	p, repo, _ := strings.Cut(name, "/")
	return "/rest/api/1.0" + path(append([]string{"projects", p, "repos", repo}, rest...)...)
}

func (b *bitbucketServer) Whoami(ctx context.Context) (string, error) {
	var user string
	if err := b.do(ctx, http.MethodGet, "/plugins/servlet/applinks/whoami", nil, &user); err != nil {
		return "", err
	}
	if user = strings.TrimSpace(user); user == "" { // nobody in particular
		return "", fmt.Errorf("the token is not one of this Bitbucket: %w", ErrDenied)
	}
	return user, nil
}

func (b *bitbucketServer) Repository(ctx context.Context, name string) (Repository, error) {
	var r struct {
		Slug    string `json:"slug"`
		Project struct {
			Key string `json:"key"`
		} `json:"project"`
		Links struct {
			Self  []link `json:"self"`
			Clone []link `json:"clone"`
		} `json:"links"`
	}
	if err := b.do(ctx, http.MethodGet, ofProject(name), nil, &r); err != nil {
		return Repository{}, err
	}
	found := Repository{Name: r.Project.Key + "/" + r.Slug, CloneURL: cloneLink(r.Links.Clone)}
	if len(r.Links.Self) > 0 {
		found.WebURL = r.Links.Self[0].Href
	}
	var branch struct {
		DisplayID string `json:"displayId"`
	}
	err := gone(b.do(ctx, http.MethodGet, ofProject(name, "default-branch"), nil, &branch)) // none yet
	found.DefaultBranch = branch.DisplayID
	return found, err
}

func (b *bitbucketServer) Head(ctx context.Context, name, branch string) (string, error) {
	var c struct {
		ID string `json:"id"`
	}
	err := b.do(ctx, http.MethodGet, ofProject(name, "commits", "refs/heads/"+branch), nil, &c)
	return c.ID, err
}

type bitbucketServerHook struct {
	ID            int64             `json:"id,omitempty"`
	Name          string            `json:"name"`
	URL           string            `json:"url"`
	Active        bool              `json:"active"`
	Events        []string          `json:"events"`
	Configuration map[string]string `json:"configuration,omitempty"`
}

func (b *bitbucketServer) EnsureHook(ctx context.Context, name string, h Hook) (string, error) {
	want := bitbucketServerHook{
		Name: "Conveyor", URL: h.URL, Active: true, Configuration: map[string]string{"secret": h.Secret},
		Events: []string{"repo:refs_changed", "pr:opened", "pr:from_ref_updated", "pr:merged"},
	}
	for start := 0; ; {
		var have struct {
			Values        []bitbucketServerHook `json:"values"`
			IsLastPage    bool                  `json:"isLastPage"`
			NextPageStart int                   `json:"nextPageStart"`
		}
		if err := b.do(ctx, http.MethodGet, fmt.Sprintf("%s?limit=100&start=%d", ofProject(name, "webhooks"), start), nil, &have); err != nil {
			return "", err
		}
		for _, hook := range have.Values {
			if hook.URL == h.URL {
				id := strconv.FormatInt(hook.ID, 10)
				return id, b.do(ctx, http.MethodPut, ofProject(name, "webhooks", id), want, nil)
			}
		}
		if have.IsLastPage || have.NextPageStart <= start {
			break
		}
		start = have.NextPageStart
	}
	var made bitbucketServerHook
	err := b.do(ctx, http.MethodPost, ofProject(name, "webhooks"), want, &made)
	return strconv.FormatInt(made.ID, 10), err
}

func (b *bitbucketServer) DeleteHook(ctx context.Context, name, id string) error {
	return gone(b.do(ctx, http.MethodDelete, ofProject(name, "webhooks", id), nil, nil))
}

func (b *bitbucketServer) SetStatus(ctx context.Context, _, commit string, s Status) error {
	return b.do(ctx, http.MethodPost, "/rest/build-status/1.0"+path("commits", commit), buildStatus(s), nil)
}

func (b *bitbucketServer) PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error) {
	var changes struct {
		Values []struct {
			Path struct {
				Text string `json:"toString"`
			} `json:"path"`
		} `json:"values"`
	}
	err := b.do(ctx, http.MethodGet, ofProject(name, "pull-requests", number, "changes")+fmt.Sprintf("?limit=%d", limit), nil, &changes)
	var list []string
	for _, v := range changes.Values[:min(len(changes.Values), limit)] {
		list = append(list, v.Path.Text)
	}
	return list, err
}

func (b *bitbucketServer) CommitURL(name, commit string) string {
	p, repo, _ := strings.Cut(name, "/")
	return b.web + path("projects", p, "repos", repo, "commits", commit)
}

func (b *bitbucketServer) Login(context.Context, string) (Login, error) {
	return loginAs(b.creds, "x-token-auth"), nil
}
