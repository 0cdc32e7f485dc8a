package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/trigger"
	"github.com/conveyor-cd/conveyor/internal/vcs/vcstest"
)

// installed tells whether what a kind of server needs is there.
func installed(kind string) (bool, error) {
	programs, ok := map[string][]string{"svn": {"svn", "svnserve", "svnadmin"}, "hg": {"hg"}, "sshd": {"sshd", "ssh", "ssh-keygen"}}[kind]
	if !ok {
		return false, fmt.Errorf("unknown condition %q", kind)
	}
	return vcstest.Missing(programs...) == "", nil
}

// cmdServe serves a directory with a real server until the script ends. Its URL is then in a variable.
//
//	serve git|svn|hg|ssh DIR VARIABLE
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "serve git|svn|hg|ssh DIR VARIABLE")
	dir := ts.MkAbs(args[1])
	if args[0] == "git" {
		handler, err := vcstest.GitHTTP(dir, "")
		check(ts, err)
		s := httptest.NewServer(handler)
		ts.Defer(s.Close)
		ts.Setenv(args[2], s.URL)
		return
	}
	begin := map[string]func(string) (*vcstest.Server, error){"svn": vcstest.SVN, "hg": vcstest.Hg, "ssh": vcstest.SSH}[args[0]]
	usage(ts, begin != nil, "serve git|svn|hg|ssh DIR VARIABLE")
	s, err := begin(dir)
	check(ts, err)
	ts.Defer(s.Stop)
	ts.Setenv(args[2], s.URL)
	if s.KnownHosts != "" {
		check(ts, os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(s.KnownHosts), 0o600))
	}
}

type forgeKey struct{}

// cmdForge is a forge with the bare repository DIR/OWNER/NAME.git: its REST calls are answered by a stand-in, git by git.
//
//	forge start KIND TOKEN DIR OWNER/NAME    its URL is then in $FORGE
//	forge event KIND NAME BEFORE AFTER [PULL-REQUEST SOURCE]    posts to the webhooks; the answers are its output
//	forge hooks N                            waits until there are so many
//	forge files PULL-REQUEST FILE...         what the pull request changes
//	forge status COMMIT CONTEXT STATE        waits until a commit shows it
func cmdForge(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "forge start|event|hooks|status ...")
	if args[0] == "start" {
		startForge(ts, args[1:])
		return
	}
	d := ts.Value(forgeKey{}).(map[string]*forgetest.Double)[""]
	if d == nil {
		ts.Fatalf("there is no forge: forge start")
	}
	name := d.Only()
	switch {
	case args[0] == "event" && (len(args) == 5 || len(args) == 7):
		e := forge.Event{Kind: trigger.Kind(args[1]), Repository: name, Name: args[2], Before: args[3], After: args[4], Actor: "ada"}
		if len(args) == 7 {
			e.PullRequest, e.Source = args[5], args[6]
		}
		answers, err := d.Deliver(e, strings.Join(args, " "))
		check(ts, err)
		fmt.Fprintln(ts.Stdout(), strings.Join(answers, "\n"))
	case args[0] == "hooks" && len(args) == 2:
		eventually(ts, "forge hooks", func(context.Context) (string, bool, error) {
			d.Lock()
			defer d.Unlock()
			n := fmt.Sprint(len(d.Repos[name].Hooks))
			return n + " hooks", n == args[1], nil
		})
	case args[0] == "files" && len(args) > 2:
		d.Lock()
		defer d.Unlock()
		d.Repos[name].Files[args[1]] = args[2:]
	case args[0] == "status" && len(args) == 4:
		eventually(ts, "forge "+strings.Join(args, " "), func(context.Context) (string, bool, error) {
			d.Lock()
			defer d.Unlock()
			state := ""
			for _, s := range d.Repos[name].Statuses {
				if s.Commit == args[1] && s.Context == args[2] {
					state = s.State
				}
			}
			return fmt.Sprintf("%+v", d.Repos[name].Statuses), state == args[3], nil
		})
	default:
		usage(ts, false, "forge start|event|hooks|status ...")
	}
}

// cmdCommit puts the id of a working copy's commit into a variable.
func cmdCommit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "commit DIR VARIABLE")
	out, err := exec.Command("git", "-C", ts.MkAbs(args[0]), "rev-parse", "HEAD").Output()
	check(ts, err)
	ts.Setenv(args[1], strings.TrimSpace(string(out)))
}

func startForge(ts *testscript.TestScript, args []string) {
	usage(ts, len(args) == 4, "forge start KIND TOKEN DIR OWNER/NAME")
	git, err := vcstest.GitHTTP(ts.MkAbs(args[2]), args[1])
	check(ts, err)
	d := forgetest.New(forge.Kind(args[0]), args[1])
	d.ServeGit(git)
	ts.Defer(d.Server.Close)
	d.Add(args[3], d.Server.URL+"/"+args[3]+".git", nil)
	ts.Value(forgeKey{}).(map[string]*forgetest.Double)[""] = d
	ts.Setenv("FORGE", d.Server.URL)
	if resp, err := http.Get(d.Server.URL); err != nil || resp.Body.Close() != nil {
		check(ts, errors.Join(err, errors.New("the forge does not answer")))
	}
}
