package remote

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errors of webhooks; test with errors.Is.
var (
	ErrNoWebhook     = errors.New("there is no webhook for this project")
	ErrWebhookExists = errors.New("there is a webhook for this project already")
)

// ForgeError says that a forge did not do what a webhook needs.
type ForgeError struct{ Message string }

func (e *ForgeError) Error() string { return e.Message }

// place is where a webhook's repository lies.
type place struct {
	Kind       forge.Kind `json:"kind"`
	Repository string     `json:"repository"`
}

// hook is a webhook as it is stored.
type hook struct {
	project  string
	token    string // sealed
	secret   string // sealed
	webhook  types.Webhook
	remoteID string
	place    place
}

const (
	tokenPurpose  = "build webhook token"
	secretPurpose = "build webhook secret"
	selectHook    = `SELECT project, token, secret, body, remote_id, place FROM build_webhooks `
)

func scanHook(row interface{ Scan(...any) error }) (hook, error) {
	var h hook
	var body, at string
	err := row.Scan(&h.project, &h.token, &h.secret, &body, &h.remoteID, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return h, ErrNoWebhook
	}
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(body), &h.webhook), json.Unmarshal([]byte(at), &h.place))
	}
	return h, err
}

func (s *Service) hookOf(ctx context.Context, project string) (h hook, err error) {
	err = s.o.Store.Read(ctx, func(r store.Reader) error {
		h, err = scanHook(r.QueryRow(ctx, selectHook+`WHERE project = $1`, project))
		return err
	})
	return h, err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Webhook is the webhook of a project, without its secret. ErrNoWebhook.
func (s *Service) Webhook(ctx context.Context, project string) (types.Webhook, error) {
	h, err := s.hookOf(ctx, project)
	if err != nil {
		return types.Webhook{}, err
	}
	return s.shown(h)
}

// shown is a webhook as it is shown, with the address it is posted to.
func (s *Service) shown(h hook) (types.Webhook, error) {
	token, err := s.o.Box.Open(h.token, tokenPurpose)
	h.webhook.PayloadUrl = aws.String(s.o.PublicURL + Prefix + string(token))
	return h.webhook, err
}

// checkWebhook refuses what this server cannot do. *build.InvalidError.
func checkWebhook(w *types.Webhook) error {
	switch policy := w.PullRequestBuildPolicy; {
	case w.ScopeConfiguration != nil:
		return build.Invalidf("scopeConfiguration is not supported by this server, whose webhooks are of single repositories: make a project with a webhook for each repository of %s", aws.ToString(w.ScopeConfiguration.Name))
	case w.BuildType != "" && w.BuildType != types.WebhookBuildTypeBuild && w.BuildType != types.WebhookBuildTypeBuildBatch:
		return build.Invalidf("buildType %s is not supported by this server; use BUILD or BUILD_BATCH", w.BuildType)
	case policy != nil && policy.RequiresCommentApproval != types.PullRequestBuildCommentApprovalDisabled:
		return build.Invalidf("pullRequestBuildPolicy: comment approval is not supported by this server, where pull requests from forks start no builds; use DISABLED")
	}
	return checkFilters(w.FilterGroups, aws.ToString(w.BranchFilter))
}

// CreateWebhook makes a webhook for a project's primary source and registers it at the forge, unless it is to be registered
// by hand. The answer, alone, holds the secret. ErrNoProject, ErrWebhookExists, *ForgeError, *build.InvalidError.
func (s *Service) CreateWebhook(ctx context.Context, project string, w types.Webhook) (types.Webhook, error) {
	if err := checkWebhook(&w); err != nil {
		return w, err
	}
	p, err := s.builds.Project(ctx, project)
	if err != nil {
		return w, err
	}
	if !build.IsRemote(p.Source.Type) {
		return w, build.Invalidf("a webhook needs a source at a forge, and that of %s is of type %s; to build a hosted repository's pushes make a rule of EventBridge whose target is the project", project, p.Source.Type)
	}
	find := s.forge
	if aws.ToBool(w.ManualCreation) { // whoever registers it sees to it that it can be reached
		find = s.signedIn
	}
	f, at, err := find(ctx, p.Source)
	if err == nil {
		err = checkKind(w.FilterGroups, at.Kind)
	}
	if err != nil {
		return w, err
	}
	token, secret := rand.Text(), rand.Text()
	h := hook{project: project, place: at, webhook: w}
	h.webhook.LastModifiedSecret, h.webhook.Status = aws.Time(time.Now().UTC().Truncate(time.Second)), types.WebhookStatusActive
	if h.token, err = s.o.Box.Seal([]byte(token), tokenPurpose); err == nil {
		h.secret, err = s.o.Box.Seal([]byte(secret), secretPurpose)
	}
	if err == nil {
		err = s.insertHook(ctx, h, digest(token))
	}
	if err != nil {
		return w, err
	}
	if err := s.register(ctx, f, &h, token, secret); err != nil {
		return w, errors.Join(err, s.dropHook(ctx, project))
	}
	shown, err := s.shown(h)
	shown.Secret = aws.String(secret)
	return shown, err
}

func (s *Service) insertHook(ctx context.Context, h hook, address string) error {
	body, err := json.Marshal(h.webhook)
	if err != nil {
		return err
	}
	at, err := json.Marshal(h.place)
	if err != nil {
		return err
	}
	return s.o.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO build_webhooks (project, address, token, secret, body, remote_id, place, refused)
			VALUES ($1, $2, $3, $4, $5, '', $6, '') ON CONFLICT (project) DO NOTHING`,
			h.project, address, h.token, h.secret, string(body), string(at))
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrWebhookExists, h.project)
		}
		return err
	})
}

// register makes the forge post to a webhook, and notes its name for that.
func (s *Service) register(ctx context.Context, f forge.Forge, h *hook, token, secret string) error {
	if aws.ToBool(h.webhook.ManualCreation) {
		return nil
	}
	if f == nil {
		return &ForgeError{"There are no credentials to register the webhook with. Give them with aws codebuild import-source-credentials or a connection, or set manualCreation and register payloadUrl and secret yourself"}
	}
	id, err := f.EnsureHook(ctx, h.place.Repository, forge.Hook{URL: s.o.PublicURL + Prefix + token, Secret: secret, Releases: wantsReleases(&h.webhook)})
	if err != nil {
		return &ForgeError{"The forge does not register the webhook: " + err.Error()}
	}
	h.remoteID = id
	return s.saveHook(ctx, *h)
}

func (s *Service) saveHook(ctx context.Context, h hook) error {
	body, err := json.Marshal(h.webhook)
	if err != nil {
		return err
	}
	return s.o.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE build_webhooks SET secret = $2, body = $3, remote_id = $4 WHERE project = $1`, h.project, h.secret, string(body), h.remoteID)
		if err == nil && n == 0 {
			err = ErrNoWebhook
		}
		return err
	})
}

