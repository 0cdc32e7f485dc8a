package forge

import (
	"fmt"
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// bitbucketServerEvent is any of Bitbucket Server's events that matter here.
type bitbucketServerEvent struct {
	Actor struct {
		Name string `json:"name"`
	} `json:"actor"`
	Repository bitbucketServerRepository `json:"repository"`
	Changes    []struct {
		Ref struct {
			ID string `json:"id"`
		} `json:"ref"`
		From string `json:"fromHash"`
		To   string `json:"toHash"`
	} `json:"changes"`
	PullRequest struct {
		ID   int64               `json:"id"`
		From bitbucketServerSide `json:"fromRef"`
		To   bitbucketServerSide `json:"toRef"`
	} `json:"pullRequest"`
}

type bitbucketServerRepository struct {
	Slug    string `json:"slug"`
	Project struct {
		Key string `json:"key"`
	} `json:"project"`
}

func (r bitbucketServerRepository) name() string {
	if r.Slug == "" {
		return ""
	}
	return r.Project.Key + "/" + r.Slug
}

type bitbucketServerSide struct {
	Name       string                    `json:"displayId"`
	Commit     string                    `json:"latestCommit"`
	Repository bitbucketServerRepository `json:"repository"`
}

func receiveBitbucketServer(event string, body []byte) (Delivery, error) {
	kinds := map[string]trigger.Kind{
		"diagnostics:ping": "", "repo:refs_changed": trigger.BranchPushed, "pr:opened": trigger.PullRequestOpened,
		"pr:from_ref_updated": trigger.PullRequestUpdated, "pr:merged": trigger.PullRequestClosed,
	}
	kind, ok := kinds[event]
	if !ok || kind == "" {
		return Delivery{Ping: ok}, nil
	}
	var e bitbucketServerEvent
	if err := unmarshal(body, &e); err != nil {
		return Delivery{}, err
	}
	if kind == trigger.BranchPushed {
		return e.push(), nil
	}
	p := e.PullRequest
	return Delivery{Events: []Event{{
		Kind: kind, Repository: p.To.Repository.name(), Name: p.To.Name, Before: p.To.Commit, After: p.From.Commit, Actor: e.Actor.Name,
		PullRequest: strconv.FormatInt(p.ID, 10), Source: p.From.Name, HeadRef: fmt.Sprintf("refs/pull-requests/%d/from", p.ID),
		Fork: p.From.Repository.name() != p.To.Repository.name(), Merged: kind == trigger.PullRequestClosed,
	}}}, nil
}

func (e bitbucketServerEvent) push() Delivery {
	var d Delivery
	for _, c := range e.Changes[:min(len(e.Changes), maxChanges)] {
		if p, ok := pushed(e.Repository.name(), c.Ref.ID, c.From, c.To, e.Actor.Name); ok {
			d.Events = append(d.Events, p)
		}
	}
	return d
}
