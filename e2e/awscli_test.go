package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// awscli is where the scripts' aws CLI listens; empty when they run the installed command itself.
var awscli string

// loadAWSCLI puts a command named aws beside the binary that hands calls to a process in which the CLI is loaded. Half of
// what a call costs is loading it, and the scripts make hundreds. Where Python cannot load the installed CLI, scripts
// run it as it is.
func loadAWSCLI(dir string) (stop func(), err error) {
	python, errPython := exec.LookPath("python3")
	if _, errAWS := exec.LookPath("aws"); errPython != nil || errAWS != nil || exec.Command(python, "-c", "import awscli.clidriver").Run() != nil {
		return func() {}, nil
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "aws"), "./awscli").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building awscli: %w\n%s", err, out)
	}
	awscli = filepath.Join(dir, "awscli.sock")
	serve := exec.Command(python, "awscli/serve.py", awscli)
	serve.Stderr = os.Stderr
	if err := serve.Start(); err != nil {
		return nil, err
	}
	stop = func() { _ = serve.Process.Kill(); _ = serve.Wait() }
	for end := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(awscli); err == nil {
			return stop, nil
		}
		if time.Now().After(end) {
			stop()
			return nil, fmt.Errorf("the aws CLI was not loaded in %s", deadline)
		}
	}
}
