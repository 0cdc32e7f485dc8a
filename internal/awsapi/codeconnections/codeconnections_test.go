package codeconnections_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/codeconnections"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// api is the operations, in process or through the SDK's client.
type api interface {
	CreateConnection(context.Context, *sdk.CreateConnectionInput, ...func(*sdk.Options)) (*sdk.CreateConnectionOutput, error)
	GetConnection(context.Context, *sdk.GetConnectionInput, ...func(*sdk.Options)) (*sdk.GetConnectionOutput, error)
	ListConnections(context.Context, *sdk.ListConnectionsInput, ...func(*sdk.Options)) (*sdk.ListConnectionsOutput, error)
	DeleteConnection(context.Context, *sdk.DeleteConnectionInput, ...func(*sdk.Options)) (*sdk.DeleteConnectionOutput, error)
	CreateHost(context.Context, *sdk.CreateHostInput, ...func(*sdk.Options)) (*sdk.CreateHostOutput, error)
	GetHost(context.Context, *sdk.GetHostInput, ...func(*sdk.Options)) (*sdk.GetHostOutput, error)
	ListHosts(context.Context, *sdk.ListHostsInput, ...func(*sdk.Options)) (*sdk.ListHostsOutput, error)
	UpdateHost(context.Context, *sdk.UpdateHostInput, ...func(*sdk.Options)) (*sdk.UpdateHostOutput, error)
	DeleteHost(context.Context, *sdk.DeleteHostInput, ...func(*sdk.Options)) (*sdk.DeleteHostOutput, error)
	TagResource(context.Context, *sdk.TagResourceInput, ...func(*sdk.Options)) (*sdk.TagResourceOutput, error)
	UntagResource(context.Context, *sdk.UntagResourceInput, ...func(*sdk.Options)) (*sdk.UntagResourceOutput, error)
	ListTagsForResource(context.Context, *sdk.ListTagsForResourceInput, ...func(*sdk.Options)) (*sdk.ListTagsForResourceOutput, error)
}

type oneKey struct{}

func (oneKey) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if id != "AKIAROOT" {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return iam.AccessKey{ID: id, Secret: "secret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:root", Name: "root", Root: true}}, nil
}

type nobody struct{}

func (nobody) Authorize(context.Context, awsapi.Identity, string, []string) error { return nil }

// world is the service with its additive paths, over HTTP.
type world struct {
	t       *testing.T
	store   store.Store
	address string
	client  *sdk.Client
}

func newWorld(t *testing.T, st store.Store) *world {
	t.Helper()
	box, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	connections := connection.New(st, box, connection.Options{MaxConnections: 3})
	verifier := awsapi.NewVerifier(oneKey{}, awsapi.Place{})
	mux := awsapi.NewMux(awsapi.MuxOptions{Verifier: verifier})
	for _, s := range codeconnections.Services(connections, awsapi.Place{}) {
		mux.Add(s.APIs()...)
	}
	handler := &codeconnections.Handler{
		Store: connections, Place: awsapi.Place{}.WithDefaults(), Verifier: verifier, Authorizer: nobody{}, Log: slog.New(slog.DiscardHandler),
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, codeconnections.Prefix) {
			handler.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return &world{t: t, store: st, address: front.URL, client: sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &front.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAROOT", "secret", ""),
	})}
}

func refused(t *testing.T, err error, code, says string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("%v, want %s with %q", err, code, says)
	}
}

