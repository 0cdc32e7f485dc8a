// Package egress makes HTTP clients for addresses that users of the server name.
//
// Such a client runs with the server's place in the network, so it may reach what its users cannot. It therefore never
// reaches link-local addresses, where clouds keep the credentials of their machines, follows no redirects, which could
// lead where the user could not point it, and, when told so, stays away from the loopback and from private networks. The
// address is looked at when the connection is made, after names were resolved. The default reaches private networks:
// what a self-hosted server is asked to notify usually lives there.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Options tune a client.
type Options struct {
	// Timeout bounds a request with its answer; default 15 s.
	Timeout time.Duration
	// ForbidPrivate refuses addresses of the loopback and of private networks.
	ForbidPrivate bool
	// Once keeps no connection for the next request.
	Once bool
}

// NewClient makes a client. Proxies are those of the environment; the rules then hold for the proxy's address.
func NewClient(o Options) *http.Client {
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	dialer := &net.Dialer{Timeout: o.Timeout, Control: func(_, address string, _ syscall.RawConn) error { return o.check(address) }}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = dialer.DialContext
	t.MaxResponseHeaderBytes = 64 << 10
	t.MaxIdleConnsPerHost = 1
	t.DisableKeepAlives = o.Once
	return &http.Client{
		Timeout: o.Timeout, Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// carrier is the address space that providers use between their customers and themselves.
var carrier = netip.MustParsePrefix("100.64.0.0/10")

func (o Options) check(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %s is not one of a network", address)
	}
	a := ap.Addr().Unmap().WithZone("")
	switch {
	case a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsLinkLocalMulticast():
		return fmt.Errorf("the address %s is link-local or multicast, which this server never calls", a)
	case o.ForbidPrivate && (a.IsPrivate() || a.IsLoopback() || a.IsUnspecified() || carrier.Contains(a)):
		return fmt.Errorf("the address %s is private, and the setting forbid-private-addresses keeps this server from calling it", a)
	}
	return nil
}

// Plain is an error of a client without the URL in it, which may be a secret.
func Plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() || errors.Is(err, context.DeadlineExceeded) {
			return errors.New("no answer came in time")
		}
		return u.Err
	}
	return err
}
