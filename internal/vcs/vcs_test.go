package vcs_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/vcs"
	"github.com/conveyor-cd/conveyor/internal/vcs/vcstest"
)

func runner(t *testing.T, o vcs.Options) *vcs.Runner {
	t.Helper()
	if o.Home == "" {
		o.Home = t.TempDir()
	}
	r, err := vcs.NewRunner(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	if p := vcstest.Missing(programs...); p != "" {
		t.Skipf("%s is not installed: not tried against its server", p)
	}
}

func shell(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HGUSER=eve", "HGRCPATH=", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestAddresses(t *testing.T) {
	good := map[vcs.System][]string{
		vcs.Git:        {"https://git.example.com/a/b.git", "http://[::1]:80/x", "ssh://git@host/x", "git://host/x", "git@github.com:acme/site.git", "https://user@host/x"},
		vcs.Subversion: {"svn://host/x", "svn+ssh://u@host/x", "https://host/svn/trunk"},
		vcs.Mercurial:  {"https://host/x", "ssh://hg@host/x"},
	}
	bad := map[vcs.System][]string{
		vcs.Git: {
			"", "file:///etc", "/etc", "../x", "ext::sh -c id", "-oProxyCommand=x", "--upload-pack=x", "ssh://-oProxyCommand=x/y", "ssh://host\n/x", "https://u:p@host/x",
			"git@-host:x", "-x@host:y", "git@host:-x", "fd::17", "http://", "https://host/x?y", "https://host/x#y", "HTTPS ://x", "ssh://a'b@host/x", "transport::address",
		},
		vcs.Subversion: {"file:///x", "svn+evil://host/x", "svn://-x/y", "git://host/x"},
		vcs.Mercurial:  {"file:///x", "static-http://host/x", "bundle:x", "ssh://-oProxyCommand=touch/x", "x"},
	}
	for system, list := range good {
		for _, u := range list {
			if why := vcs.CheckURL(system, u); why != "" {
				t.Errorf("%s refuses %s: %s", system, u, why)
			}
		}
	}
	for system, list := range bad {
		for _, u := range list {
			if vcs.CheckURL(system, u) == "" {
				t.Errorf("%s takes %q", system, u)
			}
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, u := range []string{"https://host/x", "git@host:x", "ssh://u@host/x", "ext::sh", "-x", "svn+ssh://a/b"} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, system := range []vcs.System{vcs.Git, vcs.Subversion, vcs.Mercurial} {
			if vcs.CheckURL(system, text) == "" && (strings.HasPrefix(text, "-") || strings.Contains(text, "::") && !strings.Contains(text, "[") && !strings.Contains(text, "/") ||
				strings.ContainsAny(text, " \n\t\x00") || strings.HasPrefix(text, "file:")) {
				t.Errorf("%s takes %q", system, text)
			}
		}
	})
}

func TestALoginIsForItsURLs(t *testing.T) {
	l := vcs.Login{For: "https://git.example.com/team"}
	for url, want := range map[string]bool{
		"https://git.example.com/team": true, "https://git.example.com/team/site.git": true,
		"https://git.example.com/teams": false, "https://git.example.com.evil.org/team": false, "http://git.example.com/team": false,
		"https://git.example.com/team/../other": false, "": false,
	} {
		if l.Fits(url) != want {
			t.Errorf("%s: %v", url, !want)
		}
	}
	if (vcs.Login{}).Fits("https://x") {
		t.Error("a login for nothing is for everything")
	}
}

func TestSubversion(t *testing.T) {
	need(t, "svn", "svnserve", "svnadmin")
	dir := t.TempDir()
	shell(t, dir, `svnadmin create site
		mkdir -p work/sub; echo one > work/index.html; ln -s index.html work/link; echo x > work/sub/a@b
		svn import -q -m 'First page' work file://$PWD/site/trunk
		svn mkdir -q -m 'Elsewhere' file://$PWD/site/other
		printf '[general]\nanon-access = none\nauth-access = read\npassword-db = passwd\n' > site/conf/svnserve.conf
		printf '[users]\nrobot = s3cret\n' > site/conf/passwd`)
	server, err := vcstest.SVN(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	r, ctx := runner(t, vcs.Options{}), t.Context()
	remote := vcs.Remote{URL: server.URL + "/site/trunk", Login: vcs.Login{User: "robot", Password: "s3cret"}}
	c, err := r.SVNCommit(ctx, remote, "")
	if err != nil || c.ID != "1" || c.Message != "First page" || time.Since(c.Date) > time.Hour {
		t.Fatalf("%+v, %v", c, err) // revision 2 was elsewhere
	}
	dest := filepath.Join(t.TempDir(), "files")
	if err := r.SVNExport(ctx, remote, c.ID, dest); err != nil {
		t.Fatal(err)
	}
	if got := shell(t, dest, "cat index.html link sub/a@b"); got != "one\none\nx" {
		t.Errorf("exported %q", got)
	}
	for what, try := range map[string]vcs.Remote{
		"no path": {URL: server.URL + "/site/none", Login: remote.Login}, "no repository": {URL: server.URL + "/none", Login: remote.Login},
	} {
		if _, err := r.SVNCommit(ctx, try, ""); err == nil {
			t.Errorf("%s was found", what)
		}
	}
	if _, err := r.SVNCommit(ctx, remote, "99"); !errors.Is(err, vcs.ErrNoRevision) {
		t.Errorf("revision 99: %v", err)
	}
	for _, revision := range []string{"HEAD:1", "-1", "{2020-01-01}", "1 --config-dir=x"} {
		if _, err := r.SVNCommit(ctx, remote, revision); !errors.Is(err, vcs.ErrNoRevision) {
			t.Errorf("%q: %v", revision, err)
		}
	}
	remote.Login.Password = "wr0ng"
	if _, err := r.SVNCommit(ctx, remote, ""); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestMercurial(t *testing.T) {
	need(t, "hg")
	dir := t.TempDir()
	first := shell(t, dir, `hg init site; cd site; echo one > index.html; ln -s index.html link; hg commit -q -A -m 'First page'; hg log -r . -T '{node}'`)
	server, err := vcstest.Hg(filepath.Join(dir, "site"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	r, ctx, mirror := runner(t, vcs.Options{}), t.Context(), filepath.Join(t.TempDir(), "mirror")
	remote := vcs.Remote{URL: server.URL + "/", Login: vcs.Login{User: "robot", Password: "s3cret"}}
	if id, err := r.HgHead(ctx, remote, "default"); err != nil || id != first {
		t.Fatalf("%q instead of %q, %v", id, first, err)
	}
	if err := os.Mkdir(mirror, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := r.HgCommit(ctx, remote, first, mirror)
	if err != nil || c.ID != first || c.Message != "First page" || c.Author != "eve" {
		t.Fatalf("%+v, %v", c, err)
	}
	dest := filepath.Join(t.TempDir(), "files")
	if err := r.HgExport(ctx, first, mirror, dest); err != nil {
		t.Fatal(err)
	}
	if got := shell(t, dest, "cat link; ls -A"); got != "one\nindex.html\nlink" {
		t.Errorf("exported %q", got)
	}
	second := shell(t, filepath.Join(dir, "site"), `echo two > index.html; hg commit -q -m 'Second page'; hg log -r . -T '{node}'`)
	if c, err := r.HgCommit(ctx, remote, second, mirror); err != nil || c.Message != "Second page" {
		t.Errorf("%+v, %v", c, err)
	}
	server.Stop()
	if _, err := r.HgCommit(ctx, remote, first, mirror); err != nil {
		t.Errorf("what is here was asked for elsewhere: %v", err)
	}
	for _, name := range []string{"nope", "-x", "file(**)", "0:tip", "a..b"} {
		if _, err := r.HgHead(ctx, remote, name); err == nil {
			t.Errorf("%q was found", name)
		}
	}
}

func TestClientsThatAreMissingSlowOrGreedy(t *testing.T) {
	r := runner(t, vcs.Options{Timeout: 200 * time.Millisecond, MaxBytes: 1 << 10})
	_, err := r.Run(t.Context(), vcs.Command{Program: "bzr"})
	if m, ok := errors.AsType[*vcs.MissingError](err); !ok || !strings.Contains(m.Error(), "bzr") {
		t.Errorf("missing: %v", err)
	}
	if _, err := r.Run(t.Context(), vcs.Command{Program: "sh", Args: []string{"-c", "sleep 60 & wait"}}); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Errorf("slow: %v", err)
	}
	if _, err := r.Run(t.Context(), vcs.Command{Program: "sh", Args: []string{"-c", "echo the word is s3cret >&2; exit 1"}, Secrets: []string{"s3cret"}}); err == nil || !strings.HasSuffix(err.Error(), "the word is ****") {
		t.Errorf("failing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Run(ctx, vcs.Command{Program: "sh", Args: []string{"-c", "true"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	dir := t.TempDir()
	r = runner(t, vcs.Options{MaxBytes: 1 << 10})
	_, err = r.Run(t.Context(), vcs.Command{Program: "sh", Args: []string{"-c", "head -c 100000 /dev/zero > big; sleep 60"}, Dir: dir, Grows: dir})
	if !errors.Is(err, vcs.ErrTooLarge) {
		t.Errorf("greedy: %v", err)
	}
}

// TestTransient: what clients say when trying again helps, and what they say when it does not.
func TestTransient(t *testing.T) {
	for said, want := range map[string]bool{
		"fatal: unable to access 'http://127.0.0.1:9/x/': Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server":       true,
		"fatal: unable to access 'https://git.example.com/x/': The requested URL returned error: 503":                                         true,
		"error: RPC failed; HTTP 429 curl 22 The requested URL returned error: 429":                                                           true,
		"fatal: unable to access 'https://git.example.com/x/': Recv failure: Connection reset by peer":                                        true,
		"ssh: connect to host git.example.com port 22: Connection timed out":                                                                  true,
		"fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF":                                                   true,
		"svn: E170013: Unable to connect to a repository at URL 'svn://127.0.0.1:9'\nsvn: E000111: Can't connect to host: Connection refused": true,
		"abort: HTTP Error 502: Bad Gateway": true,
		"fatal: unable to access 'https://git.exmaple.com/x/': Could not resolve host: git.exmaple.com": false,
		"remote: Repository not found.\nfatal: repository 'https://git.example.com/x/' not found":       false,
		"fatal: Authentication failed for 'https://git.example.com/x/'":                                 false,
		"fatal: unable to access 'https://git.example.com/x/': The requested URL returned error: 403":   false,
		"abort: HTTP Error 404: Not Found":                                                              false,
	} {
		if got := (&vcs.ClientError{Program: "git", Said: said}).Transient(); got != want {
			t.Errorf("%q: %v", said, got)
		}
	}
}
