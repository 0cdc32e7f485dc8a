package build_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
)

// lenient keeps what failed builds leave for longer than any test takes.
var lenient = build.Keeping{Time: time.Hour, Longest: time.Hour, Most: 4}

// keeping asks for the workspace.
func keeping(value string, more ...types.EnvironmentVariable) func(*types.Project) {
	return func(p *types.Project) {
		p.Environment.EnvironmentVariables = append(more, types.EnvironmentVariable{Name: aws.String("ConveyorKeepFailed"), Value: aws.String(value)})
	}
}

// fails runs a build that fails and asks for its workspace.
func (s *server) fails(change func(*types.Project)) types.Build {
	s.t.Helper()
	return s.expect(s.run(spec("echo half >page; (exit 3)"), change), types.StatusTypeFailed)
}

// shell runs commands in what a build left.
func (s *server) shell(b types.Build, in io.Reader) (out, said string, status int, err error) {
	project, id, _ := strings.Cut(*b.Id, ":")
	var wrote buildtest.Log
	var notes bytes.Buffer
	status, err = s.builds.OpenShell(s.ctx, project, id, build.Shell{In: in, Out: &wrote}, &notes)
	return wrote.String(), notes.String(), status, err
}

func (s *server) isKept(b types.Build) bool {
	_, _, status, err := s.shell(b, strings.NewReader("exit 9\n"))
	if err != nil && !errors.Is(err, build.ErrNotKept) {
		s.t.Errorf("the shell ended with %v", err)
	}
	return status == 9 && err == nil
}

// Only a failed build that asks for it leaves something, on a server that keeps something.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	s := serve(t, options{keep: build.Keeping{Time: time.Hour, Longest: 2 * time.Hour, Most: 4}})
	for value, kept := range map[string]bool{"true": true, "30m": true, "2h": true, "false": false, "": false, "3h": false, "-1m": false, "always": false} {
		if got := s.isKept(s.fails(keeping(value))); got != kept {
			t.Errorf("with %q it is kept: %t", value, got)
		}
	}
	if b := s.fails(keeping("3h")); !strings.Contains(s.log(b), `ConveyorKeepFailed is "3h"; it must be true or a time of at most 2h0m0s`) {
		t.Errorf("the log says %s", s.log(b))
	}
	if b := s.expect(s.run(spec("true"), keeping("true")), types.StatusTypeSucceeded); s.isKept(b) {
		t.Error("a build that succeeded is kept")
	}
	none := serve(t, options{})
	if b := none.fails(keeping("true")); none.isKept(b) || !strings.Contains(none.log(b), "this server keeps none") {
		t.Errorf("the log of a server that keeps none says %s", none.log(b))
	}
}

// One more than fits takes the place of the oldest.
func TestTheOldestGoesForTheNewest(t *testing.T) {
	t.Parallel()
	s := serve(t, options{keep: build.Keeping{Time: time.Hour, Longest: time.Hour, Most: 2}})
	builds := []types.Build{s.fails(keeping("true")), s.fails(keeping("true")), s.fails(keeping("true"))}
	for i, b := range builds {
		if got := s.isKept(b); got != (i > 0) {
			t.Errorf("build %d of 3 is kept: %t", i+1, got)
		}
	}
	s.eventually("the oldest's files to go", func() bool { return len(s.workspaces()) == 2 })
}

// workspaces are the directories of builds.
func (s *server) workspaces() []string {
	found, err := filepath.Glob(filepath.Join(s.dir, "builds", "*", "*", "src"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// What nobody uses goes after its time; while a shell is open the time stands still, but for the longest.
func TestWhatIsKeptExpires(t *testing.T) {
	t.Parallel()
	s := serve(t, options{keep: lenient})
	b := s.fails(keeping("1ms"))
	s.eventually("the workspace to go", func() bool { return len(s.workspaces()) == 0 && !s.isKept(b) })

	used := serve(t, options{keep: build.Keeping{Time: 2 * time.Second, Longest: time.Hour, Most: 4}})
	if _, _, status, err := used.shell(used.fails(keeping("true")), strings.NewReader("sleep 2.5; exit 9\n")); status != 9 || err != nil {
		t.Errorf("a shell in use ended with %d, %v", status, err)
	}
	used.eventually("the workspace to go", func() bool { return len(used.workspaces()) == 0 })

	bounded := serve(t, options{keep: build.Keeping{Time: 2 * time.Second, Longest: 2 * time.Second, Most: 4}})
	in, keys := io.Pipe() // nothing is typed
	defer keys.Close()
	if _, _, _, err := bounded.shell(bounded.fails(keeping("true")), in); err == nil || !strings.Contains(err.Error(), "the workspace is kept no longer") {
		t.Errorf("a shell at the longest ended with %v", err)
	}
	bounded.eventually("the workspace to go", func() bool { return len(bounded.workspaces()) == 0 })
}

// A shell that fills the disk is ended as a build is, and what the build left stays.
func TestDiskLimitInAShell(t *testing.T) {
	t.Parallel()
	s := serve(t, options{disk: 4 << 20, keep: lenient})
	b := s.fails(keeping("true"))
	_, _, _, err := s.shell(b, strings.NewReader("head -c 6000000 /dev/zero >big; sleep 600\n"))
	if err == nil || !strings.Contains(err.Error(), "this server allows 4.2 MB (setting build-disk)") {
		t.Errorf("the shell ended with %v", err)
	}
	if left := s.workspaces(); len(left) != 1 {
		t.Errorf("left are %q", left)
	}
}

// Plain variables are there; of secrets there is how to read them with rights of one's own.
func TestSecretsInAShell(t *testing.T) {
	t.Parallel()
	s := serve(t, options{keep: lenient, secrets: oneParameter{vaultOf{"forge": `{"token":"t0ken-of-forge"}`}}})
	b := s.fails(keeping("true",
		types.EnvironmentVariable{Name: aws.String("PLAIN"), Value: aws.String("seen")},
		types.EnvironmentVariable{Name: aws.String("COPY"), Value: aws.String("see hunter-22")},
		types.EnvironmentVariable{Name: aws.String("PASSWORD"), Value: aws.String("/db/it's"), Type: types.EnvironmentVariableTypeParameterStore},
		types.EnvironmentVariable{Name: aws.String("TOKEN"), Value: aws.String("forge:token:AWSPREVIOUS"), Type: types.EnvironmentVariableTypeSecretsManager},
	))
	out, said, _, err := s.shell(b, strings.NewReader("env; echo [$PLAIN]\n"))
	if err != nil || !strings.Contains(out, "[seen]") || strings.Contains(out, "hunter") || strings.Contains(out, "t0ken") {
		t.Errorf("it wrote %q, %v", out, err)
	}
	for _, line := range []string{
		`PASSWORD is a secret and not set here. With rights of your own: aws ssm get-parameter --with-decryption --query Parameter.Value --output text --name '/db/it'\''s'`,
		"TOKEN is a secret and not set here. With rights of your own: aws secretsmanager get-secret-value --query SecretString --output text --secret-id 'forge' --version-stage 'AWSPREVIOUS' (its member token)",
		"Not set either, because they hold a secret or credentials of the build, which have ended: COPY",
	} {
		if !strings.Contains(said, line+"\n") {
			t.Errorf("said was %q, without %q", said, line)
		}
	}
}

// oneParameter is a vault that has a parameter, too.
type oneParameter struct{ vaultOf }

func (oneParameter) Parameter(context.Context, string) (string, error) { return "hunter-22", nil }
