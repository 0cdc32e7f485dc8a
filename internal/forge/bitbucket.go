package forge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// bitbucket is bitbucket.org (developer.atlassian.com/cloud/bitbucket/rest).
type bitbucket struct {
	api
	web   string
	creds Credentials
}

func newBitbucket(a api, endpoint string, c Credentials) Forge {
	a.base = endpoint + "/2.0"
	if endpoint == cloud[Bitbucket] {
		a.base = "https://api.bitbucket.org/2.0"
	}
	a.sign = bearer(c, "Bearer")
	return &bitbucket{a, endpoint, c}
}

func (b *bitbucket) Kind() Kind { return Bitbucket }

func (b *bitbucket) Whoami(ctx context.Context) (string, error) {
	var user struct {
		DisplayName string `json:"display_name"`
		Username    string `json:"username"`
	}
	err := b.do(ctx, http.MethodGet, "/user", nil, &user)
	if user.Username == "" {
		user.Username = user.DisplayName
	}
	return user.Username, err
}

// link is an address with a name.
type link struct {
	Href string `json:"href"`
	Name string `json:"name"`
}

// cloneLink is the HTTP address among those to clone from. Bitbucket puts the user's name into it.
func cloneLink(links []link) string {
	for _, l := range links {
		if u, err := url.Parse(l.Href); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
			u.User = nil
			return u.String()
		}
	}
	return ""
}

func (b *bitbucket) Repository(ctx context.Context, name string) (Repository, error) {
	var r struct {
		FullName   string `json:"full_name"`
		MainBranch struct {
			Name string `json:"name"`
		} `json:"mainbranch"`
		Links struct {
			HTML  link   `json:"html"`
			Clone []link `json:"clone"`
		} `json:"links"`
	}
	err := b.do(ctx, http.MethodGet, ofRepository("/repositories", name), nil, &r)
	return Repository{r.FullName, cloneLink(r.Links.Clone), r.Links.HTML.Href, r.MainBranch.Name}, err
}

func (b *bitbucket) Head(ctx context.Context, name, branch string) (string, error) {
	var head struct {
		Target struct {
			Hash string `json:"hash"`
		} `json:"target"`
	}
	err := b.do(ctx, http.MethodGet, ofRepository("/repositories", name, "refs", "branches", branch), nil, &head)
	return head.Target.Hash, err
}

type bitbucketHook struct {
	UUID        string   `json:"uuid,omitempty"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Active      bool     `json:"active"`
	Secret      string   `json:"secret,omitempty"`
	Events      []string `json:"events"`
}

func (b *bitbucket) EnsureHook(ctx context.Context, name string, h Hook) (string, error) {
	want := bitbucketHook{
		Description: "Conveyor", URL: h.URL, Active: true, Secret: h.Secret,
		Events: []string{"repo:push", "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled"},
	}
	for page := 1; ; page++ {
		var have struct {
			Values []bitbucketHook `json:"values"`
			Next   string          `json:"next"`
		}
		if err := b.do(ctx, http.MethodGet, fmt.Sprintf("%s?pagelen=100&page=%d", ofRepository("/repositories", name, "hooks"), page), nil, &have); err != nil {
			return "", err
		}
		for _, hook := range have.Values {
			if hook.URL == h.URL {
				return hook.UUID, b.do(ctx, http.MethodPut, ofRepository("/repositories", name, "hooks", hook.UUID), want, nil)
			}
		}
		if have.Next == "" {
			break
		}
	}
	var made bitbucketHook
	err := b.do(ctx, http.MethodPost, ofRepository("/repositories", name, "hooks"), want, &made)
	return made.UUID, err
}

func (b *bitbucket) DeleteHook(ctx context.Context, name, id string) error {
	return gone(b.do(ctx, http.MethodDelete, ofRepository("/repositories", name, "hooks", id), nil, nil))
}

// buildStatus is a status in the words of both Bitbuckets.
func buildStatus(s Status) map[string]string {
	state := map[State]string{Pending: "INPROGRESS", Success: "SUCCESSFUL", Failure: "FAILED"}[s.State]
	sum := sha256.Sum256([]byte(s.Context)) // a key has at most 40 characters
	return map[string]string{
		"state": state, "key": hex.EncodeToString(sum[:20]), "name": cut(s.Context, 255), "description": cut(s.Description, 255), "url": s.URL,
	}
}

func (b *bitbucket) SetStatus(ctx context.Context, name, commit string, s Status) error {
	return b.do(ctx, http.MethodPost, ofRepository("/repositories", name, "commit", commit, "statuses", "build"), buildStatus(s), nil)
}

func (b *bitbucket) PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error) {
	var diff struct {
		Values []struct {
			New, Old *struct {
				Path string `json:"path"`
			}
		} `json:"values"`
	}
	err := b.do(ctx, http.MethodGet, ofRepository("/repositories", name, "pullrequests", number, "diffstat")+fmt.Sprintf("?pagelen=%d", min(limit, 500)), nil, &diff)
	var list []string
	for _, v := range diff.Values[:min(len(diff.Values), limit)] {
		switch {
		case v.New != nil:
			list = append(list, v.New.Path)
		case v.Old != nil:
			list = append(list, v.Old.Path)
		}
	}
	return list, err
}

func (b *bitbucket) CommitURL(name, commit string) string {
	return b.web + ofRepository("", name, "commits", commit)
}

// Login: an access token of a repository, project or workspace signs in as x-token-auth; an API token as its user, whose
// mail address git replaces by a fixed name.
func (b *bitbucket) Login(context.Context, string) (Login, error) {
	if strings.Contains(b.creds.User, "@") {
		return Login{"x-bitbucket-api-token-auth", b.creds.Token}, nil
	}
	return loginAs(b.creds, "x-token-auth"), nil
}
