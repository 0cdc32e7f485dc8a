// Package forgetest is a stand-in for the forges' REST APIs: the calls that package forge makes, answered as their
// documentation says, and the webhooks they send, in the shape it gives.
package forgetest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/conveyor-cd/conveyor/internal/forge"
)

// Double is one forge with some repositories. Its fields may be changed under Lock.
type Double struct {
	sync.Mutex
	Kind   forge.Kind
	Server *httptest.Server
	Token  string         // that is accepted
	App    *rsa.PublicKey // GitHub: the key of the app 7, whose installation 42 is everywhere
	Repos  map[string]*Repo
	Broken int // how many calls will be answered with 503 first
	Calls  []string
	// Git serves what is no call of the API, such as the repositories themselves. See ServeGit.
	Git http.Handler

	lastID int
	apiMux *http.ServeMux
}

// ServeGit sets Git. The clients of a double are other processes: only its lock orders what a test has made before they ask.
func (d *Double) ServeGit(h http.Handler) {
	d.Lock()
	defer d.Unlock()
	d.Git = h
}

// Repo is a repository of a Double.
type Repo struct {
	CloneURL string
	Branches map[string]string
	Hooks    map[string]Hook
	Statuses []Status
	Files    map[string][]string // of pull requests
}

// Hook is what was registered: the document that was sent.
type Hook struct {
	URL, Secret string
	Document    map[string]any
}

// Status is a status as it was posted, in the forge's own words.
type Status struct{ Commit, State, Context, Description, URL string }

// New starts a Double. Close its Server.
func New(kind forge.Kind, token string) *Double {
	d := &Double{Kind: kind, Token: token, Repos: map[string]*Repo{}, apiMux: http.NewServeMux()}
	map[forge.Kind]func(*Double){
		forge.GitHub: github, forge.Gitea: gitea, forge.GitLab: gitlab, forge.Bitbucket: bitbucket, forge.BitbucketServer: bitbucketServer,
	}[kind](d)
	d.Server = httptest.NewServer(d)
	return d
}

// Add makes a repository.
func (d *Double) Add(name, cloneURL string, branches map[string]string) *Repo {
	d.Lock()
	defer d.Unlock()
	r := &Repo{CloneURL: cloneURL, Branches: branches, Hooks: map[string]Hook{}, Files: map[string][]string{}}
	d.Repos[name] = r
	return r
}

// Only is the name of the only repository.
func (d *Double) Only() string {
	d.Lock()
	defer d.Unlock()
	return d.anyRepo()
}

// ServeHTTP implements http.Handler.
func (d *Double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, pattern := d.apiMux.Handler(r); pattern != "" {
		d.Lock()
		defer d.Unlock()
		d.Calls = append(d.Calls, r.Method+" "+r.URL.Path)
		if d.Broken > 0 {
			d.Broken--
			http.Error(w, `{"message": "try again"}`, http.StatusServiceUnavailable)
			return
		}
		_ = h
		d.apiMux.ServeHTTP(w, r)
		return
	}
	d.Lock()
	git := d.Git
	d.Unlock()
	if git != nil {
		git.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}

// open adds a call that needs no credentials.
func (d *Double) open(pattern string, f func(r *http.Request) (int, any)) {
	d.apiMux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		status, body := f(r)
		answer(w, status, body)
	})
}

// call adds a call that needs the token.
func (d *Double) call(pattern string, f func(r *http.Request) (int, any)) {
	d.open(pattern, func(r *http.Request) (int, any) {
		if !d.allowed(r) {
			return http.StatusUnauthorized, map[string]string{"message": map[bool]string{true: "401 Unauthorized", false: "Bad credentials"}[d.Kind == forge.GitLab]}
		}
		return f(r)
	})
}

func (d *Double) allowed(r *http.Request) bool {
	if _, password, ok := r.BasicAuth(); ok {
		return password == d.Token
	}
	scheme := map[bool]string{true: "token ", false: "Bearer "}[d.Kind == forge.Gitea]
	return r.Header.Get("Authorization") == scheme+d.Token
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	switch b := body.(type) {
	case nil:
	case string:
		_, _ = io.WriteString(w, b)
	default:
		_ = json.NewEncoder(w).Encode(b)
	}
}

