// Package config reads Conveyor's settings: flags first, then CONVEYOR_* environment variables, then a YAML file, then
// defaults. All four speak of the same settings by the same names, declared once in Bind, and an unknown name is an
// error wherever it stands.
package config

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"
)

// EnvPrefix begins every environment variable that is a setting; the rest is the flag's name in capitals with
// underscores.
const EnvPrefix = "CONVEYOR_"

// envIgnored begins variables that are not settings but switches of the test suite.
const envIgnored = EnvPrefix + "TEST_"

// Config is everything a server can be told.
type Config struct {
	File       string // the YAML file; empty: none
	Data       string // data directory
	Listen     string // host:port of the one public port
	Database   string // sqlite:PATH or postgres://...; empty: sqlite:DATA/conveyor.db
	Region     string // AWS region this server answers for
	PublicURL  string // how clients reach the server; empty: http://LISTEN
	KnownHosts string // keys of the SSH servers that sources are fetched from; empty: DATA/known_hosts
	BuildSlots int    // builds that run at once on this server
	Builds     Builds // where and how builds run
	Keep       Keep   // what failed builds leave
	// ForbidPrivateAddresses keeps what users have the server call from being on the loopback and in private networks.
	ForbidPrivateAddresses bool
	Mail                   Mail
	ApprovalLinkLife       time.Duration // how long the links of an approval's message work at most
	LogFormat              string        // text or json
	LogLevel               string        // debug, info, warn or error
	ShutdownTimeout        time.Duration // how long SIGTERM waits for work to drain
}

// Bind declares every setting on fs with its default; the flag's usage is its documentation.
func (c *Config) Bind(fs *pflag.FlagSet) {
	fs.StringVar(&c.File, "config", "", "YAML `file` with settings named like these flags")
	fs.StringVar(&c.Data, "data", "./conveyor-data", "`directory` that holds everything: database, repositories, objects, credentials")
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:4566", "`address` of the one port that serves all APIs, Git, websites and the console")
	fs.StringVar(&c.Database, "database", "", "`URL` of the database: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME (default sqlite:DATA/conveyor.db)")
	fs.StringVar(&c.Region, "region", "us-east-1", "AWS `region` in ARNs and signatures")
	fs.StringVar(&c.PublicURL, "public-url", "", "`URL` clients use to reach this server, for clone URLs and links (default http://LISTEN)")
	fs.StringVar(&c.KnownHosts, "ssh-known-hosts", "", "`file` with the keys of SSH servers that sources are fetched from, as ssh-keyscan writes it (default DATA/known_hosts)")
	fs.IntVar(&c.BuildSlots, "build-slots", 4, "`number` of builds that run at once on this server")
	c.Builds.bind(fs)
	c.Keep.bind(fs)
	fs.BoolVar(&c.ForbidPrivateAddresses, "forbid-private-addresses", false, "keep notifications, API destinations, probes of alarms and functions that are URLs from the loopback and private networks")
	c.Mail.bind(fs)
	fs.DurationVar(&c.ApprovalLinkLife, "approval-link-life", 7*24*time.Hour, "`time` after which the links in approval messages no longer decide, if the approval still waits")
	fs.StringVar(&c.LogFormat, "log-format", "text", "`format` of the log: text or json")
	fs.StringVar(&c.LogLevel, "log-level", "info", "least `level` to log: debug, info, warn or error")
	fs.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 10*time.Second, "`time` SIGTERM waits for requests and builds before they are cut off and left for the next start")
}

// Of are the settings of a server that is told no more than these, by the names of its flags.
func Of(given map[string]string) (*Config, error) {
	c := &Config{}
	fs := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	c.Bind(fs)
	for _, name := range sortedKeys(given) {
		if err := set(fs, name, given[name], "this program"); err != nil {
			return nil, err
		}
	}
	return c, c.Load(fs, nil)
}

// Load fills in what the flags left open: the environment, then the file. fs is the parsed flag set of Bind; environ is
// os.Environ(). Errors name the setting and where it was set.
func (c *Config) Load(fs *pflag.FlagSet, environ []string) error {
	if err := c.loadEnv(fs, environ); err != nil {
		return err
	}
	if c.File != "" {
		if err := c.loadFile(fs); err != nil {
			return err
		}
	}
	return c.check()
}