// UpdateWebhook changes filters and build type, and with rotate the secret, which the answer holds then. The forge is told
// what it has to know of that. ErrNoWebhook,
// *ForgeError, *build.InvalidError.
func (s *Service) UpdateWebhook(ctx context.Context, project string, change func(*types.Webhook), rotate bool) (types.Webhook, error) {
	h, err := s.hookOf(ctx, project)
	if err != nil {
		return types.Webhook{}, err
	}
	told := wantsReleases(&h.webhook)
	change(&h.webhook)
	if err := errors.Join(checkWebhook(&h.webhook), checkKind(h.webhook.FilterGroups, h.place.Kind)); err != nil {
		return types.Webhook{}, err
	}
	secret := ""
	if rotate || told != wantsReleases(&h.webhook) && !aws.ToBool(h.webhook.ManualCreation) {
		if secret, err = s.registerAgain(ctx, &h, rotate); err != nil {
			return types.Webhook{}, err
		}
	}
	if err := s.saveHook(ctx, h); err != nil {
		return types.Webhook{}, err
	}
	shown, err := s.shown(h)
	if rotate {
		shown.Secret = aws.String(secret)
	}
	return shown, err
}

// registerAgain tells the forge how a webhook is now, with rotate under another secret.
func (s *Service) registerAgain(ctx context.Context, h *hook, rotate bool) (secret string, err error) {
	token, err := s.o.Box.Open(h.token, tokenPurpose)
	if err != nil {
		return "", err
	}
	p, err := s.builds.Project(ctx, h.project)
	if err != nil {
		return "", err
	}
	f, _, err := s.forge(ctx, p.Source)
	if err != nil {
		return "", err
	}
	if !rotate {
		now, err := s.o.Box.Open(h.secret, secretPurpose)
		if err != nil {
			return "", err
		}
		return string(now), s.register(ctx, f, h, string(token), string(now))
	}
	secret = rand.Text()
	if h.secret, err = s.o.Box.Seal([]byte(secret), secretPurpose); err != nil {
		return "", err
	}
	h.webhook.LastModifiedSecret = aws.Time(time.Now().UTC().Truncate(time.Second))
	return secret, s.register(ctx, f, h, string(token), secret)
}

