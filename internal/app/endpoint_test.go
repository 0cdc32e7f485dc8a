package app

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/config"
)

func TestTheEndpointIsRemembered(t *testing.T) {
	dir := t.TempDir()
	if _, ok, err := ReadEndpoint(dir); ok || err != nil {
		t.Fatalf("before any server: %v %v", ok, err)
	}
	for _, want := range []Endpoint{{"http://127.0.0.1:8080", "us-east-1"}, {"https://conveyor.example.com", "eu-west-1"}} {
		if err := writeEndpoint(config.Config{Data: dir, PublicURL: want.URL, Region: want.Region}); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := ReadEndpoint(dir); got != want || !ok || err != nil {
			t.Errorf("got %v %v %v, want %v", got, ok, err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, endpointFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadEndpoint(dir); err == nil {
		t.Error("a broken file was understood")
	}
}

func TestThePortTheSystemChose(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 41234}
	for in, want := range map[string]string{
		"http://127.0.0.1:0":           "http://127.0.0.1:41234",
		"http://[::1]:0":               "http://[::1]:41234",
		"http://127.0.0.1:4566":        "http://127.0.0.1:4566",
		"https://conveyor.example.com": "https://conveyor.example.com",
	} {
		if got := reachedAt(in, at); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestWhatListensOnTheLoopback(t *testing.T) {
	for listen, want := range map[string]bool{"127.0.0.1:4566": true, "[::1]:1": true, "localhost:1": true, ":4566": false, "0.0.0.0:4566": false, "[::]:1": false, "10.0.0.1:1": false, "": false} {
		if onLoopback(listen) != want {
			t.Errorf("%q: %t", listen, !want)
		}
	}
}
