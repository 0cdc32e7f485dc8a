package remote

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// eventName is what CodeBuild calls what happened.
func eventName(e forge.Event) string {
	switch {
	case e.Kind == forge.Released && e.Prerelease:
		return eventPrereleased
	case e.Kind == forge.Released:
		return eventReleased
	case e.PullRequest == "":
		return "PUSH"
	case e.Kind == trigger.PullRequestUpdated:
		return "PULL_REQUEST_UPDATED"
	case e.Kind == trigger.PullRequestClosed && e.Merged:
		return "PULL_REQUEST_MERGED"
	case e.Kind == trigger.PullRequestClosed:
		return "PULL_REQUEST_CLOSED"
	case e.Reopened:
		return "PULL_REQUEST_REOPENED"
	}
	return "PULL_REQUEST_CREATED"
}

const (
	eventReleased    = "RELEASED"
	eventPrereleased = "PRERELEASED"
	eventWorkflowJob = "WORKFLOW_JOB_QUEUED"
)

// filterEvents are the events that filters may name.
var filterEvents = []string{
	"PUSH", "PULL_REQUEST_CREATED", "PULL_REQUEST_UPDATED", "PULL_REQUEST_REOPENED", "PULL_REQUEST_MERGED", "PULL_REQUEST_CLOSED",
	eventReleased, eventPrereleased,
}

// unfiltered are the events that start a build of a webhook without filters.
var unfiltered = filterEvents[:4]

// headRef and baseRef are the refs of an event: what was pushed, or where a pull request comes from and goes to.
func headRef(e forge.Event) string {
	switch {
	case e.PullRequest != "":
		return "refs/heads/" + e.Source
	case e.Kind == trigger.TagPushed || e.Kind == forge.Released:
		return "refs/tags/" + e.Name
	}
	return "refs/heads/" + e.Name
}

func baseRef(e forge.Event) string {
	if e.PullRequest == "" {
		return ""
	}
	return "refs/heads/" + e.Name
}

// brought is what an event brought to the repository. It is asked for only when a filter is about it.
type brought struct {
	message string
	files   []string
}

// checkFilters refuses filters that could never be met, or that this server cannot tell. *build.InvalidError.
func checkFilters(groups [][]types.WebhookFilter, branch string) error {
	if branch != "" && len(groups) > 0 {
		return build.Invalidf("branchFilter and filterGroups exclude each other")
	}
	if _, err := regexp.Compile(branch); err != nil {
		return build.Invalidf("branchFilter: %v", err)
	}
	for _, group := range groups {
		events := 0
		for _, f := range group {
			if err := checkFilter(f); err != nil {
				return err
			}
			if f.Type == types.WebhookFilterTypeEvent {
				events++
			}
		}
		if events == 0 {
			return build.Invalidf("filterGroups: every group needs a filter of type EVENT")
		}
	}
	return nil
}

func checkFilter(f types.WebhookFilter) error {
	pattern := aws.ToString(f.Pattern)
	switch f.Type {
	case types.WebhookFilterTypeEvent:
		for _, name := range events(f) {
			if name == eventWorkflowJob {
				return build.Invalidf("filterGroups: %s is not supported by this server, which runs no jobs of GitHub Actions: leave the job to a runner of GitHub's, and start builds by PUSH or by the events of pull requests", name)
			}
			if !slices.Contains(filterEvents, name) {
				return build.Invalidf("filterGroups: %q is not an event this server can tell; it knows %s", name, strings.Join(filterEvents, ", "))
			}
		}
		return nil
	case types.WebhookFilterTypeWorkflowName:
		return build.Invalidf("filterGroups: type %s is not supported by this server, which runs no jobs of GitHub Actions: choose by HEAD_REF, FILE_PATH or COMMIT_MESSAGE what starts a build", f.Type)
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return build.Invalidf("filterGroups: the pattern %q of %s is not a regular expression: %v", pattern, f.Type, err)
	}
	return nil
}