// DeleteWebhook removes a webhook, here and, if it can be, at the forge. ErrNoWebhook.
func (s *Service) DeleteWebhook(ctx context.Context, project string) error {
	h, err := s.hookOf(ctx, project)
	if err != nil {
		return err
	}
	if h.remoteID != "" {
		if err := s.unregister(ctx, h); err != nil {
			s.o.Log.Warn("a webhook could not be removed at the forge; it is answered with 404 from now on", "project", project, "error", err)
		}
	}
	return s.dropHook(ctx, project)
}

func (s *Service) unregister(ctx context.Context, h hook) error {
	p, err := s.builds.Project(ctx, h.project)
	if err != nil {
		return err
	}
	f, at, err := s.forge(ctx, p.Source)
	if err == nil && (f == nil || at != h.place) {
		err = errors.New("the project's source is another one now")
	}
	if err != nil {
		return err
	}
	return f.DeleteHook(ctx, h.place.Repository, h.remoteID)
}

func (s *Service) dropHook(ctx context.Context, project string) error {
	return s.o.Store.InTx(ctx, func(tx store.Tx) error {
		for _, table := range []string{"build_webhook_events", "build_webhook_deliveries", "build_webhooks"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE project = $1`, project); err != nil {
				return err
			}
		}
		return nil
	})
}

// kinds are the forges that sources lie at when nothing else says so.
var kinds = map[types.SourceType]forge.Kind{
	types.SourceTypeGithub: forge.GitHub, types.SourceTypeGitlab: forge.GitLab, types.SourceTypeGitlabSelfManaged: forge.GitLab, types.SourceTypeBitbucket: forge.Bitbucket,
}

// forge is signedIn for a forge that is to post to this server.
func (s *Service) forge(ctx context.Context, src *types.ProjectSource) (forge.Forge, place, error) {
	if location := aws.ToString(src.Location); isLoopback(s.o.PublicURL) && !isLoopback(location) {
		return nil, place{}, &ForgeError{fmt.Sprintf("The server of %s cannot reach this one at %s: set --public-url to an address that it can reach", location, s.o.PublicURL)}
	}
	return s.signedIn(ctx, src)
}

// signedIn is the forge that a source lies at, nil when there is nothing to sign in there with, and where the source is there.
func (s *Service) signedIn(ctx context.Context, src *types.ProjectSource) (forge.Forge, place, error) {
	location := aws.ToString(src.Location)
	at := place{Kind: kinds[src.Type], Repository: RepositoryName(location)}
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(u.Scheme, "http") {
		return nil, at, build.Invalidf("a webhook needs a source with an https:// address, and %s has none", location)
	}
	g, ok, err := s.auth(ctx, src)
	if err != nil {
		return nil, at, refusal(err)
	}
	if ok && g.Auth == types.AuthTypeCodeconnections {
		f, err := s.forgeOf(ctx, g.Token, src)
		if err != nil {
			return nil, at, refusal(err)
		}
		at.Kind = f.Kind()
		return f, at, nil
	}
	endpoint := u.Scheme + "://" + u.Host
	if at.Kind == "" {
		if at.Kind, err = forge.Probe(ctx, endpoint, s.o.Forge); err != nil {
			return nil, at, &ForgeError{err.Error()}
		}
	}
	if host := clouds[src.Type]; !ok || host != "" && !isAt(location, "https", host) {
		return nil, at, nil
	}
	f, err := forge.Open(at.Kind, endpoint, forge.Credentials{User: g.User, Token: g.Token}, s.o.Forge)
	return f, at, refusal(err)
}

// refusal tells whoever makes a webhook what a build would be told.
func refusal(err error) error {
	if f, ok := errors.AsType[*build.Failure](err); ok {
		return &ForgeError{f.Message}
	}
	if errors.Is(err, connection.ErrPending) {
		return &ForgeError{err.Error()}
	}
	return err
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}
