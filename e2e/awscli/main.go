// Command awscli is the aws CLI of the scripts: it hands a call to serve.py, which has the CLI loaded.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

func main() {
	status, err := call(os.Getenv("E2E_AWSCLI"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "aws:", err)
		status = 255
	}
	os.Exit(status)
}

func call(address string) (int, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	request, err := json.Marshal(map[string]any{"args": os.Args[1:], "env": environment(), "dir": dir})
	if err != nil {
		return 0, err
	}
	files := syscall.UnixRights(0, 1, 2)
	// The files travel with the first byte, which leaves the rest free to be of any length.
	if _, _, err := c.WriteMsgUnix(request[:1], files, nil); err != nil {
		return 0, err
	}
	if _, err := c.Write(append(request[1:], '\n')); err != nil {
		return 0, err
	}
	status := make([]byte, 1)
	if _, err := c.Read(status); err != nil {
		return 0, fmt.Errorf("the call ended without a status: %w", err)
	}
	return int(status[0]), nil
}

func environment() map[string]string {
	all := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		all[name] = value
	}
	return all
}
