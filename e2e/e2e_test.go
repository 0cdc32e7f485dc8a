// Package e2e drives the real binary with real clients: git, the aws CLI, the SDK, Terraform. Each script in
// testdata/scripts reads like a user's session; commands.go lists the few words they add to the shell's.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
)

// binary is the conveyor the scripts run, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	moreAtOnce()
	os.Exit(run(m))
}

// moreAtOnce lets twice as many scripts run at once as there are processors, unless -parallel says otherwise: a script
// waits about half its time for a deadline or a disk.
func moreAtOnce() {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "conveyor-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "conveyor")
	build := exec.Command("go", "build", fmt.Sprintf("-race=%t", raceDetector), "-o", binary, "../cmd/conveyor")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building conveyor: %v\n%s", err, out)
		return 1
	}
	stop, err := loadAWSCLI(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	return m.Run()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Condition:           condition,
		Cmds:                commands(),
	})
}

// raceOptions are those of the race detector in the binary, which else ends a second late.
const raceOptions = "atexit_sleep_ms=20"

// setUp gives every script its own server to be, its own home and nothing of the developer's configuration.
func setUp(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	gitConfig := `[user]
	name = Eve Example
	email = eve@example.com
[init]
	defaultBranch = main
[credential]
	helper = "!f() { echo username=$AWS_ACCESS_KEY_ID; echo password=$AWS_SECRET_ACCESS_KEY; }; f"
`
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(gitConfig), 0o600); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_MAX_ATTEMPTS": "1", "PATH": filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"TF_MIRROR": terraformMirror(), "EXAMPLES": folder("../examples"), "CONSOLE": folder("../web"),
		"E2E_AWSCLI":  awscli,
		"GORACE":      raceOptions,
		"WALK_MATRIX": os.Getenv("WALK_MATRIX"), "WALK_PICTURES": os.Getenv("WALK_PICTURES"),
		// pyenv's shims, where the aws CLI may live, look below these.
		"PYENV_ROOT": os.Getenv("PYENV_ROOT"), "PYENV_VERSION": os.Getenv("PYENV_VERSION"),
	} {
		env.Setenv(name, value)
	}
	both := &sessions{first: session{name: "server"}, second: session{name: "second"}}
	env.Values[sessionKey{}] = both
	env.Values[sinkKey{}] = &sink{}
	env.Values[forgeKey{}] = map[string]*forgetest.Double{}
	env.Defer(func() {
		both.each((*session).close)
		both.each(func(s *session) {
			if s.raced() {
				env.T().Fatal("the server's log reports a data race:\n" + s.tail())
			}
		})
	})
	return nil
}

// folder is a folder of the repository.
func folder(name string) string {
	dir, err := filepath.Abs(name)
	if err != nil {
		panic(err)
	}
	return dir
}

func condition(name string) (bool, error) {
	switch name {
	case "aws", "python3", "go":
		_, err := exec.LookPath(name)
		return err == nil, nil
	case "console":
		return canWalk(), nil
	case "race":
		return raceDetector, nil
	case "boto3":
		return exec.Command("python3", "-c", "import boto3").Run() == nil, nil
	case "postgres":
		return postgresURL() != "", nil
	case "terraform":
		_, err := exec.LookPath(name)
		return err == nil && terraformMirror() != "", nil
	case "svn", "hg", "sshd":
		return installed(name)
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
}

// canWalk tells whether the console is in the binary and there is what it is walked through with.
func canWalk() bool {
	for _, file := range []string{"../internal/console/assets/index.html.br", "../web/node_modules/playwright-core", "/usr/bin/chromium"} {
		if _, err := os.Stat(file); err != nil {
			return false
		}
	}
	_, err := exec.LookPath("node")
	return err == nil
}

// terraformMirror is the folder of plugins that holds the AWS provider, which no registry of a closed machine offers;
// empty when there is none.
func terraformMirror() string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/nonexistent"
	}
	for _, dir := range []string{"/opt/tf-plugins", filepath.Join(home, ".terraform.d/plugins"), "/usr/share/terraform/plugins"} {
		if _, err := os.Stat(filepath.Join(dir, "registry.terraform.io/hashicorp/aws")); err == nil {
			return dir
		}
	}
	return ""
}