// of adds a call about a repository. name reads its name off the request.
func (d *Double) of(pattern string, name func(*http.Request) string, f func(r *http.Request, repo *Repo) (int, any)) {
	d.call(pattern, func(r *http.Request) (int, any) {
		repo, ok := d.Repos[name(r)]
		if !ok {
			return http.StatusNotFound, map[string]string{"message": "Not Found"}
		}
		return f(r, repo)
	})
}

func twoParts(r *http.Request) string { return r.PathValue("owner") + "/" + r.PathValue("repo") }

type object = map[string]any

func read(r *http.Request) object {
	var o object
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		return nil
	}
	return o
}

func text(o object, path ...string) string {
	for _, p := range path[:len(path)-1] {
		o, _ = o[p].(object)
	}
	s, _ := o[path[len(path)-1]].(string)
	return s
}

func (d *Double) nextID() int {
	d.lastID++
	return d.lastID
}

// hooks adds the calls about hooks. secret and shape say where the document has its URL and secret and what an answer
// looks like.
func (d *Double) hooks(base string, name func(*http.Request) string, replace string, url, secret []string, list func([]object) any, id func(int) any) {
	show := func(key string, h Hook) object {
		n, _ := strconv.Atoi(key)
		o := object{"id": n}
		if s, ok := id(n).(string); ok {
			o = object{"uuid": s}
		}
		for k, v := range h.Document {
			o[k] = v
		}
		return o
	}
	put := func(r *http.Request, repo *Repo, key string) (int, any) {
		doc := read(r)
		h := Hook{URL: text(doc, url...), Secret: text(doc, secret...), Document: doc}
		if h.URL == "" || h.Secret == "" || !wellFormed(d.Kind, doc) {
			return http.StatusUnprocessableEntity, object{"message": "Validation Failed"}
		}
		repo.Hooks[key] = h
		return 0, show(key, h)
	}
	d.of("GET "+base, name, func(r *http.Request, repo *Repo) (int, any) {
		var all []object
		if p := r.URL.Query().Get("page"); p == "" || p == "1" {
			for _, key := range sorted(repo.Hooks) {
				all = append(all, show(key, repo.Hooks[key]))
			}
		}
		return http.StatusOK, list(all)
	})
	d.of("POST "+base, name, func(r *http.Request, repo *Repo) (int, any) {
		status, body := put(r, repo, strconv.Itoa(d.nextID()))
		if status == 0 {
			status = http.StatusCreated
		}
		return status, body
	})
	key := func(r *http.Request, repo *Repo) string {
		for k := range repo.Hooks {
			n, _ := strconv.Atoi(k)
			if fmt.Sprint(id(n)) == r.PathValue("id") {
				return k
			}
		}
		return ""
	}
	d.of(replace+" "+base+"/{id}", name, func(r *http.Request, repo *Repo) (int, any) {
		k := key(r, repo)
		if k == "" {
			return http.StatusNotFound, nil
		}
		status, body := put(r, repo, k)
		if status == 0 {
			status = http.StatusOK
		}
		return status, body
	})
	d.of("DELETE "+base+"/{id}", name, func(r *http.Request, repo *Repo) (int, any) {
		k := key(r, repo)
		if k == "" {
			return http.StatusNotFound, object{"message": "Not Found"}
		}
		delete(repo.Hooks, k)
		return http.StatusNoContent, nil
	})
}

// wellFormed checks what a forge's documentation asks of a hook.
func wellFormed(kind forge.Kind, doc object) bool {
	events, _ := doc["events"].([]any)
	if kind == forge.GitLab {
		return doc["push_events"] == true && doc["tag_push_events"] == true && doc["merge_requests_events"] == true
	}
	return len(events) > 0 && doc["active"] == true
}

