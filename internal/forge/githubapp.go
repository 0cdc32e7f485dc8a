package forge

import (
	"context"
	"crypto/rsa"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// githubApp signs in as a GitHub App: a JSON Web Token made with its private key gets tokens of an hour for each of its
// installations.
type githubApp struct {
	api
	id, installation string
	key              *rsa.PrivateKey

	mu     sync.Mutex
	tokens map[string]installationToken // by installation
	where  map[string]string            // installations by the owner of repositories
}

type installationToken struct {
	text    string
	expires time.Time
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(text))
	if err != nil {
		return nil, errors.New("the app's private key is not an RSA key in PEM, as GitHub hands it out")
	}
	return key, nil
}

func newGitHubApp(a api, c Credentials) *githubApp {
	key, _ := parseKey(c.PrivateKey) // checked before
	app := &githubApp{api: a, id: c.AppID, installation: c.InstallationID, key: key, tokens: map[string]installationToken{}, where: map[string]string{}}
	app.sign = app.signAsApp
	return app
}

// signAsApp signs a request as the app itself. GitHub takes tokens of ten minutes at most, and its clock may be behind.
func (p *githubApp) signAsApp(_ context.Context, r *http.Request) error {
	now := p.now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: p.id, IssuedAt: jwt.NewNumericDate(now.Add(-time.Minute)), ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute)),
	}).SignedString(p.key)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+text)
	return nil
}

func (p *githubApp) whoami(ctx context.Context) (string, error) {
	var app struct {
		Slug string `json:"slug"`
	}
	err := p.do(ctx, http.MethodGet, "/app", nil, &app)
	return app.Slug + "[bot]", err
}

// token is a token for the installation that reaches a repository; one that is about to expire is replaced.
func (p *githubApp) token(ctx context.Context, name string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	installation, err := p.installationOf(ctx, name)
	if err != nil {
		return "", err
	}
	if t := p.tokens[installation]; t.expires.After(p.now().Add(5 * time.Minute)) {
		return t.text, nil
	}
	var made struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := p.do(ctx, http.MethodPost, path("app", "installations", installation, "access_tokens"), nil, &made); err != nil {
		return "", err
	}
	p.tokens[installation] = installationToken{made.Token, made.ExpiresAt}
	return made.Token, nil
}

func (p *githubApp) installationOf(ctx context.Context, name string) (string, error) {
	if p.installation != "" {
		return p.installation, nil
	}
	owner, _, _ := strings.Cut(name, "/")
	if id, ok := p.where[owner]; ok {
		return id, nil
	}
	var found struct {
		ID int64 `json:"id"`
	}
	if err := p.do(ctx, http.MethodGet, ofRepository("/repos", name, "installation"), nil, &found); err != nil {
		return "", err
	}
	p.where[owner] = strconv.FormatInt(found.ID, 10)
	return p.where[owner], nil
}
