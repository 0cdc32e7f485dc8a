package app

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	codecommitapi "github.com/conveyor-cd/conveyor/internal/awsapi/codecommit"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/pull"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// keepPullStatuses is how long it is known what pipelines said of commits that no pull request is about.
const keepPullStatuses = 90 * 24 * time.Hour

// The detail types of the events of pull requests and comments.
const (
	pullChange        = "CodeCommit Pull Request State Change"
	commentOnPull     = "CodeCommit Comment on Pull Request"
	commentOnCommit   = "CodeCommit Comment on Commit"
	commentReaction   = "CodeCommit Comment Reaction Change"
	templateChange    = "CodeCommit Approval Rule Template Change"
	typeRollback      = "ROLLBACK"
	commitRevision    = "COMMIT_ID"
	keyRepositoryName = "RepositoryName"
)

func (r *rooms) openPulls(db store.Store) {
	r.pulls = pull.New(db, r.repositories, r.queue, pull.Options{
		OnChange: r.pullChanged, OnComment: r.commented, OnReaction: r.reacted, OnTemplate: r.templateChanged, Log: r.log.With("room", "pulls"),
	})
}

// pullChanged tells flow and the rules of events, in the transaction of the change itself, what happened to a pull request.
func (r *rooms) pullChanged(ctx context.Context, tx store.Tx, c pull.Change) error {
	if err := r.publishPull(ctx, tx, c); err != nil {
		return err
	}
	kind := map[pull.EventKind]trigger.Kind{
		pull.EventCreated: trigger.PullRequestOpened, pull.EventSource: trigger.PullRequestUpdated, pull.EventStatus: trigger.PullRequestClosed,
	}[c.Event.Kind]
	if kind == "" {
		return nil
	}
	p := c.Request
	return r.flow.SourceChanged(ctx, tx, flow.SourceChange{
		Provider: "CodeCommit", Resource: p.Repository, Ref: p.Destination, Revision: p.SourceCommit, Before: p.DestinationCommit, Actor: c.Event.Actor,
		Event: kind, PullRequest: strconv.FormatInt(p.ID, 10), Title: p.Title, Source: p.Source,
	})
}

// pullEventNames are what events call the changes of pull requests.
var pullEventNames = map[pull.EventKind]string{
	pull.EventCreated:         "pullRequestCreated",
	pull.EventStatus:          "pullRequestStatusChanged",
	pull.EventSource:          "pullRequestSourceBranchUpdated",
	pull.EventMerged:          "pullRequestMergeStatusUpdated",
	pull.EventRuleCreated:     "pullRequestApprovalRuleCreated",
	pull.EventRuleUpdated:     "pullRequestApprovalRuleUpdated",
	pull.EventRuleDeleted:     "pullRequestApprovalRuleDeleted",
	pull.EventRulesOverridden: "pullRequestApprovalRuleOverridden",
	pull.EventApproval:        "pullRequestApprovalStateChanged",
}

// publishPull tells the rules of events. A merge is one event, not also a change of the status.
func (r *rooms) publishPull(ctx context.Context, tx store.Tx, c pull.Change) error {
	p := c.Request
	if c.Event.Kind == pull.EventStatus && p.Merged != nil {
		return nil
	}
	detail := pullMembers(p)
	detail["event"] = pullEventNames[c.Event.Kind]
	detail.put("callerUserArn", c.Event.Actor)
	detail.put("approvalRuleName", c.Event.RuleName)
	detail.put("approvalRuleId", c.Event.RuleID)
	if c.Event.RuleContent != "" {
		detail["approvalRuleContentSha256"] = pull.SHA256(c.Event.RuleContent)
	}
	switch c.Event.Kind {
	case pull.EventApproval:
		detail["approvalStatus"] = c.Event.State
	case pull.EventRulesOverridden:
		detail["overrideStatus"] = c.Event.State
	}
	return r.events.Publish(ctx, tx, event.Event{
		Source: "aws.codecommit", DetailType: pullChange, Time: c.Event.At, Resources: []string{r.repositories.Arn(p.Repository)}, Detail: detail,
	})
}

// pullMembers is what events tell of a pull request.
func pullMembers(p pull.Request) members {
	status := "Closed"
	if p.Open {
		status = "Open"
	}
	detail := members{
		"pullRequestId": strconv.FormatInt(p.ID, 10), "pullRequestStatus": status, "repositoryNames": []string{p.Repository},
		"title": p.Title, "author": p.Author, "revisionId": p.Revision,
		"sourceReference": "refs/heads/" + p.Source, "destinationReference": "refs/heads/" + p.Destination,
		"sourceCommit": p.SourceCommit, "destinationCommit": p.DestinationCommit,
		"creationDate": p.Created.Format(time.RFC3339), "lastModifiedDate": p.Active.Format(time.RFC3339), "isMerged": "False",
	}
	detail.put("description", p.Description)
	if p.Merged != nil {
		detail["isMerged"], detail["mergeOption"] = "True", string(p.Merged.How)
	}
	return detail
}

