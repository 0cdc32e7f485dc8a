package remote

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

func filter(kind types.WebhookFilterType, pattern string) types.WebhookFilter {
	return types.WebhookFilter{Type: kind, Pattern: &pattern}
}

// not is the filter that is met when f is not.
func not(f types.WebhookFilter) types.WebhookFilter {
	f.ExcludeMatchedPattern = aws.Bool(!aws.ToBool(f.ExcludeMatchedPattern))
	return f
}

var (
	push    = forge.Event{Kind: trigger.BranchPushed, Repository: "acme/site", Name: "main", ActorID: "12"}
	tag     = forge.Event{Kind: trigger.TagPushed, Repository: "acme/site", Name: "v1.2", ActorID: "12"}
	release = forge.Event{Kind: forge.Released, Repository: "group/sub/site", Name: "v1.2", Release: "Autumn", ActorID: "12"}
	pre     = forge.Event{Kind: forge.Released, Repository: "acme/site", Name: "v2-rc1", Release: "Winter, early", Prerelease: true}
	pull    = forge.Event{Kind: trigger.PullRequestOpened, Repository: "acme/site", Name: "main", Source: "fix", PullRequest: "7", ActorID: "34"}
)

var filterCases = []struct {
	events string // the pattern of the group's filter of type EVENT
	filter types.WebhookFilter
	event  forge.Event
	want   bool
}{
	{"PUSH", filter(types.WebhookFilterTypeHeadRef, "^refs/heads/main$"), push, true},
	{"PUSH", filter(types.WebhookFilterTypeHeadRef, "^refs/heads/mai$"), push, false},
	{"PUSH", not(filter(types.WebhookFilterTypeHeadRef, "^refs/tags/")), push, true},
	{"PUSH", filter(types.WebhookFilterTypeHeadRef, "^refs/tags/v1"), tag, true},
	{"PUSH", filter(types.WebhookFilterTypeTagName, `^v\d`), tag, true},
	{"PUSH", filter(types.WebhookFilterTypeTagName, ""), push, false},
	{"PUSH", filter(types.WebhookFilterTypeTagName, "v"), release, false},
	{"RELEASED", filter(types.WebhookFilterTypeTagName, `^v\d`), release, true},
	{"RELEASED", filter(types.WebhookFilterTypeReleaseName, "^Aut"), release, true},
	{"RELEASED", not(filter(types.WebhookFilterTypeReleaseName, "^Aut")), release, false},
	{"RELEASED", filter(types.WebhookFilterTypeHeadRef, "^refs/tags/v1.2$"), release, true},
	{"RELEASED", filter(types.WebhookFilterTypeReleaseName, ""), pre, false},
	{"RELEASED, PRERELEASED", filter(types.WebhookFilterTypeReleaseName, "early"), pre, true},
	{"RELEASED", filter(types.WebhookFilterTypeFilePath, ""), release, false},
	{"PUSH", filter(types.WebhookFilterTypeReleaseName, ""), tag, false},
	{"RELEASED", filter(types.WebhookFilterTypeRepositoryName, "^site$"), release, true},
	{"RELEASED", filter(types.WebhookFilterTypeOrganizationName, "^group/sub$"), release, true},
	{"PUSH", filter(types.WebhookFilterTypeOrganizationName, "^acme$"), push, true},
	{"PUSH", filter(types.WebhookFilterTypeOrganizationName, "^other$"), push, false},
	{"PUSH", filter(types.WebhookFilterTypeHeadRef, "fix"), pull, false},
	{"PUSH, PULL_REQUEST_CREATED", filter(types.WebhookFilterTypeHeadRef, "^refs/heads/fix$"), pull, true},
	{"PULL_REQUEST_CREATED", filter(types.WebhookFilterTypeBaseRef, "^refs/heads/main$"), pull, true},
	{"PULL_REQUEST_REOPENED", filter(types.WebhookFilterTypeBaseRef, "main"), pull, false},
	{"PUSH", filter(types.WebhookFilterTypeBaseRef, "^$"), push, true},
	{"PUSH", filter(types.WebhookFilterTypeActorAccountId, "^1[0-9]$"), push, true},
	{"PULL_REQUEST_CREATED", not(filter(types.WebhookFilterTypeActorAccountId, "3")), pull, false},
	{"PUSH", filter(types.WebhookFilterTypeRepositoryName, "^site$"), push, true},
	{"PUSH", filter(types.WebhookFilterTypeFilePath, "^docs/"), push, true},
	{"PUSH", not(filter(types.WebhookFilterTypeFilePath, "^docs/")), push, false},
	{"PUSH", filter(types.WebhookFilterTypeFilePath, "^src/"), push, false},
	{"PUSH", filter(types.WebhookFilterTypeCommitMessage, `\[skip ci\]`), push, true},
}

