package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type sinkKey struct{}

// sink is an HTTP endpoint that remembers the numbers in what it was sent.
type sink struct {
	address string
	secret  string

	mu     sync.Mutex
	server *http.Server
	got    []string // in the order of their first arrival
	wrong  string   // what was wrong with a request
}

// cmdSink is an HTTP endpoint that events are sent to. It remembers detail.n of each, once however often it came.
//
//	sink start [SECRET]    its URL is then in $SINK; with a secret it checks X-Conveyor-Signature
//	sink stop              nobody answers until it is started again
//	sink await N           waits until it has got 1 to N, and checks that they came in order
func cmdSink(ts *testscript.TestScript, neg bool, args []string) {
	const synopsis = "sink start [SECRET] | stop | await N"
	usage(ts, !neg && len(args) >= 1, synopsis)
	s, ok := ts.Value(sinkKey{}).(*sink)
	if !ok {
		ts.Fatalf("no sink")
	}
	switch args[0] {
	case "start":
		if len(args) > 1 {
			s.secret = args[1]
		}
		check(ts, s.start())
		ts.Setenv("SINK", "http://"+s.address)
		ts.Defer(s.stop)
	case "stop":
		s.stop()
	case "await":
		usage(ts, len(args) == 2, synopsis)
		check(ts, s.await(args[1]))
	default:
		usage(ts, false, synopsis)
	}
}

func (s *sink) start() error {
	if s.address == "" {
		s.address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = listener.Addr().String()
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.server)
	return nil
}

func (s *sink) stop() {
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

func (s *sink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e struct {
		Detail struct{ N json.Number }
	}
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := string(e.Detail.N); {
	case err != nil:
		s.wrong = fmt.Sprintf("%s: %v", body, err)
	case s.secret != "" && !signed(r.Header.Get("X-Conveyor-Signature"), s.secret, body):
		s.wrong = "the signature " + r.Header.Get("X-Conveyor-Signature") + " is wrong"
	case !slices.Contains(s.got, n):
		s.got = append(s.got, n)
	}
}

// signed checks a signature as a receiver would.
func signed(header, secret string, body []byte) bool {
	at, sum, _ := strings.Cut(header, ",")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.TrimPrefix(at, "t=") + "."))
	mac.Write(body)
	return hmac.Equal([]byte(strings.TrimPrefix(sum, "v1=")), []byte(hex.EncodeToString(mac.Sum(nil))))
}

func (s *sink) await(last string) error {
	deadline := time.Now().Add(90 * time.Second)
	for {
		s.mu.Lock()
		got, wrong := slices.Clone(s.got), s.wrong
		s.mu.Unlock()
		if wrong != "" {
			return fmt.Errorf("the sink was sent what it does not understand: %s", wrong)
		}
		for i, n := range got {
			if n != fmt.Sprint(i+1) {
				return fmt.Errorf("the sink got %v: number %d is out of order", got, i+1)
			}
		}
		if len(got) > 0 && got[len(got)-1] == last {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the sink got %v, and not yet %s", got, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
