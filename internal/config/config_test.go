package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func load(t *testing.T, args, environ []string) (Config, error) {
	t.Helper()
	var c Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Bind(fs)
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	return c, c.Load(fs, environ)
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conveyor.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	path := file(t, "listen: 127.0.0.1:1\nregion: eu-west-1\nbuild-slots: 7\nlog-format: json\n")
	c, err := load(t,
		[]string{"--listen", "127.0.0.1:3", "--config", path},
		[]string{"CONVEYOR_LISTEN=127.0.0.1:2", "CONVEYOR_REGION=eu-west-2", "CONVEYOR_TEST_POSTGRES=x", "HOME=/root"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.Region != "eu-west-2" || c.BuildSlots != 7 || c.LogFormat != "json" {
		t.Errorf("got %+v", c)
	}
	if c.Data != "./conveyor-data" || c.PublicURL != "http://127.0.0.1:3" || c.Database != "sqlite:conveyor-data/conveyor.db" {
		t.Errorf("defaults: got %+v", c)
	}
}

func TestUnspecifiedAddressIsShownAsLoopback(t *testing.T) {
	c, err := load(t, []string{"--listen", "0.0.0.0:80"}, nil)
	if err != nil || c.PublicURL != "http://127.0.0.1:80" {
		t.Errorf("got %q, %v", c.PublicURL, err)
	}
}

func TestMistakesNameTheSettingAndItsPlace(t *testing.T) {
	for _, test := range []struct {
		name    string
		args    []string
		environ []string
		file    string
		want    []string
	}{
		{name: "unknown flag", args: []string{"--colour", "red"}, want: []string{"colour"}},
		{name: "unknown variable", environ: []string{"CONVEYOR_COLOUR=red"}, want: []string{"CONVEYOR_COLOUR", "unknown setting"}},
		{name: "unknown key", file: "region: x\ncolour: red\n", want: []string{"line 2", `"colour"`, "unknown setting"}},
		{name: "bad value in file", file: "build-slots: many\n", want: []string{"line 1", "build-slots"}},
		{name: "nested value in file", file: "listen: [a, b]\n", want: []string{"line 1", "listen", "single value"}},
		{name: "file inside file", file: "config: x\n", want: []string{"config"}},
		{name: "not YAML", file: "a: b: c\n", want: []string{"conveyor.yaml"}},
		{name: "missing file", args: []string{"--config", "/nonexistent.yaml"}, want: []string{"/nonexistent.yaml"}},
		{name: "bad address", args: []string{"--listen", "here"}, want: []string{"listen", "here"}},
		{name: "bad database", environ: []string{"CONVEYOR_DATABASE=mysql://x"}, want: []string{"database", "mysql"}},
		{name: "bad level", args: []string{"--log-level", "loud"}, want: []string{"log-level", "loud"}},
		{name: "bad format", args: []string{"--log-format", "xml"}, want: []string{"log-format", "xml"}},
		{name: "bad runner", args: []string{"--build-runner", "cloud"}, want: []string{"build-runner", "cloud"}},
		{name: "nothing is kept long enough", args: []string{"--build-keep-time", "0s"}, want: []string{"build-keep-time", "build-keep-most 0"}},
		{name: "kept for longer than the longest", file: "build-keep-longest: 30m\n", want: []string{"build-keep-longest", "30m", "1h"}},
		{name: "fewer than none kept", environ: []string{"CONVEYOR_BUILD_KEEP_MOST=-1"}, want: []string{"build-keep-most", "-1"}},
		{name: "no slots", args: []string{"--build-slots", "0"}, want: []string{"build-slots"}},
		{name: "bad public URL", args: []string{"--public-url", "ftp://x"}, want: []string{"public-url", "ftp"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if test.file != "" {
				args = append(args, "--config", file(t, test.file))
			}
			_, err := load(t, args, test.environ)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not mention %q", err, want)
				}
			}
		})
	}
}

func TestEverythingMovesWithTheDataDirectory(t *testing.T) {
	c, err := Of(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.MoveTo("/elsewhere")
	for _, place := range []string{c.Data, c.Database, c.KnownHosts, c.Builds.Directory} {
		if !strings.Contains(place, "/elsewhere") {
			t.Errorf("%s stayed behind", place)
		}
	}
}
