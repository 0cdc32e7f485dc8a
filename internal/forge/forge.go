// Package forge speaks with the servers that host other people's repositories: GitHub, GitLab, Bitbucket, Gitea and
// Forgejo, in the cloud or on a host of one's own. It knows the few calls that a pipeline needs, and reads the webhooks
// they send. It keeps nothing.
package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Kind is a forge's software.
type Kind string

// The kinds. Forgejo speaks Gitea's API.
const (
	GitHub          Kind = "github"
	GitLab          Kind = "gitlab"
	Bitbucket       Kind = "bitbucket"        // bitbucket.org
	BitbucketServer Kind = "bitbucket-server" // Bitbucket Data Center
	Gitea           Kind = "gitea"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{GitHub, GitLab, Bitbucket, BitbucketServer, Gitea} }

// Errors a Forge reports; test with errors.Is. Their text says what the forge said.
var (
	// ErrNotFound: the repository, branch or hook does not exist, or the credentials may not see it.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the credentials are wrong, have expired, or lack a permission.
	ErrDenied = errors.New("access denied")
	// ErrUnavailable: the forge cannot be reached, fails, or asks for patience. Trying again later helps.
	ErrUnavailable = errors.New("not available now")
)

// Forge is one forge, seen with one set of credentials. Repositories have the names people give them there: OWNER/NAME,
// on GitLab with the groups in front, on Bitbucket Server PROJECT/NAME. All methods may be called from many goroutines,
// and every one of them may be called again after it failed or was cut off.
type Forge interface {
	Kind() Kind
	// Whoami asks whether the credentials are accepted, and as whom.
	Whoami(ctx context.Context) (string, error)
	// Repository finds a repository. ErrNotFound, ErrDenied.
	Repository(ctx context.Context, name string) (Repository, error)
	// Head is the id of the commit at the tip of a branch. ErrNotFound.
	Head(ctx context.Context, name, branch string) (string, error)
	// EnsureHook makes the forge post the events of a repository to h.URL, and returns the hook's id. A hook for that URL
	// that is there already is replaced.
	EnsureHook(ctx context.Context, name string, h Hook) (id string, err error)
	// DeleteHook removes a hook. One that is gone is fine.
	DeleteHook(ctx context.Context, name, id string) error
	// SetStatus shows on a commit how something stands. The newest of one context counts.
	SetStatus(ctx context.Context, name, commit string, s Status) error
	// PullRequestFiles lists the paths that a pull request changes, at most limit.
	PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error)
	// CommitURL is where a person looks at a commit.
	CommitURL(name, commit string) string
	// Login is how git signs in over HTTPS to read a repository.
	Login(ctx context.Context, name string) (Login, error)
}

// Repository is a repository of a forge.
type Repository struct {
	Name          string // as the forge spells it
	CloneURL      string // over HTTP or HTTPS, without credentials
	WebURL        string
	DefaultBranch string
}

// Hook is what is to be registered.
type Hook struct {
	URL      string
	Secret   string
	Releases bool // they are posted, too, by forges that know them (TellsReleases)
}

// TellsReleases says whether a kind of forge posts releases, and whether it tells pre-releases from them.
func TellsReleases(kind Kind) (releases, prereleases bool) {
	return kind == GitHub || kind == Gitea || kind == GitLab, kind == GitHub || kind == Gitea
}

// State is how something stands.
type State string

// The states.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure"
)

// Status is shown on a commit.
type Status struct {
	State       State
	Context     string // what stands so; the newest status of a context counts
	Description string
	URL         string // where to read more
}

// Login is a user and a password for git.
type Login struct{ User, Password string }

// Credentials are how this server signs in at a forge: a token, or a GitHub App.
type Credentials struct {
	User  string `json:"user,omitempty"` // with Token: sign in as this user with the token as password (Bitbucket's API tokens)
	Token string `json:"token,omitempty"`

	AppID          string `json:"appId,omitempty"`
	InstallationID string `json:"installationId,omitempty"` // of the app; empty: found by the repository
	PrivateKey     string `json:"privateKey,omitempty"`     // PEM
}

// Check says what is wrong with credentials for a kind of forge.
func (c Credentials) Check(kind Kind) error {
	app := c.AppID != "" || c.PrivateKey != ""
	switch {
	case app && kind != GitHub:
		return fmt.Errorf("apps are GitHub's: give a token for %s", kind)
	case app && (c.AppID == "" || c.PrivateKey == ""):
		return errors.New("a GitHub App needs both its id and its private key")
	case app && c.Token != "":
		return errors.New("give either a token or an app, not both")
	case app:
		_, err := parseKey(c.PrivateKey)
		return err
	case c.Token == "":
		return errors.New("a token is needed")
	case strings.ContainsAny(c.Token+c.User, "\r\n\x00") || strings.Contains(c.User, ":"):
		return errors.New("the token or the user has a character that cannot be sent")
	}
	return nil
}

// Options tune Open. The zero value is ready to use.
type Options struct {
	// Transport carries requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds each request; default 30 s.
	Timeout time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// cloud is where the forges that everybody shares are.
var cloud = map[Kind]string{GitHub: "https://github.com", GitLab: "https://gitlab.com", Bitbucket: "https://bitbucket.org"}

// Endpoint is where a kind of forge is when nobody says otherwise; "" for software that has no such place.
func Endpoint(kind Kind) string { return cloud[kind] }

// Open makes a Forge. endpoint is what people open in their browser; "" is the cloud's. Nothing is asked of it yet.
func Open(kind Kind, endpoint string, c Credentials, o Options) (Forge, error) {
	if err := c.Check(kind); err != nil {
		return nil, err
	}
	if endpoint == "" {
		endpoint = cloud[kind]
	}
	base, err := CheckEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := api{client: newClient(o), now: o.Now, who: kind}
	switch kind {
	case GitHub:
		return newGitHub(a, base, c), nil
	case GitLab:
		return newGitLab(a, base, c), nil
	case Bitbucket:
		return newBitbucket(a, base, c), nil
	case BitbucketServer:
		return newBitbucketServer(a, base, c), nil
	case Gitea:
		return newGitea(a, base, c), nil
	}
	return nil, fmt.Errorf("%q is no forge this server knows; it knows %v", kind, Kinds())
}

// CheckEndpoint returns an endpoint without a slash at its end, or what is wrong with it.
func CheckEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("%q is not the http:// or https:// address of a forge", endpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the address of a forge has neither user nor query; give the token by itself")
	}
	return strings.TrimRight(endpoint, "/"), nil
}

// CheckName says whether name can be a repository's at a kind of forge.
func CheckName(kind Kind, name string) error {
	parts := strings.Split(name, "/")
	if len(parts) < 2 || len(parts) > 2 && kind != GitLab {
		return fmt.Errorf("%q is not the full name of a repository: OWNER/NAME%s", name, map[bool]string{true: ", with the groups in front"}[kind == GitLab])
	}
	if slices.ContainsFunc(parts, func(p string) bool { return p == "" || p == "." || p == ".." }) || len(name) > 400 {
		return fmt.Errorf("%q is not the full name of a repository", name)
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`?#%\:"<>|`, r) {
			return fmt.Errorf("%q is not the full name of a repository: it has the character %q", name, r)
		}
	}
	return nil
}

// path joins a path of an API. Every part is escaped, with its slashes.
func path(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/")
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// ofRepository is the path of OWNER/NAME below a prefix.
func ofRepository(prefix, name string, rest ...string) string {
	owner, repo, _ := strings.Cut(name, "/")
	return prefix + path(append([]string{owner, repo}, rest...)...)
}
