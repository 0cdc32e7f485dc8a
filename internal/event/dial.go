package event

import (
	"fmt"
	"net/netip"
	"syscall"
)

// refuseLinkLocal looks at an address when the connection is made, after names were resolved.
func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %s is not one of a network", address)
	}
	if a := ap.Addr().Unmap(); a.IsLinkLocalUnicast() || a.IsMulticast() {
		return fmt.Errorf("the address %s is link-local or multicast, which this server never calls", a)
	}
	return nil
}