func TestConnectionsAndHosts(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		var c api = w.client
		ctx := t.Context()
		made, err := c.CreateConnection(ctx, &sdk.CreateConnectionInput{
			ConnectionName: aws.String("hub"), ProviderType: types.ProviderTypeGithub, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		})
		if err != nil || !strings.HasPrefix(*made.ConnectionArn, "arn:aws:codeconnections:us-east-1:000000000000:connection/") || len(made.Tags) != 1 {
			t.Fatalf("%+v, %v", made, err)
		}
		got, err := c.GetConnection(ctx, &sdk.GetConnectionInput{ConnectionArn: made.ConnectionArn})
		if err != nil || got.Connection.ConnectionStatus != types.ConnectionStatusPending || got.Connection.ProviderType != types.ProviderTypeGithub || *got.Connection.OwnerAccountId != "000000000000" {
			t.Errorf("%+v, %v", got, err)
		}
		// The older name of the service means the same connection.
		old := strings.Replace(*made.ConnectionArn, "codeconnections", "codestar-connections", 1)
		if got, err := c.GetConnection(ctx, &sdk.GetConnectionInput{ConnectionArn: &old}); err != nil || *got.Connection.ConnectionArn != *made.ConnectionArn {
			t.Errorf("%+v, %v", got, err)
		}

		host, err := c.CreateHost(ctx, &sdk.CreateHostInput{Name: aws.String("lab"), ProviderType: types.ProviderTypeGitlabSelfManaged, ProviderEndpoint: aws.String("https://lab.example.com/")})
		if err != nil || !strings.Contains(*host.HostArn, ":host/lab-") {
			t.Fatalf("%+v, %v", host, err)
		}
		if h, err := c.GetHost(ctx, &sdk.GetHostInput{HostArn: host.HostArn}); err != nil || *h.Status != "AVAILABLE" || *h.ProviderEndpoint != "https://lab.example.com" {
			t.Errorf("%+v, %v", h, err)
		}
		hosted, err := c.CreateConnection(ctx, &sdk.CreateConnectionInput{ConnectionName: aws.String("lab"), HostArn: host.HostArn})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.DeleteHost(ctx, &sdk.DeleteHostInput{HostArn: host.HostArn})
		refused(t, err, "ResourceUnavailableException", "Delete them first")
		if _, err := c.UpdateHost(ctx, &sdk.UpdateHostInput{HostArn: host.HostArn, ProviderEndpoint: aws.String("https://lab2.example.com")}); err != nil {
			t.Error(err)
		}
		list, err := c.ListConnections(ctx, &sdk.ListConnectionsInput{HostArnFilter: host.HostArn})
		if err != nil || len(list.Connections) != 1 || list.Connections[0].ProviderType != types.ProviderTypeGitlabSelfManaged {
			t.Errorf("%+v, %v", list, err)
		}
		page, err := c.ListConnections(ctx, &sdk.ListConnectionsInput{MaxResults: 1})
		if err != nil || len(page.Connections) != 1 || page.NextToken == nil {
			t.Fatalf("%+v, %v", page, err)
		}
		if page, err = c.ListConnections(ctx, &sdk.ListConnectionsInput{MaxResults: 1, NextToken: page.NextToken}); err != nil || len(page.Connections) != 1 || page.NextToken != nil {
			t.Errorf("%+v, %v", page, err)
		}
		if hosts, err := c.ListHosts(ctx, &sdk.ListHostsInput{}); err != nil || len(hosts.Hosts) != 1 {
			t.Errorf("%+v, %v", hosts, err)
		}

		if _, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: made.ConnectionArn, Tags: []types.Tag{{Key: aws.String("cost"), Value: aws.String("7")}}}); err != nil {
			t.Error(err)
		}
		if _, err := c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: made.ConnectionArn, TagKeys: []string{"team"}}); err != nil {
			t.Error(err)
		}
		if tags, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: made.ConnectionArn}); err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "cost" {
			t.Errorf("%+v, %v", tags, err)
		}
		for _, arn := range []*string{made.ConnectionArn, hosted.ConnectionArn} {
			if _, err := c.DeleteConnection(ctx, &sdk.DeleteConnectionInput{ConnectionArn: arn}); err != nil {
				t.Error(err)
			}
		}
		if _, err := c.DeleteHost(ctx, &sdk.DeleteHostInput{HostArn: host.HostArn}); err != nil {
			t.Error(err)
		}
		_, err = c.GetConnection(ctx, &sdk.GetConnectionInput{ConnectionArn: made.ConnectionArn})
		refused(t, err, "ResourceNotFoundException", *made.ConnectionArn)
	})
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	c, ctx := w.client, t.Context()
	name := aws.String("x")
	nowhere := aws.String("arn:aws:codeconnections:us-east-1:000000000000:host/none-1")
	for _, in := range []struct {
		in         sdk.CreateConnectionInput
		code, says string
	}{
		{sdk.CreateConnectionInput{ConnectionName: name}, "ValidationException", "Either ProviderType or HostArn"},
		{sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "GitHub", HostArn: nowhere}, "ValidationException", "Only one"},
		{sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "GitLabSelfManaged"}, "ValidationException", "needs a host"},
		{sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "AzureDevOps"}, "ValidationException", "ConveyorGit"},
		{sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "Gitea"}, "ValidationException", "enum value set"},
		{sdk.CreateConnectionInput{ConnectionName: name, HostArn: nowhere}, "ResourceNotFoundException", "none-1"},
		{sdk.CreateConnectionInput{ConnectionName: aws.String(strings.Repeat("x", 33)), ProviderType: "GitHub"}, "ValidationException", "32"},
		{sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "GitHub", Tags: []types.Tag{{Key: aws.String("ConveyorForge"), Value: aws.String("svn")}}}, "ValidationException", "gitea"},
	} {
		_, err := c.CreateConnection(ctx, &in.in)
		refused(t, err, in.code, in.says)
	}
	for range 3 {
		if _, err := c.CreateConnection(ctx, &sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "GitHub"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.CreateConnection(ctx, &sdk.CreateConnectionInput{ConnectionName: name, ProviderType: "GitHub"})
	refused(t, err, "LimitExceededException", "Delete one first")
	_, err = c.CreateHost(ctx, &sdk.CreateHostInput{Name: name, ProviderType: "GitHub", ProviderEndpoint: aws.String("https://x")})
	refused(t, err, "ValidationException", "Forgejo")
	_, err = c.CreateHost(ctx, &sdk.CreateHostInput{Name: name, ProviderType: "GitLabSelfManaged", ProviderEndpoint: aws.String("file:///x")})
	refused(t, err, "ValidationException", "http://")
	_, err = c.CreateRepositoryLink(ctx, &sdk.CreateRepositoryLinkInput{ConnectionArn: nowhere, OwnerId: name, RepositoryName: name})
	refused(t, err, "UnknownOperationException", "Repository links")
	_, err = c.DeleteConnection(ctx, &sdk.DeleteConnectionInput{ConnectionArn: aws.String("arn:aws:codeconnections:eu-west-1:000000000000:connection/x")})
	refused(t, err, "ResourceNotFoundException", "eu-west-1")
}

// call sends a signed request to an additive path.
func (w *world) call(method, path string, in any) (int, string) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequest(method, w.address+codeconnections.Prefix+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	keys := aws.Credentials{AccessKeyID: "AKIAROOT", SecretAccessKey: "secret"}
	if err := v4.NewSigner().SignHTTP(w.t.Context(), keys, r, awsapi.HashPayload(body), codeconnections.Name, "us-east-1", time.Now()); err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestAConnectionIsAuthorized(t *testing.T) {
	for _, kind := range []forge.Kind{forge.GitHub, forge.GitLab, forge.Gitea, forge.BitbucketServer} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, sqltest.SQLite(t))
			d := forgetest.New(kind, "t0ken")
			defer d.Server.Close()
			host, err := w.client.CreateHost(t.Context(), &sdk.CreateHostInput{Name: aws.String("own"), ProviderType: "GitHubEnterpriseServer", ProviderEndpoint: &d.Server.URL})
			if err != nil {
				t.Fatal(err)
			}
			c, err := w.client.CreateConnection(t.Context(), &sdk.CreateConnectionInput{ConnectionName: aws.String("x"), HostArn: host.HostArn})
			if err != nil {
				t.Fatal(err)
			}
			path := "authorizations/" + *c.ConnectionArn
			if status, text := w.call(http.MethodPut, path, connection.Authorization{Credentials: forge.Credentials{Token: "wr0ng"}}); status != 400 || !strings.Contains(text, "does not accept") || strings.Contains(text, "wr0ng") {
				t.Errorf("%d %s", status, text)
			}
			status, text := w.call(http.MethodPut, path, connection.Authorization{Credentials: forge.Credentials{Token: "t0ken"}})
			if status != 200 || !strings.Contains(text, `"software":"`+string(kind)+`"`) || strings.Contains(text, "t0ken") {
				t.Errorf("%d %s", status, text)
			}
			got, err := w.client.GetConnection(t.Context(), &sdk.GetConnectionInput{ConnectionArn: c.ConnectionArn})
			if err != nil || got.Connection.ConnectionStatus != types.ConnectionStatusAvailable {
				t.Errorf("%+v, %v", got, err)
			}
			// A host that moves does not take the token along.
			if _, err := w.client.UpdateHost(t.Context(), &sdk.UpdateHostInput{HostArn: host.HostArn, ProviderEndpoint: aws.String("https://thief.example.com")}); err != nil {
				t.Fatal(err)
			}
			if got, err = w.client.GetConnection(t.Context(), &sdk.GetConnectionInput{ConnectionArn: c.ConnectionArn}); err != nil || got.Connection.ConnectionStatus != types.ConnectionStatusPending {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestLogins(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	good := map[string]string{"user": "robot", "password": "s3cret", "for": "https://svn.example.com/team"}
	if status, text := w.call(http.MethodPut, "logins/svn", good); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	status, text := w.call(http.MethodGet, "logins", nil)
	if status != 200 || !strings.Contains(text, `"name":"svn"`) || strings.Contains(text, "s3cret") {
		t.Errorf("%d %s", status, text)
	}
	for what, l := range map[string]map[string]string{
		"no password": {"user": "a", "for": "https://x"}, "no url": {"password": "a"}, "a file": {"password": "a", "for": "file:///"}, "odd": {"password": "a", "for": "https://x", "more": "b"},
		"two lines": {"password": "a\nb", "for": "https://x"},
	} {
		if status, text := w.call(http.MethodPut, "logins/bad", l); status != 400 {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	for _, want := range []int{200, 400} {
		if status, text := w.call(http.MethodDelete, "logins/svn", nil); status != want {
			t.Errorf("%d %s", status, text)
		}
	}
	if status, _ := w.call(http.MethodPost, "logins/svn", good); status != http.StatusMethodNotAllowed {
		t.Error(status)
	}
	resp, err := http.Get(w.address + codeconnections.Prefix + "logins")
	if err != nil || resp.StatusCode == http.StatusOK {
		t.Errorf("unsigned: %v, %v", resp, err)
	}
	resp.Body.Close()
}
