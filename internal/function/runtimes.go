package function

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var (
	//go:embed runtime/client.py
	pythonClient []byte
	//go:embed runtime/client.mjs
	nodeClient []byte
)

// RuntimeProblem says why a runtime cannot be used here, or "".
func RuntimeProblem(runtime string) string {
	switch {
	case runtime == "provided" || runtime == "provided.al2" || runtime == "provided.al2023":
		return ""
	case strings.HasPrefix(runtime, "python3."):
		return missing("python3", runtime)
	case strings.HasPrefix(runtime, "nodejs"):
		return missing("node", runtime)
	}
	return "The runtime " + runtime + " is not here. Use provided.al2023 with a program named bootstrap, python3.x or nodejs, or give the function a " + URLVariable
}

func missing(program, runtime string) string {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Sprintf("The runtime %s needs the program %s, which is not installed on the server's host", runtime, program)
	}
	return ""
}

// command prepares a function's program and says how it is started.
func (sb *sandbox) command() (string, error) {
	switch runtime := sb.function.Runtime; {
	case strings.HasPrefix(runtime, "python"):
		return "exec python3 -u ../" + runtimeDir + "/client.py", sb.addRuntime("client.py", pythonClient)
	case strings.HasPrefix(runtime, "nodejs"):
		return "exec node ../" + runtimeDir + "/client.mjs", sb.addRuntime("client.mjs", nodeClient)
	}
	return "exec ./bootstrap", nil
}

func (sb *sandbox) addRuntime(name string, text []byte) error {
	dir := filepath.Join(sb.host.Root(), runtimeDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}
