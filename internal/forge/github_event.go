package forge

import (
	"fmt"
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// githubPush is GitHub's push event; Gitea's has the same members.
type githubPush struct {
	Ref        string `json:"ref"`
	Before     string `json:"before"`
	After      string `json:"after"` // of an annotated tag: the object of the tag
	HeadCommit struct {
		ID string `json:"id"`
	} `json:"head_commit"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender githubUser `json:"sender"`
}

type githubUser struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
}

func (u githubUser) id() string { return numbered(u.ID) }

func (p githubPush) delivery() Delivery {
	var d Delivery
	if e, ok := pushed(p.Repository.FullName, p.Ref, p.Before, p.After, p.Sender.Login); ok {
		if e.Kind == trigger.TagPushed && p.HeadCommit.ID != "" {
			e.After = p.HeadCommit.ID
		}
		e.ActorID = p.Sender.id()
		d.Events = []Event{e}
	}
	return d
}

// githubPull is GitHub's pull_request event; Gitea's has the same members.
type githubPull struct {
	Action      string `json:"action"`
	Number      int64  `json:"number"`
	PullRequest struct {
		Head   githubSide `json:"head"`
		Base   githubSide `json:"base"`
		Merged bool       `json:"merged"`
	} `json:"pull_request"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender githubUser `json:"sender"`
}

type githubSide struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		FullName string `json:"full_name"`
	} `json:"repo"` // null when the fork is gone
}

// pullActions are what can be done to a pull request that starts something. Gitea says synchronized.
var pullActions = map[string]trigger.Kind{
	"opened": trigger.PullRequestOpened, "reopened": trigger.PullRequestOpened,
	"synchronize": trigger.PullRequestUpdated, "synchronized": trigger.PullRequestUpdated,
	"closed": trigger.PullRequestClosed,
}

func (p githubPull) delivery() Delivery {
	kind, ok := pullActions[p.Action]
	if !ok {
		return Delivery{}
	}
	head, base := p.PullRequest.Head, p.PullRequest.Base
	return Delivery{Events: []Event{{
		Kind: kind, Repository: p.Repository.FullName, Name: base.Ref, Before: base.SHA, After: head.SHA, Actor: p.Sender.Login,
		PullRequest: strconv.FormatInt(p.Number, 10), Source: head.Ref, HeadRef: fmt.Sprintf("refs/pull/%d/head", p.Number),
		Fork:    head.Repo == nil || head.Repo.FullName != p.Repository.FullName,
		ActorID: p.Sender.id(), Reopened: p.Action == "reopened", Merged: p.PullRequest.Merged,
	}}}
}

// githubRelease is GitHub's release event; Gitea's has the same members.
type githubRelease struct {
	Action  string `json:"action"`
	Release struct {
		Tag        string `json:"tag_name"`
		Name       string `json:"name"` // null when nobody gave it one
		Draft      bool   `json:"draft"`
		Prerelease bool   `json:"prerelease"`
	} `json:"release"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender githubUser `json:"sender"`
}

func (p githubRelease) delivery(pre bool) Delivery {
	return released(Event{Repository: p.Repository.FullName, Actor: p.Sender.Login, ActorID: p.Sender.id()}, p.Release.Name, p.Release.Tag, pre)
}

func receiveGitHub(event string, body []byte) (Delivery, error) {
	switch event {
	case "ping":
		return Delivery{Ping: true}, nil
	case "push":
		var p githubPush
		err := unmarshal(body, &p)
		return p.delivery(), err
	case "pull_request":
		var p githubPull
		err := unmarshal(body, &p)
		return p.delivery(), err
	case "release":
		var p githubRelease
		err := unmarshal(body, &p)
		// A release comes as published, too, and is released later when it was a pre-release first.
		if p.Action == "released" || p.Action == "prereleased" {
			return p.delivery(p.Action == "prereleased"), err
		}
		return Delivery{}, err
	}
	return Delivery{}, nil
}
