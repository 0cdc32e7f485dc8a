package egress

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		address      string
		open, closed bool // reached by default, and when private addresses are forbidden
	}{
		{"93.184.216.34:443", true, true},
		{"[2606:2800:220:1::1]:443", true, true},
		{"127.0.0.1:80", true, false},
		{"[::1]:80", true, false},
		{"0.0.0.0:80", true, false},
		{"[::ffff:127.0.0.1]:80", true, false},
		{"10.1.2.3:80", true, false},
		{"172.16.0.1:80", true, false},
		{"192.168.1.1:80", true, false},
		{"[fd00::1]:80", true, false},
		{"100.64.0.1:80", true, false},
		{"169.254.169.254:80", false, false},
		{"[::ffff:169.254.169.254]:80", false, false},
		{"[fe80::1%eth0]:80", false, false},
		{"224.0.0.1:80", false, false},
		{"/run/socket", false, false},
	} {
		if err := (Options{}).check(c.address); (err == nil) != c.open {
			t.Errorf("%s: %v", c.address, err)
		}
		if err := (Options{ForbidPrivate: true}).check(c.address); (err == nil) != c.closed {
			t.Errorf("%s with private addresses forbidden: %v", c.address, err)
		}
	}
}

func TestAClientKeepsToItsRules(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/slow":
			<-release
		}
	}))
	defer s.Close()
	defer close(release)
	r, err := NewClient(Options{}).Get(s.URL + "/away")
	if err != nil || r.StatusCode != http.StatusFound {
		t.Errorf("a redirect was followed: %v, %v", r, err)
	}
	r.Body.Close()
	_, err = NewClient(Options{Timeout: 20 * time.Millisecond}).Get(s.URL + "/slow")
	if err == nil || Plain(err).Error() != "no answer came in time" {
		t.Errorf("%v", err)
	}
	_, err = NewClient(Options{ForbidPrivate: true}).Get("http://localhost:" + s.URL[strings.LastIndex(s.URL, ":")+1:] + "/secret")
	if err == nil || !strings.Contains(Plain(err).Error(), "forbid-private-addresses") || strings.Contains(Plain(err).Error(), "secret") {
		t.Errorf("%v", err)
	}
}
