package forgetest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

const none = "0000000000000000000000000000000000000000"

func orNone(id string) string {
	if id == "" {
		return none
	}
	return id
}

// Payload is the request that tells of an event, unsigned.
func Payload(kind forge.Kind, e forge.Event, id string) (http.Header, []byte) {
	h := http.Header{"Content-Type": {"application/json"}}
	var doc object
	switch kind {
	case forge.GitHub:
		h.Set("X-GitHub-Delivery", id)
		doc = githubPayload(e, h, "X-GitHub-Event", "synchronize")
	case forge.Gitea:
		h.Set("X-Gitea-Delivery", id)
		doc = githubPayload(e, h, "X-Gitea-Event", "synchronized")
	case forge.GitLab:
		h.Set("X-Gitlab-Event-UUID", id)
		doc = gitlabPayload(e, h)
	case forge.Bitbucket:
		h.Set("X-Request-UUID", id)
		doc = bitbucketPayload(e, h)
	case forge.BitbucketServer:
		h.Set("X-Request-Id", id)
		doc = bitbucketServerPayload(e, h)
	}
	body, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err)
	}
	return h, body
}

func ref(e forge.Event) string {
	if e.Kind == trigger.TagPushed {
		return "refs/tags/" + e.Name
	}
	return "refs/heads/" + e.Name
}

func isPush(e forge.Event) bool { return e.Kind == trigger.BranchPushed || e.Kind == trigger.TagPushed }

func number(e forge.Event) int {
	n, _ := strconv.Atoi(e.PullRequest)
	return n
}

func fork(e forge.Event) string {
	if e.Fork {
		_, name, _ := strings.Cut(e.Repository, "/")
		return "stranger/" + name
	}
	return e.Repository
}

func githubPayload(e forge.Event, h http.Header, header, synchronized string) object {
	repository, sender := object{"full_name": e.Repository, "private": true}, object{"login": e.Actor}
	if e.Kind == forge.Released {
		h.Set(header, "release")
		action := map[bool]string{true: "prereleased", false: "released"}[e.Prerelease]
		if header == "X-Gitea-Event" {
			action = "published"
		}
		return object{
			"action": action, "repository": repository, "sender": sender,
			"release": object{"tag_name": e.Name, "target_commitish": "main", "name": e.Release, "draft": false, "prerelease": e.Prerelease},
		}
	}
	if isPush(e) {
		h.Set(header, "push")
		return object{
			"ref": ref(e), "before": orNone(e.Before), "after": orNone(e.After), "created": e.Before == "", "deleted": e.After == "",
			"repository": repository, "sender": sender, "pusher": object{"name": e.Actor}, "commits": []object{{"id": e.After, "message": "a change"}},
		}
	}
	h.Set(header, "pull_request")
	action := map[trigger.Kind]string{trigger.PullRequestOpened: "opened", trigger.PullRequestUpdated: synchronized, trigger.PullRequestClosed: "closed"}[e.Kind]
	return object{
		"action": action, "number": number(e), "repository": repository, "sender": sender,
		"pull_request": object{
			"title": "A change", "merged": e.Kind == trigger.PullRequestClosed,
			"head": object{"ref": e.Source, "sha": e.After, "repo": object{"full_name": fork(e)}},
			"base": object{"ref": e.Name, "sha": e.Before, "repo": repository},
		},
	}
}

