package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/config"
)

// endpointFile is where a server writes how it is reached, in its data directory, so that `conveyor env --data DIR`
// needs no other setting. It stays after the server's end: the next one is most likely started the same way.
const endpointFile = "endpoint.json"

// Endpoint is how clients reach a server.
type Endpoint struct {
	URL    string `json:"url"`
	Region string `json:"region"`
}

// ReadEndpoint returns how the server that last used the data directory is or was reached; ok is false when none ever
// did.
func ReadEndpoint(data string) (e Endpoint, ok bool, err error) {
	path := filepath.Join(data, endpointFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return Endpoint{}, false, fmt.Errorf("read how the server is reached from %s (start the server again, which writes it): %w", path, err)
	}
	return e, true, nil
}

// ownHosts are the host names this server is known to be reached by.
func ownHosts(c config.Config) []string {
	hosts := []string{strings.ToLower(publicHost(c.PublicURL))}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		hosts = append(hosts, strings.ToLower(host))
	}
	return hosts
}

// onLoopback reports whether nothing but this machine reaches what listens on an address.
func onLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// writeEndpoint replaces the file as a whole.
func writeEndpoint(c config.Config) error {
	text, err := json.Marshal(Endpoint{URL: c.PublicURL, Region: c.Region})
	if err != nil {
		return err
	}
	path := filepath.Join(c.Data, endpointFile)
	temp, err := os.CreateTemp(c.Data, "."+endpointFile+"-*")
	if err != nil {
		return fmt.Errorf("write how this server is reached: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone once renamed
	_, err = temp.Write(append(text, '\n'))
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write how this server is reached: %w", err)
	}
	return nil
}

// reachedAt is publicURL with the port the system chose, when the server was told to listen on any.
func reachedAt(publicURL string, listening net.Addr) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Port() != "0" {
		return publicURL
	}
	_, port, err := net.SplitHostPort(listening.String())
	if err != nil {
		return publicURL
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u.String()
}