func sorted[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func plainID(n int) any { return n }

func bare(list []object) any {
	if list == nil {
		return []object{}
	}
	return list
}

func valued(list []object) any { return object{"values": bare(list), "isLastPage": true} }

func (d *Double) status(pattern string, name func(*http.Request) string, commit string, states map[string]bool, context string) {
	d.of(pattern, name, func(r *http.Request, repo *Repo) (int, any) {
		doc := read(r)
		url := text(doc, "url")
		if url == "" {
			url = text(doc, "target_url")
		}
		s := Status{r.PathValue(commit), text(doc, "state"), text(doc, context), text(doc, "description"), url}
		if !states[s.State] || s.Context == "" || len(s.Description) > 255 || len(s.Commit) != 40 {
			return http.StatusUnprocessableEntity, object{"message": "Validation Failed"}
		}
		repo.Statuses = append(repo.Statuses, s)
		return http.StatusCreated, doc
	})
}

func words(list ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range list {
		m[w] = true
	}
	return m
}

// githubLike adds what GitHub and Gitea have in common.
func githubLike(d *Double, base string, commit func(id string) object) {
	d.call("GET "+base+"/user", func(*http.Request) (int, any) { return http.StatusOK, object{"login": "robot"} })
	repo := base + "/repos/{owner}/{repo}"
	d.of("GET "+repo, twoParts, func(r *http.Request, p *Repo) (int, any) {
		return http.StatusOK, object{"full_name": twoParts(r), "clone_url": p.CloneURL, "html_url": d.Server.URL + "/" + twoParts(r), "default_branch": "main"}
	})
	d.of("GET "+repo+"/branches/{branch}", twoParts, func(r *http.Request, p *Repo) (int, any) {
		id, ok := p.Branches[r.PathValue("branch")]
		if !ok {
			return http.StatusNotFound, object{"message": "Branch not found"}
		}
		return http.StatusOK, object{"name": r.PathValue("branch"), "commit": commit(id)}
	})
	d.hooks(repo+"/hooks", twoParts, "PATCH", []string{"config", "url"}, []string{"config", "secret"}, bare, plainID)
	d.status("POST "+repo+"/statuses/{sha}", twoParts, "sha", words("pending", "success", "failure", "error"), "context")
	d.of("GET "+repo+"/pulls/{number}/files", twoParts, func(r *http.Request, p *Repo) (int, any) {
		list := []object{}
		if page := r.URL.Query().Get("page"); page == "" || page == "1" {
			for _, f := range p.Files[r.PathValue("number")] {
				list = append(list, object{"filename": f, "status": "modified"})
			}
		}
		return http.StatusOK, list
	})
}

func github(d *Double) {
	const base = "/api/v3"
	d.open("GET "+base+"/meta", func(*http.Request) (int, any) { return http.StatusOK, object{"installed_version": "3.13.0"} })
	githubLike(d, base, func(id string) object { return object{"sha": id} })
	d.asApp("GET "+base+"/app", func(*http.Request) (int, any) { return http.StatusOK, object{"slug": "conveyor"} })
	d.asApp("GET "+base+"/repos/{owner}/{repo}/installation", func(r *http.Request) (int, any) {
		if d.Repos[twoParts(r)] == nil {
			return http.StatusNotFound, object{"message": "Not Found"}
		}
		return http.StatusOK, object{"id": 42}
	})
	d.asApp("POST "+base+"/app/installations/{id}/access_tokens", func(r *http.Request) (int, any) {
		if r.PathValue("id") != "42" {
			return http.StatusNotFound, object{"message": "Not Found"}
		}
		return http.StatusCreated, object{"token": d.Token, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	})
}

// asApp adds a call that needs a token signed with the app's key.
func (d *Double) asApp(pattern string, f func(r *http.Request) (int, any)) {
	d.open(pattern, func(r *http.Request) (int, any) {
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return d.App, nil },
			jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("7"), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
		if err != nil || d.App == nil {
			return http.StatusUnauthorized, object{"message": "A JSON web token could not be decoded"}
		}
		return f(r)
	})
}

func gitea(d *Double) {
	const base = "/api/v1"
	d.open("GET "+base+"/version", func(*http.Request) (int, any) { return http.StatusOK, object{"version": "1.22.0"} })
	githubLike(d, base, func(id string) object { return object{"id": id} })
}

func gitlab(d *Double) {
	const base = "/api/v4"
	name := func(r *http.Request) string { return r.PathValue("project") }
	d.call("GET "+base+"/version", func(*http.Request) (int, any) { return http.StatusOK, object{"version": "17.0.0"} })
	d.call("GET "+base+"/user", func(*http.Request) (int, any) { return http.StatusOK, object{"username": "robot"} })
	project := base + "/projects/{project}"
	d.of("GET "+project, name, func(r *http.Request, p *Repo) (int, any) {
		return http.StatusOK, object{"path_with_namespace": name(r), "http_url_to_repo": p.CloneURL, "web_url": d.Server.URL + "/" + name(r), "default_branch": "main"}
	})
	d.of("GET "+project+"/repository/branches/{branch}", name, func(r *http.Request, p *Repo) (int, any) {
		id, ok := p.Branches[r.PathValue("branch")]
		if !ok {
			return http.StatusNotFound, object{"message": "404 Branch Not Found"}
		}
		return http.StatusOK, object{"commit": object{"id": id}}
	})
	d.hooks(project+"/hooks", name, "PUT", []string{"url"}, []string{"token"}, bare, plainID)
	d.status("POST "+project+"/statuses/{sha}", name, "sha", words("pending", "running", "success", "failed", "canceled"), "name")
	d.of("GET "+project+"/merge_requests/{number}/diffs", name, func(r *http.Request, p *Repo) (int, any) {
		list := []object{}
		for _, f := range p.Files[r.PathValue("number")] {
			list = append(list, object{"old_path": f, "new_path": f})
		}
		return http.StatusOK, list
	})
}

func bitbucket(d *Double) {
	const base = "/2.0"
	d.call("GET "+base+"/user", func(*http.Request) (int, any) { return http.StatusOK, object{"username": "robot"} })
	repo := base + "/repositories/{owner}/{repo}"
	d.of("GET "+repo, twoParts, func(r *http.Request, p *Repo) (int, any) {
		return http.StatusOK, object{"full_name": twoParts(r), "mainbranch": object{"name": "main"}, "links": object{
			"html": object{"href": d.Server.URL + "/" + twoParts(r)}, "clone": clones(p.CloneURL),
		}}
	})
	d.of("GET "+repo+"/refs/branches/{branch}", twoParts, func(r *http.Request, p *Repo) (int, any) {
		id, ok := p.Branches[r.PathValue("branch")]
		if !ok {
			return http.StatusNotFound, object{"type": "error", "error": object{"message": "Branch not found"}}
		}
		return http.StatusOK, object{"target": object{"hash": id}}
	})
	uuid := func(n int) any { return fmt.Sprintf("{%08d-0000-0000-0000-000000000000}", n) }
	d.hooks(repo+"/hooks", twoParts, "PUT", []string{"url"}, []string{"secret"}, func(list []object) any { return object{"values": bare(list)} }, uuid)
	d.status("POST "+repo+"/commit/{sha}/statuses/build", twoParts, "sha", words("INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"), "name")
	d.of("GET "+repo+"/pullrequests/{number}/diffstat", twoParts, func(r *http.Request, p *Repo) (int, any) {
		list := []object{}
		for _, f := range p.Files[r.PathValue("number")] {
			list = append(list, object{"status": "modified", "new": object{"path": f}, "old": object{"path": f}})
		}
		return http.StatusOK, object{"values": list}
	})
}

// clones are the links to clone from, with the user's name in them, as Bitbucket has it.
func clones(cloneURL string) []object {
	u, err := url.Parse(cloneURL)
	if err == nil {
		u.User = url.User("robot")
		cloneURL = u.String()
	}
	return []object{{"name": "ssh", "href": "git@bitbucket.example:x/y.git"}, {"name": "https", "href": cloneURL}}
}

func bitbucketServer(d *Double) {
	const base = "/rest/api/1.0"
	d.open("GET "+base+"/application-properties", func(*http.Request) (int, any) {
		return http.StatusOK, object{"version": "8.19.0", "displayName": "Bitbucket"}
	})
	d.open("GET /plugins/servlet/applinks/whoami", func(r *http.Request) (int, any) {
		if !d.allowed(r) {
			return http.StatusOK, "" // nobody in particular
		}
		return http.StatusOK, "robot"
	})
	repo := base + "/projects/{owner}/repos/{repo}"
	d.of("GET "+repo, twoParts, func(r *http.Request, p *Repo) (int, any) {
		return http.StatusOK, object{"slug": r.PathValue("repo"), "project": object{"key": r.PathValue("owner")}, "links": object{
			"self": []object{{"href": d.Server.URL + "/projects/" + r.PathValue("owner") + "/repos/" + r.PathValue("repo") + "/browse"}}, "clone": clones(p.CloneURL),
		}}
	})
	d.of("GET "+repo+"/default-branch", twoParts, func(*http.Request, *Repo) (int, any) {
		return http.StatusOK, object{"id": "refs/heads/main", "displayId": "main"}
	})
	d.of("GET "+repo+"/commits/{ref}", twoParts, func(r *http.Request, p *Repo) (int, any) {
		id, ok := p.Branches[strings.TrimPrefix(r.PathValue("ref"), "refs/heads/")]
		if !ok {
			return http.StatusNotFound, object{"errors": []object{{"message": "Commit does not exist"}}}
		}
		return http.StatusOK, object{"id": id}
	})
	d.hooks(repo+"/webhooks", twoParts, "PUT", []string{"url"}, []string{"configuration", "secret"}, valued, plainID)
	d.of("GET "+repo+"/pull-requests/{number}/changes", twoParts, func(r *http.Request, p *Repo) (int, any) {
		list := []object{}
		for _, f := range p.Files[r.PathValue("number")] {
			list = append(list, object{"path": object{"toString": f}})
		}
		return http.StatusOK, valued(list)
	})
	d.status("POST /rest/build-status/1.0/commits/{sha}", func(*http.Request) string { return d.anyRepo() }, "sha", words("INPROGRESS", "SUCCESSFUL", "FAILED"), "name")
}

// anyRepo is the only repository: Bitbucket Server's statuses belong to commits alone.
func (d *Double) anyRepo() string {
	for name := range d.Repos {
		return name
	}
	return ""
}

// Deliver posts an event to the hooks of a repository, as the forge would, and returns the answers.
func (d *Double) Deliver(e forge.Event, id string) ([]string, error) {
	d.Lock()
	repo := d.Repos[e.Repository]
	var hooks []Hook
	for _, key := range sorted(repo.Hooks) {
		hooks = append(hooks, repo.Hooks[key])
	}
	d.Unlock()
	var answers []string
	for _, h := range hooks {
		header, body := Payload(d.Kind, e, id)
		Sign(d.Kind, header, h.Secret, body)
		r, err := http.NewRequest(http.MethodPost, h.URL, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header = header
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, err
		}
		said, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		answers = append(answers, fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(said))))
	}
	return answers, nil
}

// Sign adds what proves the sender.
func Sign(kind forge.Kind, h http.Header, secret string, body []byte) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	sum := hex.EncodeToString(mac.Sum(nil))
	switch kind {
	case forge.GitHub:
		h.Set("X-Hub-Signature-256", "sha256="+sum)
	case forge.GitLab:
		h.Set("X-Gitlab-Token", secret)
	case forge.Gitea:
		h.Set("X-Gitea-Signature", sum)
	default:
		h.Set("X-Hub-Signature", "sha256="+sum)
	}
}

// AppKey makes the PEM text of a private key.
func AppKey(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// Basic is the header of a login.
func Basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
