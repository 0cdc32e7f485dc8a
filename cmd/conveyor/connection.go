package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/awsapi/codeconnections"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forgehost"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

func connectionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connection",
		Short: "Give connections to forges their credentials, and keep logins for other version control",
		Long: `Connections are made with the aws CLI (aws codeconnections create-connection, create-host) and are pending until they
have credentials. On AWS that is done in its console; here it is done with conveyor connection authorize.

Logins are for sources without a forge: Git, Subversion and Mercurial at any URL. They are stored encrypted, can be used
by name (ConveyorCredentials) and never be read back.`,
	}
	cmd.AddCommand(authorizeCommand(), connectionListCommand(), loginCommand())
	return cmd
}

const connectionTimeout = time.Minute

// request calls the server's connections.
func request(cmd *cobra.Command, c *config.Config, complete func() error, method, path string, in, out any) error {
	if err := complete(); err != nil {
		return err
	}
	to, err := whereToAsk(cmd, c)
	if err != nil {
		return err
	}
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), connectionTimeout)
	defer cancel()
	return to.call(ctx, method, strings.TrimRight(to.endpoint, "/")+codeconnections.Prefix+path, codeconnections.Name, body, out)
}

func authorizeCommand() *cobra.Command {
	var a connection.Authorization
	var tokenFile, keyFile, software string
	cmd := &cobra.Command{
		Use:   "authorize ARN --token-file FILE | --app-id ID --key-file FILE",
		Short: "Give a connection its credentials, after the forge has accepted them",
		Long: `Give a connection its credentials. The forge is asked first whether it accepts them; then the connection is available.
What was there before is replaced. What tokens need to be allowed is in docs/connections.md.`,
		Example: `  conveyor connection authorize $ARN --token-file token
  echo $TOKEN | conveyor connection authorize $ARN --token-file -
  conveyor connection authorize $ARN --url https://gitea.example.com --token-file token
  conveyor connection authorize $ARN --app-id 12345 --key-file app.pem`,
		Args: cobra.ExactArgs(1),
	}
	c, complete := settings(cmd)
	f := cmd.Flags()
	f.StringVar(&tokenFile, "token-file", "", "`file` with the token; - is standard input")
	f.StringVar(&a.User, "user", "", "`user` to sign in as with the token as password (Bitbucket's API tokens)")
	f.StringVar(&a.AppID, "app-id", "", "`id` of a GitHub App")
	f.StringVar(&keyFile, "key-file", "", "`file` with the GitHub App's private key")
	f.StringVar(&a.InstallationID, "installation-id", "", "`id` of the GitHub App's installation (default: found by the repository)")
	f.StringVar(&a.Endpoint, "url", "", "`address` of the forge (default: the connection's host, or the forge's cloud)")
	f.StringVar(&software, "forge", "", fmt.Sprintf("`software` of the forge, one of %v (default: found out)", forge.Kinds()))
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if a.Token, err = readSecret(cmd, tokenFile); err != nil {
			return err
		}
		if a.PrivateKey, err = readSecret(cmd, keyFile); err != nil {
			return err
		}
		a.Software = forge.Kind(software)
		var shown codeconnections.Shown
		if err := request(cmd, c, complete, http.MethodPut, "authorizations/"+url.PathEscape(args[0]), a, &shown); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is available: %s at %s, as %s\n", shown.Name, shown.Software, shown.Endpoint, shown.Login)
		return err
	}
	return cmd
}

// readSecret reads a file's text without the newline at its end; - is standard input, "" nothing.
func readSecret(cmd *cobra.Command, file string) (string, error) {
	var text []byte
	var err error
	switch file {
	case "":
		return "", nil
	case "-":
		text, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
	default:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", err
	}
	if secret := strings.TrimSpace(string(text)); secret != "" {
		return secret, nil
	}
	return "", fmt.Errorf("%s is empty", file)
}

func connectionListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List connections, and how their webhooks and the sources that are polled stand",
		Args:  cobra.NoArgs,
	}
	c, complete := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var o struct {
			Connections []codeconnections.Shown
			Webhooks    []forgehost.HookState
			Polls       []forgehost.PollState
		}
		if err := request(cmd, c, complete, http.MethodGet, "", nil, &o); err != nil {
			return err
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
		names := map[string]string{}
		for _, n := range o.Connections {
			names[n.ID] = n.Name
			fmt.Fprintf(w, "connection\t%s\t%s\t%s %s\t%s\n", n.Name, n.Status, n.Software, n.Endpoint, strings.TrimSpace(n.ARN+" "+n.Problem))
		}
		for _, h := range o.Webhooks {
			state := map[bool]string{true: "registered", false: "not registered"}[h.Registered]
			fmt.Fprintf(w, "webhook\t%s\t%s\t%s\t%s\n", names[h.ConnectionID], state, h.Repository, strings.TrimSpace(h.Problem+" "+h.Refused))
		}
		for _, p := range o.Polls {
			fmt.Fprintf(w, "poll\t%s\t%s\t%s\t%s\n", p.Provider, p.Looked.UTC().Format(time.RFC3339), p.Resource, p.Problem)
		}
		return w.Flush()
	}
	return cmd
}

func loginCommand() *cobra.Command {
	var l vcs.Login
	var passwordFile, keyFile string
	var remove bool
	cmd := &cobra.Command{
		Use:   "login NAME --url URL [--user USER] --password-file FILE | --ssh-key-file FILE",
		Short: "Store a login for Git, Subversion or Mercurial at certain URLs, or list what is stored",
		Example: `  conveyor connection login svn --url https://svn.example.com/team --user robot --password-file password
  conveyor connection login deploy --url ssh://git@git.example.com --ssh-key-file id_ed25519
  conveyor connection login
  conveyor connection login svn --delete`,
		Args: cobra.MaximumNArgs(1),
	}
	c, complete := settings(cmd)
	f := cmd.Flags()
	f.StringVar(&l.For, "url", "", "beginning of the `URL`s that the login is for; it is sent nowhere else")
	f.StringVar(&l.User, "user", "", "`user` to sign in as")
	f.StringVar(&passwordFile, "password-file", "", "`file` with the password; - is standard input")
	f.StringVar(&keyFile, "ssh-key-file", "", "`file` with a private SSH key that has no passphrase")
	f.BoolVar(&remove, "delete", false, "delete the login")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if len(args) == 0 {
			return listLogins(cmd, c, complete)
		}
		path := "logins/" + url.PathEscape(args[0])
		var nothing struct{}
		if remove {
			return request(cmd, c, complete, http.MethodDelete, path, nil, &nothing)
		}
		if l.Password, err = readSecret(cmd, passwordFile); err != nil {
			return err
		}
		if l.PrivateKey, err = readSecret(cmd, keyFile); err != nil {
			return err
		}
		if l.Password == "" && l.PrivateKey == "" {
			return errors.New("give --password-file or --ssh-key-file")
		}
		return request(cmd, c, complete, http.MethodPut, path, l, &nothing)
	}
	return cmd
}

func listLogins(cmd *cobra.Command, c *config.Config, complete func() error) error {
	var list struct{ Logins []connection.Login }
	if err := request(cmd, c, complete, http.MethodGet, "logins", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	for _, l := range list.Logins {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, l.For, l.User, l.Updated.UTC().Format(time.RFC3339))
	}
	return w.Flush()
}
