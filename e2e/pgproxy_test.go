package e2e

import (
	"bytes"
	endian "encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pgProxy stands between a server and PostgreSQL and knows when a transaction commits, and what it has written. So a test
// hits a server from outside on either side of any commit: before the database hears of it, or when it is durable and the
// server has not heard so.
type pgProxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	conns  map[net.Conn]bool
	strike func(kind string, side side) bool // asked at every commit; true: it struck, the connection ends
}

// side is where a commit is hit.
type side int

const (
	beforeCommit side = iota // the database never hears of it
	afterCommit              // it is durable, and the server never hears of that
)

func (s side) String() string { return [...]string{"before", "after"}[s] }

func startProxy(t *testing.T, target string) *pgProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pgProxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = listener.Close(); p.cutAll() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

func (p *pgProxy) addr() string { return p.listener.Addr().String() }

// onCommit sets what is asked at every commit; nil lets all pass.
func (p *pgProxy) onCommit(strike func(kind string, side side) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strike = strike
}

func (p *pgProxy) struck(kind string, side side) bool {
	p.mu.Lock()
	strike := p.strike
	p.mu.Unlock()
	return strike != nil && strike(kind, side)
}

// cutAll ends every connection, as a network that fails does.
func (p *pgProxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *pgProxy) track(c net.Conn, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

// pgConn is one connection through the proxy.
type pgConn struct {
	proxy          *pgProxy
	client, server net.Conn
	prepared       map[string]string // statements by name
	writes         []string          // of the transaction under way

	mu         sync.Mutex
	committing string // the kind of the commit whose answer is awaited
}

func (p *pgProxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &pgConn{proxy: p, client: client, server: server, prepared: map[string]string{}}
	p.track(client, true)
	defer p.track(client, false)
	var both sync.WaitGroup
	for _, relay := range []func() error{c.relayClient, c.relayServer} {
		both.Go(func() {
			_ = relay() // it ends with the connection, whichever way
			_ = client.Close()
			_ = server.Close()
		})
	}
	both.Wait()
}

// readMessage reads one message of PostgreSQL's protocol: a type, except in the first, a length, a body.
func readMessage(r io.Reader, first bool) (kind byte, whole []byte, err error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	if !first {
		kind = head[0]
	}
	size := endian.BigEndian.Uint32(head[len(head)-4:])
	if size < 4 || size > 1<<30 {
		return 0, nil, fmt.Errorf("a message of %d bytes", size)
	}
	whole = make([]byte, len(head)+int(size)-4)
	copy(whole, head)
	_, err = io.ReadFull(r, whole[len(head):])
	return kind, whole, err
}

func (c *pgConn) relayClient() error {
	for first := true; ; first = false {
		kind, whole, err := readMessage(c.client, first)
		if err != nil {
			return err
		}
		if !first {
			c.note(kind, whole[5:])
		}
		if kind == 'Q' && string(whole[5:]) == "COMMIT\x00" && len(c.writes) > 0 {
			what := c.kind()
			if c.proxy.struck(what, beforeCommit) {
				return nil
			}
			c.mu.Lock()
			c.committing = what
			c.mu.Unlock()
		}
		if _, err := c.server.Write(whole); err != nil {
			return err
		}
	}
}

// relayServer passes answers on, except that of a commit which is struck after it.
func (c *pgConn) relayServer() error {
	for {
		kind, whole, err := readMessage(c.server, false)
		if err != nil {
			return err
		}
		c.mu.Lock()
		committing := c.committing
		if kind == 'Z' {
			c.committing = ""
		}
		c.mu.Unlock()
		if kind == 'C' && committing != "" && bytes.Equal(whole[5:], []byte("COMMIT\x00")) && c.proxy.struck(committing, afterCommit) {
			return nil
		}
		if _, err := c.client.Write(whole); err != nil {
			return err
		}
	}
}

// note keeps track of what a transaction writes.
func (c *pgConn) note(kind byte, body []byte) {
	text := func() string {
		s, rest, _ := bytes.Cut(body, []byte{0})
		body = rest
		return string(s)
	}
	switch kind {
	case 'Q':
		if query := text(); strings.HasPrefix(query, "BEGIN") {
			c.writes = nil
		} else {
			c.write(query)
		}
	case 'P': // name, statement
		name := text()
		c.prepared[name] = text()
	case 'B': // portal, name
		text()
		c.write(c.prepared[text()])
	}
}

var writing = regexp.MustCompile(`(?is)^\s*(INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)`)

func (c *pgConn) write(query string) {
	if m := writing.FindStringSubmatch(query); m != nil {
		verb, _, _ := strings.Cut(strings.ToUpper(m[1]), " ")
		c.writes = append(c.writes, verb+" "+m[2])
	}
}

// kind is what a transaction has written: verbs and tables, in order of their names.
func (c *pgConn) kind() string {
	sorted := slices.Clone(c.writes)
	slices.Sort(sorted)
	return strings.Join(slices.Compact(sorted), ", ")
}