func (c *Config) loadEnv(fs *pflag.FlagSet, environ []string) error {
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(key, EnvPrefix) || strings.HasPrefix(key, envIgnored) {
			continue
		}
		name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(key, EnvPrefix), "_", "-"))
		if err := set(fs, name, value, "environment variable "+key); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) loadFile(fs *pflag.FlagSet) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the configuration file: %w", err)
	}
	var settings map[string]yaml.Node
	if len(bytes.TrimSpace(text)) > 0 {
		if err := yaml.Unmarshal(text, &settings); err != nil {
			return fmt.Errorf("configuration file %s is not a YAML mapping of settings: %w", c.File, err)
		}
	}
	for _, name := range sortedKeys(settings) {
		node := settings[name]
		where := fmt.Sprintf("%s, line %d", c.File, node.Line)
		if node.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s: setting %q must be a single value", where, name)
		}
		if name == "config" {
			return fmt.Errorf("%s: setting %q cannot stand in the file itself", where, name)
		}
		if err := set(fs, name, node.Value, where); err != nil {
			return err
		}
	}
	return nil
}

// set gives a setting a value unless something of higher precedence already has.
func set(fs *pflag.FlagSet, name, value, where string) error {
	flag := fs.Lookup(name)
	if flag == nil || flag.Name == "help" {
		return fmt.Errorf("%s: unknown setting %q (settings are named like the flags of `conveyor server --help`)", where, name)
	}
	if flag.Changed {
		return nil
	}
	if err := fs.Set(name, value); err != nil {
		return fmt.Errorf("%s: setting %q: %w", where, name, err)
	}
	return nil
}

// MoveTo puts everything that has a place of its own into another data directory.
func (c *Config) MoveTo(data string) {
	c.Data, c.Database, c.KnownHosts, c.Builds.Directory = data, "", "", ""
	c.place()
}

// place gives what was given no place one in the data directory.
func (c *Config) place() {
	if c.Database == "" {
		c.Database = sqlite + filepath.Join(c.Data, "conveyor.db")
	}
	if c.KnownHosts == "" {
		c.KnownHosts = filepath.Join(c.Data, "known_hosts")
	}
	if c.Builds.Directory == "" {
		c.Builds.Directory = filepath.Join(c.Data, "builds")
	}
}

func (c *Config) check() error {
	if c.Data == "" {
		return fmt.Errorf("setting data: a directory is needed")
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("setting listen: %q is not HOST:PORT: %w", c.Listen, err)
	}
	if c.PublicURL == "" {
		if host == "" || net.ParseIP(host).IsUnspecified() {
			host = "127.0.0.1"
		}
		c.PublicURL = "http://" + net.JoinHostPort(host, port)
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("setting public-url: %q is not an http:// or https:// URL", c.PublicURL)
	}
	c.place()
	if _, ok := c.SQLite(); !ok && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		return fmt.Errorf("setting database: %q is neither sqlite:PATH nor postgres://", c.Database)
	}
	if err := c.Builds.check(); err != nil {
		return err
	}
	if err := c.Keep.check(); err != nil {
		return err
	}
	if c.BuildSlots < 1 {
		return fmt.Errorf("setting build-slots: %d is less than 1", c.BuildSlots)
	}
	if err := c.Mail.check(); err != nil {
		return err
	}
	if c.ApprovalLinkLife <= 0 {
		return fmt.Errorf("setting approval-link-life: %s is no time in which anybody could decide", c.ApprovalLinkLife)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return fmt.Errorf("setting log-format: %q is neither text nor json", c.LogFormat)
	}
	if _, err := c.level(); err != nil {
		return err
	}
	return nil
}

// sqlite begins the URL of a SQLite database.
const sqlite = "sqlite:"

// SQLite is the path of the database when it is SQLite; then one server alone uses the database and the data directory.
func (c *Config) SQLite() (path string, ok bool) { return strings.CutPrefix(c.Database, sqlite) }

func (c *Config) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return level, fmt.Errorf("setting log-level: %q is none of debug, info, warn, error", c.LogLevel)
	}
	return level, nil
}

// Logger is the structured logger the settings ask for, writing to standard error.
func (c *Config) Logger() *slog.Logger {
	level, _ := c.level() // checked by Load
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
