package buildtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// other is a user that every place has.
const other = "nobody"

// runAs has commands run as two users, and expects what the first left behind to be there for the second.
func runAs(t *testing.T, r build.Runner) {
	p, err := start(t, r, build.SessionOptions{Shell: "sh", Env: []string{"A=1"}, User: other, Others: []string{"root"}})
	if failure, ok := errors.AsType[*build.Failure](err); ok && os.Geteuid() != 0 && strings.Contains(failure.Message, "only root can") {
		t.Skip("only root can run commands as another user")
	}
	if err != nil {
		t.Fatal(err)
	}
	p.steps([]step{
		{"id -un; echo $USER $LOGNAME", 0, "nobody\nnobody nobody\n"},
		{"mkdir sub; cd sub; echo mine >file; export B='2 3'; umask 077; f() { echo f; }", 0, ""}, // the sources are its own
		{`test -w "$HOME" && test -w "${TMPDIR:-/tmp}" && echo writable`, 0, "writable\n"},
		{"cat /etc/shadow", 1, "~ermission denied"},
	})
	as(p, "root")
	p.steps([]step{
		{`id -un; echo $USER; basename "$PWD"; echo "$A $B"; cat file; umask`, 0, "root\nroot\nsub\n1 2 3\nmine\n0077\n"},
		{`test -w "$HOME"; echo secret >"$HOME/secret"; export KEY="$HOME/secret"`, 0, ""},
	})
	as(p, other)
	p.steps([]step{
		{"id -un; cat $KEY", 1, "~ermission denied"},
		{"exit 3", 3, ""},
		{`id -un; basename "$PWD"`, 0, "nobody\nsub\n"},
	})
	if got, err := p.Getenv(p.ctx, []string{"B"}); err != nil || got["B"] != "2 3" {
		t.Errorf("B is %q, %v", got["B"], err)
	}
	as(p, "")
	p.steps([]step{{"id -un; echo ${USER-none}", 0, "root\nnone\n"}})
}

func as(p *place, user string) {
	p.t.Helper()
	if err := p.As(p.ctx, user); err != nil {
		p.t.Fatal(err)
	}
}

func runAsNobodyKnown(t *testing.T, r build.Runner) {
	for _, o := range []build.SessionOptions{{User: "no-such-user"}, {Others: []string{"no-such-user"}}} {
		_, err := start(t, r, o)
		if failure, ok := errors.AsType[*build.Failure](err); !ok || !strings.Contains(failure.Message, "no-such-user") {
			t.Errorf("%+v: the error is %v", o, err)
		}
	}
}

func size(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	before, err := p.ws.Size(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p.do(0, "mkdir -p deep/er; head -c 3000000 /dev/zero >deep/er/file; ln -s / up")
	after, err := p.ws.Size(context.Background())
	if err != nil || after-before < 3_000_000 || after-before > 4_000_000 {
		t.Errorf("three megabytes more are %d bytes, %v", after-before, err)
	}
	if err := os.WriteFile(filepath.Join(p.ws.Root(), "given"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if more, err := p.ws.Size(context.Background()); err != nil || more-after < 1<<20 {
		t.Errorf("another is %d bytes, %v", more-after, err)
	}
}
