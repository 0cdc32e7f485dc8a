package githost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// errPkt says that a client did not speak git's protocol.
var errPkt = errors.New("not a valid git request")

const (
	zeroID = "0000000000000000000000000000000000000000"
	// maxCommands bounds the part of a push that is kept in memory: the ref updates before the pack.
	maxCommands      = 20_000
	maxCommandBytes  = 8 << 20
	maxPkt           = 65520
	maxReportBytes   = 16 << 20
	bandReport       = 1
	bandProgress     = 2
	bandError        = 3
	sidebandOverhead = 5
)

// readPkt reads one pkt-line: four hexadecimal digits that count themselves, and the payload. Flush packets and the
// like (0000, 0001, 0002) have no payload and special set. raw is everything that was read.
func readPkt(r io.Reader) (raw, payload []byte, special bool, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, nil, false, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 32)
	if err != nil || n == 3 || n > maxPkt {
		return nil, nil, false, fmt.Errorf("%w: packet length %q", errPkt, head[:])
	}
	if n < 3 {
		return head[:], nil, true, nil
	}
	raw = make([]byte, n)
	copy(raw, head[:])
	if _, err := io.ReadFull(r, raw[4:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, false, err
	}
	return raw, raw[4:], false, nil
}

// pkt is payload as a pkt-line.
func pkt(payload string) []byte {
	return fmt.Appendf(nil, "%04x%s", len(payload)+4, payload)
}

// pushRequest is what a push begins with.
type pushRequest struct {
	raw          []byte // the commands as they came, for git
	updates      []gitrepo.RefUpdate
	capabilities map[string]bool
}

// readPushRequest reads the commands of a push, up to the flush packet; the pack that follows is left in r.
//
//	push     = *( "shallow" SP id ) command *command flush
//	command  = old SP new SP ref [ NUL capabilities ]
func readPushRequest(r io.Reader) (pushRequest, error) {
	req := pushRequest{capabilities: map[string]bool{}}
	for {
		raw, payload, special, err := readPkt(r)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: it ends within the list of refs", errPkt)
			}
			return pushRequest{}, err
		}
		req.raw = append(req.raw, raw...)
		if len(req.raw) > maxCommandBytes || len(req.updates) > maxCommands {
			return pushRequest{}, fmt.Errorf("%w: more than %d refs in one push", errPkt, maxCommands)
		}
		if special {
			if string(raw) != "0000" {
				return pushRequest{}, fmt.Errorf("%w: packet %s in the list of refs", errPkt, raw)
			}
			return req, nil
		}
		if err := req.line(string(payload)); err != nil {
			return pushRequest{}, err
		}
	}
}

// line reads one line of the list.
func (req *pushRequest) line(line string) error {
	line = strings.TrimSuffix(line, "\n")
	line, caps, has := strings.Cut(line, "\x00")
	if has {
		for c := range strings.FieldsSeq(caps) {
			req.capabilities[c] = true
		}
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasPrefix(line, "shallow ") {
		return nil
	}
	if len(line) < 83 || line[40] != ' ' || line[81] != ' ' {
		return fmt.Errorf("%w: ref update %.100q", errPkt, line)
	}
	u := gitrepo.RefUpdate{Old: line[:40], New: line[41:81], Ref: line[82:]}
	for _, id := range []*string{&u.Old, &u.New} {
		switch {
		case *id == zeroID:
			*id = ""
		case !gitrepo.ValidID(*id):
			return fmt.Errorf("%w: object id %.60q", errPkt, *id)
		}
	}
	req.updates = append(req.updates, u)
	return nil
}

// report is what git says about a push: whether the pack was taken, and what became of each ref.
type report struct {
	complete bool     // it ended with a flush packet
	ok       []string // refs that were changed
}

// parseReport reads a report (report-status, report-status-v2).
func parseReport(data []byte) report {
	var rep report
	r := bytes.NewReader(data)
	for {
		_, payload, special, err := readPkt(r)
		if err != nil {
			return rep
		}
		if special {
			rep.complete = true
			return rep
		}
		if ref, ok := strings.CutPrefix(strings.TrimSuffix(string(payload), "\n"), "ok "); ok {
			rep.ok = append(rep.ok, ref)
		}
	}
}

// sideband is payload in packets of one band.
func sideband(band byte, payload []byte) []byte {
	var out []byte
	for len(payload) > 0 {
		n := min(len(payload), maxPkt-sidebandOverhead)
		out = fmt.Appendf(out, "%04x%c", n+sidebandOverhead, band)
		out = append(out, payload[:n]...)
		payload = payload[n:]
	}
	return out
}
