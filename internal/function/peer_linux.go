package function

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// ownUserOnly refuses requests of other users of this machine: on loopback everybody can connect, and the kernel knows
// whose a connection is.
func ownUserOnly(h http.Handler) http.Handler {
	own := strconv.Itoa(os.Getuid())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if uid, found := userOf(r.RemoteAddr); found && uid != own {
			http.Error(w, "this is for the function's own program", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// userOf looks up whose the local end of a connection over IPv4 is.
func userOf(address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	ip := net.ParseIP(host).To4()
	number, perr := strconv.Atoi(port)
	if err != nil || perr != nil || ip == nil {
		return "", false
	}
	// The kernel prints the address in the byte order of the machine; the port tells connections of loopback apart.
	suffix := fmt.Sprintf(":%04X", number)
	table, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", false
	}
	defer table.Close()
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		const established = "01"
		if len(fields) > 7 && strings.HasSuffix(fields[1], suffix) && fields[3] == established {
			return fields[7], true
		}
	}
	return "", false
}