// checkKind refuses filters that the events of a kind of forge can never meet. *build.InvalidError.
func checkKind(groups [][]types.WebhookFilter, kind forge.Kind) error {
	releases, prereleases := forge.TellsReleases(kind)
	for _, group := range groups {
		for _, f := range group {
			named := f.Type == types.WebhookFilterTypeEvent
			switch {
			case !releases && (f.Type == types.WebhookFilterTypeReleaseName || named && slices.Contains(events(f), eventReleased)),
				!prereleases && named && slices.Contains(events(f), eventPrereleased):
				return build.Invalidf("filterGroups: %s of type %s: %s tells of no such releases; let the tag start the build: EVENT PUSH with TAG_NAME", aws.ToString(f.Pattern), f.Type, kind)
			}
		}
	}
	return nil
}

// wantsReleases tells whether the forge has to post releases for a webhook.
func wantsReleases(hook *types.Webhook) bool {
	for _, group := range hook.FilterGroups {
		for _, f := range group {
			if f.Type != types.WebhookFilterTypeEvent || aws.ToBool(f.ExcludeMatchedPattern) {
				continue
			}
			if list := events(f); slices.Contains(list, eventReleased) || slices.Contains(list, eventPrereleased) {
				return true
			}
		}
	}
	return false
}

func events(f types.WebhookFilter) []string {
	var list []string
	for name := range strings.SplitSeq(aws.ToString(f.Pattern), ",") {
		list = append(list, strings.TrimSpace(name))
	}
	return list
}

// matches tells whether an event starts a build: it meets all filters of one of the groups. look reads what the event brought.
func matches(ctx context.Context, hook *types.Webhook, e forge.Event, look func(context.Context) (brought, error)) (bool, error) {
	if len(hook.FilterGroups) == 0 {
		ok := slices.Contains(unfiltered, eventName(e))
		if branch := aws.ToString(hook.BranchFilter); ok && branch != "" {
			ok = regexp.MustCompile(branch).MatchString(e.Name)
		}
		return ok, nil
	}
	for _, group := range hook.FilterGroups {
		all := true
		// What costs nothing to tell comes first.
		for _, costly := range []bool{false, true} {
			for _, f := range group {
				if !all || needsLook(f) != costly {
					continue
				}
				ok, err := meets(ctx, f, e, look)
				if err != nil {
					return false, err
				}
				all = ok
			}
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

func needsLook(f types.WebhookFilter) bool {
	return f.Type == types.WebhookFilterTypeFilePath || f.Type == types.WebhookFilterTypeCommitMessage
}

func meets(ctx context.Context, f types.WebhookFilter, e forge.Event, look func(context.Context) (brought, error)) (bool, error) {
	var values []string
	switch f.Type {
	case types.WebhookFilterTypeEvent:
		return slices.Contains(events(f), eventName(e)) != aws.ToBool(f.ExcludeMatchedPattern), nil
	case types.WebhookFilterTypeActorAccountId:
		values = []string{e.ActorID}
	case types.WebhookFilterTypeHeadRef:
		values = []string{headRef(e)}
	case types.WebhookFilterTypeBaseRef:
		values = []string{baseRef(e)}
	case types.WebhookFilterTypeRepositoryName:
		values = []string{e.Repository[strings.LastIndex(e.Repository, "/")+1:]}
	case types.WebhookFilterTypeOrganizationName:
		if i := strings.LastIndex(e.Repository, "/"); i >= 0 {
			values = []string{e.Repository[:i]}
		}
	case types.WebhookFilterTypeTagName:
		if e.Kind == trigger.TagPushed || e.Kind == forge.Released {
			values = []string{e.Name}
		}
	case types.WebhookFilterTypeReleaseName:
		if e.Kind == forge.Released {
			values = []string{e.Release}
		}
	default:
		if e.Kind == forge.Released { // it brings no commits and no files
			break
		}
		b, err := look(ctx)
		if err != nil {
			return false, err
		}
		if values = b.files; f.Type == types.WebhookFilterTypeCommitMessage {
			values = []string{b.message}
		}
	}
	pattern := regexp.MustCompile(aws.ToString(f.Pattern)) // checked when it was stored
	return slices.ContainsFunc(values, pattern.MatchString) != aws.ToBool(f.ExcludeMatchedPattern), nil
}