var lookAtDocs = brought{message: "words [skip ci]", files: []string{"README.md", "docs/a.md"}}

func looked(b brought) func(context.Context) (brought, error) {
	return func(context.Context) (brought, error) { return b, nil }
}

// hookOf is a webhook with one group: a filter of type EVENT and others.
func hookOf(events string, others ...types.WebhookFilter) *types.Webhook {
	return &types.Webhook{FilterGroups: [][]types.WebhookFilter{append(others, filter(types.WebhookFilterTypeEvent, events))}}
}

func starts(t *testing.T, hook *types.Webhook, e forge.Event, b brought) bool {
	t.Helper()
	ok, err := matches(t.Context(), hook, e, looked(b))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestFilters(t *testing.T) {
	for _, c := range filterCases {
		hook := hookOf(c.events, c.filter)
		if err := checkFilters(hook.FilterGroups, ""); err != nil {
			t.Fatal(err)
		}
		if got := starts(t, hook, c.event, lookAtDocs); got != c.want {
			t.Errorf("%s and %s %q (not: %t) with %+v: %t", c.events, c.filter.Type, *c.filter.Pattern, aws.ToBool(c.filter.ExcludeMatchedPattern), c.event, got)
		}
	}
}

// Filters that are accepted can be asked of any event; a filter or its opposite is met, of two groups one suffices, and what
// costs a look at the repository is not looked at for other filters.
func FuzzFilters(f *testing.F) {
	kinds := types.WebhookFilterType("").Values() // others are refused before they get here
	for _, c := range filterCases {
		e := c.event
		f.Add(c.events, slices.Index(kinds, c.filter.Type), *c.filter.Pattern, aws.ToBool(c.filter.ExcludeMatchedPattern),
			string(e.Kind), e.Repository, e.Name, e.Source, e.PullRequest, e.ActorID, lookAtDocs.message, lookAtDocs.files[1])
	}
	f.Fuzz(func(t *testing.T, events string, kind int, pattern string, exclude bool, what, repository, name, source, number, actor, message, file string) {
		if kind < 0 || kind >= len(kinds) {
			return
		}
		given := filter(kinds[kind], pattern)
		given.ExcludeMatchedPattern = &exclude
		hook, opposite := hookOf(events, given), hookOf(events, not(given))
		e := forge.Event{Kind: trigger.Kind(what), Repository: repository, Name: name, Source: source, PullRequest: number, ActorID: actor}
		b := brought{message: message, files: []string{file}}
		if checkFilters(hook.FilterGroups, "") != nil {
			return
		}
		one, other, whole := starts(t, hook, e, b), starts(t, opposite, e, b), starts(t, hookOf(events), e, b)
		if one == other && whole || (one || other) && !whole {
			t.Errorf("the filter: %t, its opposite: %t, neither: %t", one, other, whole)
		}
		both := &types.Webhook{FilterGroups: append(hook.FilterGroups, opposite.FilterGroups...)}
		if got := starts(t, both, e, b); got != (one || other) {
			t.Errorf("%t or %t is %t", one, other, got)
		}
		_, err := matches(t.Context(), hook, e, func(context.Context) (brought, error) { return brought{}, context.Canceled })
		if err != nil && (!needsLook(given) || !whole) {
			t.Errorf("looked at the repository in vain: %v", err)
		}
		if checkFilters(nil, pattern) == nil {
			starts(t, &types.Webhook{BranchFilter: &pattern}, e, b)
		}
	})
}

// What a forge never tells of is refused, instead of waited for.
func TestFiltersOfForges(t *testing.T) {
	for _, c := range []struct {
		kind   forge.Kind
		events string
		filter types.WebhookFilter
		ok     bool
	}{
		{forge.GitHub, "RELEASED, PRERELEASED", filter(types.WebhookFilterTypeReleaseName, "x"), true},
		{forge.Gitea, "PRERELEASED", filter(types.WebhookFilterTypeTagName, "x"), true},
		{forge.GitLab, "RELEASED", filter(types.WebhookFilterTypeReleaseName, "x"), true},
		{forge.GitLab, "PUSH, PRERELEASED", filter(types.WebhookFilterTypeTagName, "x"), false},
		{forge.Bitbucket, "RELEASED", filter(types.WebhookFilterTypeTagName, "x"), false},
		{forge.BitbucketServer, "PUSH", filter(types.WebhookFilterTypeReleaseName, "x"), false},
		{forge.Bitbucket, "PUSH", filter(types.WebhookFilterTypeTagName, "x"), true},
	} {
		if err := checkKind(hookOf(c.events, c.filter).FilterGroups, c.kind); (err == nil) != c.ok {
			t.Errorf("%s: %s with %s: %v", c.kind, c.events, c.filter.Type, err)
		}
	}
}
