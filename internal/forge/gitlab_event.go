package forge

import (
	"fmt"
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// gitlabEvent is any of GitLab's events that matter here.
type gitlabEvent struct {
	Kind    string `json:"object_kind"`
	Ref     string `json:"ref"`
	Before  string `json:"before"`
	After   string `json:"after"`
	Commit  string `json:"checkout_sha"` // of an annotated tag: the commit it names
	User    string `json:"user_username"`
	UserID  int64  `json:"user_id"`
	Project struct {
		Path string `json:"path_with_namespace"`
	} `json:"project"`
	UserOf struct {
		Name string `json:"username"`
		ID   int64  `json:"id"`
	} `json:"user"`
	// A release says what it is at the top, and not who made it.
	Action  string `json:"action"`
	Name    string `json:"name"`
	Tag     string `json:"tag"`
	Release struct {
		ID string `json:"id"`
	} `json:"commit"`
	Attributes struct {
		IID           int64  `json:"iid"`
		Action        string `json:"action"`
		Before        string `json:"oldrev"` // there when commits were pushed
		Source        string `json:"source_branch"`
		Target        string `json:"target_branch"`
		SourceProject int64  `json:"source_project_id"`
		TargetProject int64  `json:"target_project_id"`
		LastCommit    struct {
			ID string `json:"id"`
		} `json:"last_commit"`
	} `json:"object_attributes"`
}

func receiveGitLab(body []byte) (Delivery, error) {
	var e gitlabEvent
	if err := unmarshal(body, &e); err != nil {
		return Delivery{}, err
	}
	switch e.Kind {
	case "push", "tag_push":
		after := e.After
		if orNone(after) != "" && e.Commit != "" {
			after = e.Commit
		}
		if p, ok := pushed(e.Project.Path, e.Ref, e.Before, after, e.User); ok {
			p.ActorID = numbered(e.UserID)
			return Delivery{Events: []Event{p}}, nil
		}
	case "merge_request":
		return e.mergeRequest(), nil
	case "release":
		if e.Action == "create" {
			return released(Event{Repository: e.Project.Path, After: e.Release.ID}, e.Name, e.Tag, false), nil
		}
	}
	return Delivery{}, nil
}

func (e gitlabEvent) mergeRequest() Delivery {
	a := e.Attributes
	var kind trigger.Kind
	switch {
	case a.Action == "open" || a.Action == "reopen":
		kind = trigger.PullRequestOpened
	case a.Action == "update" && a.Before != "": // others are about its title or labels
		kind = trigger.PullRequestUpdated
	case a.Action == "merge" || a.Action == "close":
		kind = trigger.PullRequestClosed
	default:
		return Delivery{}
	}
	return Delivery{Events: []Event{{
		Kind: kind, Repository: e.Project.Path, Name: a.Target, After: a.LastCommit.ID, Actor: e.UserOf.Name,
		PullRequest: strconv.FormatInt(a.IID, 10), Source: a.Source, HeadRef: fmt.Sprintf("refs/merge-requests/%d/head", a.IID),
		Fork:    a.SourceProject != a.TargetProject,
		ActorID: numbered(e.UserOf.ID), Reopened: a.Action == "reopen", Merged: a.Action == "merge",
	}}}
}
