package githost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func lines(payloads ...string) string {
	var b strings.Builder
	for _, p := range payloads {
		b.Write(pkt(p))
	}
	return b.String()
}

func TestReadPushRequest(t *testing.T) {
	good := lines("shallow "+idA, zeroID+" "+idA+" refs/heads/main\x00 report-status side-band-64k agent=git/2.39", idA+" "+zeroID+" refs/tags/v1\n") + "0000"
	in := strings.NewReader(good + "PACKrest")
	req, err := readPushRequest(in)
	if err != nil {
		t.Fatal(err)
	}
	want := []gitrepo.RefUpdate{{Ref: "refs/heads/main", New: idA}, {Ref: "refs/tags/v1", Old: idA}}
	if !slices.Equal(req.updates, want) {
		t.Errorf("updates %+v, want %+v", req.updates, want)
	}
	if string(req.raw) != good || !req.capabilities["side-band-64k"] {
		t.Errorf("raw %q, capabilities %v", req.raw, req.capabilities)
	}
	if rest, _ := io.ReadAll(in); string(rest) != "PACKrest" {
		t.Errorf("left for git: %q", rest)
	}

	for name, bad := range map[string]string{
		"empty":             "",
		"no flush":          lines(zeroID + " " + idA + " refs/heads/main"),
		"cut length":        "00",
		"cut payload":       "0032abc",
		"not hex":           "00xz",
		"signed length":     "+032",
		"length 3":          "0003",
		"too long":          "fff5" + strings.Repeat("a", 70000),
		"delimiter":         "0001",
		"short id":          lines("aaaa bbbb refs/heads/main") + "0000",
		"id not hex":        lines(strings.Repeat("g", 40)+" "+idA+" refs/heads/main") + "0000",
		"id in upper case":  lines(strings.Repeat("A", 40)+" "+idA+" refs/heads/main") + "0000",
		"no ref":            lines(idA+" "+idB+" ") + "0000",
		"something else":    lines("hello") + "0000",
		"too many commands": strings.Repeat(lines(idA+" "+idB+" refs/heads/main"), maxCommands+2) + "0000",
	} {
		if _, err := readPushRequest(strings.NewReader(bad)); !errors.Is(err, errPkt) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseReport(t *testing.T) {
	for _, c := range []struct {
		name, data string
		complete   bool
		ok         []string
	}{
		{"one", lines("unpack ok\n", "ok refs/heads/main\n") + "0000", true, []string{"refs/heads/main"}},
		{"mixed, version 2", lines("unpack ok\n", "ng refs/heads/a failed to update ref\n", "ok refs/heads/b\n", "option forced-update\n") + "0000", true, []string{"refs/heads/b"}},
		{"unpack failed", lines("unpack index-pack abnormal exit\n", "ng refs/heads/a unpacker error\n") + "0000", true, nil},
		{"cut", lines("unpack ok\n", "ok refs/heads/a\n"), false, []string{"refs/heads/a"}},
		{"empty", "", false, nil},
	} {
		if got := parseReport([]byte(c.data)); got.complete != c.complete || !slices.Equal(got.ok, c.ok) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestSideband(t *testing.T) {
	payload := bytes.Repeat([]byte("x"), maxPkt+10)
	var got []byte
	r := bytes.NewReader(sideband(bandError, payload))
	for {
		_, p, _, err := readPkt(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || p[0] != bandError {
			t.Fatalf("%v, band %d", err, p[0])
		}
		got = append(got, p[1:]...)
	}
	if !bytes.Equal(got, payload) {
		t.Errorf("%d bytes came back of %d", len(got), len(payload))
	}
}

// Whatever a client sends, the parser ends, keeps to its limits, and hands git exactly what it has read.
func FuzzReadPushRequest(f *testing.F) {
	f.Add([]byte(lines(zeroID+" "+idA+" refs/heads/main\x00report-status") + "0000PACK"))
	f.Add([]byte(lines("shallow "+idA, idA+" "+idB+" refs/heads/main") + "0000"))
	f.Add([]byte("0000"))
	f.Add([]byte("0004000500010002"))
	f.Add([]byte(fmt.Sprintf("%04x", maxPkt)))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		req, err := readPushRequest(in)
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(in)
		if !bytes.Equal(append(slices.Clone(req.raw), rest...), data) {
			t.Errorf("git would get %q of %q", req.raw, data)
		}
		for _, u := range req.updates {
			for _, id := range []string{u.Old, u.New} {
				if id != "" && !gitrepo.ValidID(id) {
					t.Errorf("id %q", id)
				}
			}
			if u.Ref == "" {
				t.Error("an update without a ref")
			}
		}
	})
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(lines("unpack ok\n", "ok refs/heads/main\n") + "0000"))
	f.Fuzz(func(t *testing.T, data []byte) { parseReport(data) })
}