// commented tells the rules of events of a comment.
func (r *rooms) commented(ctx context.Context, tx store.Tx, c pull.Commented) error {
	kind, name := commentOnCommit, "commentOnCommit"
	detail := members{"repositoryId": c.Comment.RepositoryID, "repositoryName": c.Comment.Repository, "commentId": c.Comment.ID}
	if c.Request != nil {
		kind, name = commentOnPull, "commentOnPullRequest"
		detail["pullRequestId"] = strconv.FormatInt(c.Request.ID, 10)
	}
	detail["event"] = name + "Updated"
	if c.Made {
		detail["event"] = name + "Created"
	}
	detail.put("callerUserArn", c.Actor)
	detail.put("inReplyTo", c.Comment.InReplyTo)
	detail.put("beforeCommitId", c.Comment.Place.Before)
	detail.put("afterCommitId", c.Comment.Place.After)
	return r.events.Publish(ctx, tx, event.Event{
		Source: "aws.codecommit", DetailType: kind, Time: c.At, Resources: []string{r.repositories.Arn(c.Comment.Repository)}, Detail: detail,
	})
}

// reacted tells the rules of events of a reaction to a comment.
func (r *rooms) reacted(ctx context.Context, tx store.Tx, c pull.Reacted) error {
	detail := members{
		"repositoryId": c.Comment.RepositoryID, "repositoryName": c.Comment.Repository, "commentId": c.Comment.ID, "event": "commentReactionUpdated",
		"reactionEmojis": []string{}, "reactionShortcodes": []string{}, "reactionUnicodes": []string{},
	}
	if c.Made {
		detail["event"] = "commentReactionCreated"
	}
	if symbol, short, unicode, ok := codecommitapi.Emoji(c.Value); ok {
		detail["reactionEmojis"], detail["reactionShortcodes"], detail["reactionUnicodes"] = []string{symbol}, []string{short}, []string{unicode}
	}
	detail.put("callerUserArn", c.Actor)
	return r.events.Publish(ctx, tx, event.Event{
		Source: "aws.codecommit", DetailType: commentReaction, Time: c.At, Resources: []string{r.repositories.Arn(c.Comment.Repository)}, Detail: detail,
	})
}

// templateChanged tells the rules of events of a change of a template of approval rules.
func (r *rooms) templateChanged(ctx context.Context, tx store.Tx, c pull.TemplateChange) error {
	t, about, repositories := c.Template, []string{}, map[string]string{}
	if c.Repository != "" {
		about, repositories[c.Repository] = []string{r.repositories.Arn(c.Repository)}, c.RepositoryID
	}
	detail := members{
		"event": string(c.Event), "approvalRuleTemplateId": t.ID, "approvalRuleTemplateName": t.Name, "approvalRuleTemplateContentSha256": pull.SHA256(t.Content),
		"creationDate": t.Created.Format(time.RFC3339), "lastModifiedDate": t.Modified.Format(time.RFC3339), "repositories": repositories,
	}
	detail.put("callerUserArn", c.Actor)
	return r.events.Publish(ctx, tx, event.Event{Source: "aws.codecommit", DetailType: templateChange, Time: c.At, Resources: about, Detail: detail})
}

// noteStatuses tells pull requests, in the transaction of the step itself, how the executions are that run their commits.
func (r *rooms) noteStatuses(ctx context.Context, tx store.Tx, s flow.Step) error {
	seen := map[string]bool{}
	for _, a := range slices.Backward(s.Announcements) { // the last one about an execution says how it is
		e := a.Execution
		if seen[e.ID] || string(e.Type) == typeRollback {
			continue
		}
		seen[e.ID] = true
		for repository, commit := range commitsOf(s.Definition, e) {
			if err := r.pulls.SetStatus(ctx, tx, repository, pull.Status{
				Commit: commit, Pipeline: r.flow.ARN(s.Pipeline), Execution: e.ID, Started: e.Started, State: string(e.Status), Reason: e.Reason,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// commitsOf are the commits of hosted repositories that an execution runs, as far as they are known, by repository.
func commitsOf(d *pipeline.Definition, e engine.ExecutionRecord) map[string]string {
	commits := map[string]string{}
	add := func(action, commit string) {
		if d == nil || len(d.Stages) == 0 {
			return
		}
		declared := d.Stages[0].Action(action)
		if declared == nil || declared.ActionTypeID.Owner != "AWS" || declared.ActionTypeID.Provider != "CodeCommit" || !gitrepo.ValidID(commit) {
			return
		}
		if name := declared.Configuration[keyRepositoryName]; !strings.Contains(name, "#{") {
			commits[name] = commit
		}
	}
	for _, o := range e.Overrides {
		if o.RevisionType == commitRevision {
			add(o.ActionName, o.RevisionValue)
		}
	}
	for _, v := range e.Revisions {
		add(v.Action, v.Revision.ID)
	}
	return commits
}