func gitlabPayload(e forge.Event, h http.Header) object {
	project := object{"id": 15, "path_with_namespace": e.Repository}
	if e.Kind == forge.Released {
		h.Set("X-Gitlab-Event", "Release Hook")
		return object{"object_kind": "release", "action": "create", "tag": e.Name, "name": e.Release, "project": project, "commit": object{"id": e.After}}
	}
	if isPush(e) {
		kind, name := "push", "Push Hook"
		if e.Kind == trigger.TagPushed {
			kind, name = "tag_push", "Tag Push Hook"
		}
		h.Set("X-Gitlab-Event", name)
		return object{
			"object_kind": kind, "ref": ref(e), "before": orNone(e.Before), "after": orNone(e.After), "checkout_sha": e.After,
			"user_username": e.Actor, "project": project, "total_commits_count": 1,
		}
	}
	h.Set("X-Gitlab-Event", "Merge Request Hook")
	source := 15
	if e.Fork {
		source = 16
	}
	attributes := object{
		"iid": number(e), "source_branch": e.Source, "target_branch": e.Name, "source_project_id": source, "target_project_id": 15,
		"action":      map[trigger.Kind]string{trigger.PullRequestOpened: "open", trigger.PullRequestUpdated: "update", trigger.PullRequestClosed: "merge"}[e.Kind],
		"last_commit": object{"id": e.After},
	}
	if e.Kind == trigger.PullRequestUpdated {
		attributes["oldrev"] = strings.Repeat("a", 40)
	}
	return object{"object_kind": "merge_request", "user": object{"username": e.Actor}, "project": project, "object_attributes": attributes}
}

func bitbucketPayload(e forge.Event, h http.Header) object {
	doc := object{"actor": object{"nickname": e.Actor, "display_name": "R. Obot"}, "repository": object{"full_name": e.Repository, "type": "repository"}}
	side := func(id string) any {
		if id == "" {
			return nil
		}
		kind := "branch"
		if e.Kind == trigger.TagPushed {
			kind = "tag"
		}
		return object{"type": kind, "name": e.Name, "target": object{"hash": id}}
	}
	if isPush(e) {
		h.Set("X-Event-Key", "repo:push")
		doc["push"] = object{"changes": []object{{"old": side(e.Before), "new": side(e.After), "created": e.Before == "", "closed": e.After == ""}}}
		return doc
	}
	h.Set("X-Event-Key", map[trigger.Kind]string{
		trigger.PullRequestOpened: "pullrequest:created", trigger.PullRequestUpdated: "pullrequest:updated", trigger.PullRequestClosed: "pullrequest:fulfilled",
	}[e.Kind])
	doc["pullrequest"] = object{
		"id":          number(e),
		"source":      object{"branch": object{"name": e.Source}, "commit": object{"hash": short(e.After)}, "repository": object{"full_name": fork(e)}},
		"destination": object{"branch": object{"name": e.Name}, "commit": object{"hash": short(e.Before)}, "repository": object{"full_name": e.Repository}},
	}
	return doc
}

// short is how bitbucket.org names the commits of pull requests.
func short(id string) string { return id[:min(12, len(id))] }

func bitbucketServerPayload(e forge.Event, h http.Header) object {
	named := func(full string) object {
		key, slug, _ := strings.Cut(full, "/")
		return object{"slug": slug, "project": object{"key": key}}
	}
	doc := object{"actor": object{"name": e.Actor}, "date": "2024-05-01T10:00:00+0000"}
	if isPush(e) {
		h.Set("X-Event-Key", "repo:refs_changed")
		doc["eventKey"], doc["repository"] = "repo:refs_changed", named(e.Repository)
		doc["changes"] = []object{{
			"ref":   object{"id": ref(e), "displayId": e.Name, "type": map[bool]string{true: "TAG", false: "BRANCH"}[e.Kind == trigger.TagPushed]},
			"refId": ref(e), "fromHash": orNone(e.Before), "toHash": orNone(e.After), "type": "UPDATE",
		}}
		return doc
	}
	h.Set("X-Event-Key", map[trigger.Kind]string{
		trigger.PullRequestOpened: "pr:opened", trigger.PullRequestUpdated: "pr:from_ref_updated", trigger.PullRequestClosed: "pr:merged",
	}[e.Kind])
	doc["pullRequest"] = object{
		"id":      number(e),
		"fromRef": object{"id": "refs/heads/" + e.Source, "displayId": e.Source, "latestCommit": e.After, "repository": named(fork(e))},
		"toRef":   object{"id": "refs/heads/" + e.Name, "displayId": e.Name, "latestCommit": e.Before, "repository": named(e.Repository)},
	}
	return doc
}
