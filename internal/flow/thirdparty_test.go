package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// github stands in for GitHub: it notes what it is told.
type github struct {
	told []string
	fail error
}

func (g *github) RegisterHook(_ context.Context, configuration map[string]string, url, secret string, remove bool) error {
	g.told = append(g.told, fmt.Sprint(configuration["OAuthToken"], " ", url != "", " ", secret, " ", remove))
	return g.fail
}

// withGitHub is a registry that has the source action of GitHub (version 1), too.
type withGitHub struct{ flow.Providers }

var typeGitHub = pipeline.ActionTypeID{Category: "Source", Owner: "ThirdParty", Provider: "GitHub", Version: "1"}

func (p withGitHub) Lookup(id pipeline.ActionTypeID) (action.Provider, bool) {
	if id == typeGitHub {
		return githubProvider{}, true
	}
	return p.Providers.Lookup(id)
}

type githubProvider struct{}

func (githubProvider) Type() action.Type {
	return action.Type{ID: typeGitHub, Outputs: action.Count{Min: 1, Max: 1}, Properties: []action.Property{
		{Name: "Owner"}, {Name: "Repo"}, {Name: "Branch"}, {Name: "OAuthToken", Secret: true},
	}}
}
func (githubProvider) Cancel(context.Context, action.Job) error { return nil }
func (githubProvider) Start(context.Context, action.Job) (action.Result, error) {
	return action.Done{Revision: &pipeline.Revision{ID: "1"}}, nil
}

func TestAWebhookIsRegisteredAtGitHub(t *testing.T) {
	hub := &github{}
	b := newBelt(t, sqltest.SQLite(t), func(o *flow.Options) { o.ThirdParty, o.Providers = hub, withGitHub{o.Providers} })
	d := site("web")
	d.Stages[0].Actions[0].ActionTypeID = typeGitHub
	d.Stages[0].Actions[0].Configuration = map[string]string{"Owner": "acme", "Repo": "site", "Branch": "main", "OAuthToken": "t0ken"}
	b.create(d)
	shown, err := b.GetPipeline(t.Context(), "web", 0)
	if err != nil || shown.Stages[0].Actions[0].Configuration["OAuthToken"] != pipeline.Masked {
		t.Fatalf("%+v, %v", shown, err)
	}
	// What was shown can be sent back; the token stays.
	if _, err := b.UpdatePipeline(t.Context(), shown.Definition, caller); err != nil {
		t.Fatal(err)
	}
	hook := pushHook("push", "web")
	hook.Filters[0].MatchEquals = "refs/heads/{Branch}"
	b.putHook(hook, nil)
	for _, remove := range []bool{false, true} {
		if err := b.RegisterThirdParty(t.Context(), "push", remove); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(hub.told); got != "[t0ken true s3cret false t0ken true s3cret true]" {
		t.Errorf("GitHub was told %s", got)
	}
	hub.fail = errors.New("403 Forbidden")
	if err := b.RegisterThirdParty(t.Context(), "push", false); err != nil {
		t.Error(err)
	}
	if list := b.hooks(); list[0].ErrorMessage != "403 Forbidden" {
		t.Errorf("%+v", list[0])
	}
	hook.Authentication, hook.AuthenticationConfiguration = "UNAUTHENTICATED", pipeline.WebhookCredentials{}
	b.putHook(hook, nil)
	wantKind(t, b.RegisterThirdParty(t.Context(), "push", false), pipeline.Validation)
}
