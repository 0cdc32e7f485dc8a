package s3

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
)

// gateway is versitygw's S3 server, reachable by nobody but this process: it listens on a socket in a directory of our
// own, and a reverse proxy on the public port hands requests to it as they came.
type gateway struct {
	server *s3api.S3ApiServer
	dir    string
	proxy  *httputil.ReverseProxy
	done   chan error
	trust  string
}

// Limits of concurrency; a request beyond them is answered 503 SlowDown, which clients repeat.
const (
	maxConnections = 4096
	maxRequests    = 2048
)

// trustHeader carries a secret of this process on anonymous requests which the front has found to be allowed by an
// object's ACL, of which the gateway knows nothing.
const trustHeader = "X-Conveyor-Trust"

// clientHeader carries the client's address, which policies may ask for and the socket does not know.
const clientHeader = "X-Conveyor-Client"

func startGateway(ctx context.Context, be *objects, ids *identities, region, runtimeDir string, hosts domains, log *slog.Logger) (*gateway, error) {
	dir, err := os.MkdirTemp(runtimeDir, "conveyor-s3-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("make a directory for the S3 socket: %w", err)
	}
	g := &gateway{dir: dir, done: make(chan error, 1), trust: rand.Text()}
	ready := make(chan struct{})
	// The gateway's own root is nobody's: no request is signed with it.
	root := middlewares.RootUserConfig{Access: rand.Text(), Secret: rand.Text()}
	g.server, err = s3api.New(be, root, region, ids, nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithConcurrencyLimiter(maxConnections, maxRequests),
		s3api.WithMpMaxParts(10000), s3api.WithMiddleware("/", g.prepare(hosts)), s3api.WithOnListen(func() { close(ready) }))
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("set up the S3 protocol: %w", err)
	}
	socket := filepath.Join(dir, "s3.sock")
	go func() { g.done <- g.server.ServeMultiPort([]string{socket}) }()
	select {
	case <-ready:
	case err := <-g.done:
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("serve S3 on %s: %w", socket, err)
	case <-ctx.Done():
		g.close()
		return nil, ctx.Err()
	}
	g.proxy = newProxy(socket, log)
	return g, nil
}

// prepare turns BUCKET.host/key into /BUCKET/key, and lets requests pass that the front has approved.
func (g *gateway) prepare(hosts domains) fiber.Handler {
	return func(c fiber.Ctx) error {
		if t := c.Get(trustHeader); t != "" && subtle.ConstantTimeCompare([]byte(t), []byte(g.trust)) == 1 {
			c.Locals("authenticated", true)
			c.Locals("public-bucket", true)
		}
		if addr, err := netip.ParseAddrPort(c.Get(clientHeader)); err == nil {
			c.RequestCtx().SetRemoteAddr(net.TCPAddrFromAddrPort(addr))
		}
		if b := hosts.bucket(string(c.Request().Host())); b != "" {
			// The signature covers the path without the bucket; the gateway encodes it again to check.
			path := string(c.Request().URI().PathOriginal())
			signed, err := url.PathUnescape(path)
			if err != nil {
				return err
			}
			c.Locals("original-uri-path", signed)
			if path == "/" {
				path = ""
			}
			c.Path("/" + b + path)
		}
		return c.Next()
	}
}

func newProxy(socket string, log *slog.Logger) *httputil.ReverseProxy {
	var d net.Dialer
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", "s3"
			p.Out.URL.RawQuery = p.In.URL.RawQuery // as signed, not as Go would clean it
			p.Out.Host = p.In.Host
			p.Out.Header.Del("Expect") // we have read the request already
			// Set here and not before: a client can have headers dropped on the way by naming them in Connection.
			p.Out.Header.Set(clientHeader, p.In.RemoteAddr)
		},
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return d.DialContext(ctx, "unix", socket)
			},
			MaxIdleConns:        256,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
			WriteBufferSize:     64 << 10,
			ReadBufferSize:      64 << 10,
		},
		FlushInterval: -1,
		BufferPool:    newBufferPool(),
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Server", serverName)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var long *http.MaxBytesError
			switch {
			case errors.As(err, &long):
				writeError(w, r, tooLong())
				return
			case r.Context().Err() != nil:
				return // the client went away
			}
			log.WarnContext(r.Context(), "an S3 request could not be served", "method", r.Method, "path", r.URL.Path, "error", err)
			writeError(w, r, &apiError{Code: "SlowDown", Message: "Please reduce your request rate.", Status: http.StatusServiceUnavailable})
		},
	}
}

func (g *gateway) close() {
	if g.proxy != nil {
		g.proxy.Transport.(*http.Transport).CloseIdleConnections()
	}
	_ = g.server.ShutDown()
	_ = os.RemoveAll(g.dir)
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request, trusted bool) {
	r.Header.Del(trustHeader)
	if trusted {
		r.Header.Set(trustHeader, g.trust)
	}
	g.proxy.ServeHTTP(w, r)
}

// ownerOf is the account that owns everything.
func ownerOf(account string) auth.Account {
	return auth.Account{Access: account, Role: auth.RoleAdmin, Arn: "arn:aws:iam::" + account + ":root"}
}
