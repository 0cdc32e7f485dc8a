package forge

import (
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// bitbucketEvent is any of bitbucket.org's events that matter here.
type bitbucketEvent struct {
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Actor struct {
		Nickname    string `json:"nickname"`
		DisplayName string `json:"display_name"`
		AccountID   string `json:"account_id"`
	} `json:"actor"`
	Push struct {
		Changes []struct {
			Old *bitbucketRef `json:"old"`
			New *bitbucketRef `json:"new"`
		} `json:"changes"`
	} `json:"push"`
	PullRequest struct {
		ID          int64         `json:"id"`
		Source      bitbucketSide `json:"source"`
		Destination bitbucketSide `json:"destination"`
	} `json:"pullrequest"`
}

type bitbucketRef struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Target struct {
		Hash string `json:"hash"`
	} `json:"target"`
}

type bitbucketSide struct {
	Branch struct {
		Name string `json:"name"`
	} `json:"branch"`
	Commit struct {
		Hash string `json:"hash"` // abbreviated
	} `json:"commit"`
	Repository *struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
}

// maxChanges is how many refs of one push are looked at. Bitbucket sends no more than a few.
const maxChanges = 100

func receiveBitbucket(event string, body []byte) (Delivery, error) {
	kinds := map[string]trigger.Kind{
		"repo:push": trigger.BranchPushed, "pullrequest:created": trigger.PullRequestOpened,
		"pullrequest:updated": trigger.PullRequestUpdated, "pullrequest:fulfilled": trigger.PullRequestClosed,
	}
	kind, ok := kinds[event]
	if !ok {
		return Delivery{}, nil
	}
	var e bitbucketEvent
	if err := unmarshal(body, &e); err != nil {
		return Delivery{}, err
	}
	if kind == trigger.BranchPushed {
		return e.push(), nil
	}
	p := e.PullRequest
	return Delivery{Events: []Event{{
		Kind: kind, Repository: e.Repository.FullName, Name: p.Destination.Branch.Name, Before: p.Destination.Commit.Hash,
		After: p.Source.Commit.Hash, Actor: e.actor(), PullRequest: strconv.FormatInt(p.ID, 10), Source: p.Source.Branch.Name,
		Fork:    p.Source.Repository == nil || p.Source.Repository.FullName != e.Repository.FullName,
		ActorID: e.Actor.AccountID, Merged: kind == trigger.PullRequestClosed,
	}}}, nil
}

func (e bitbucketEvent) actor() string {
	if e.Actor.Nickname != "" {
		return e.Actor.Nickname
	}
	return e.Actor.DisplayName
}

func (e bitbucketEvent) push() Delivery {
	var d Delivery
	for _, c := range e.Push.Changes[:min(len(e.Push.Changes), maxChanges)] {
		if c.New == nil { // deleted
			continue
		}
		ref := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/", "annotated_tag": "refs/tags/"}[c.New.Type] + c.New.Name
		before := ""
		if c.Old != nil {
			before = c.Old.Target.Hash
		}
		if p, ok := pushed(e.Repository.FullName, ref, before, c.New.Target.Hash, e.actor()); ok {
			p.ActorID = e.Actor.AccountID
			d.Events = append(d.Events, p)
		}
	}
	return d
}
