package gitrepo

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Modes of tree entries, as git stores them.
const (
	ModeFile       = 0o100644
	ModeExecutable = 0o100755
	ModeSymlink    = 0o120000
	ModeFolder     = 0o040000
	ModeSubmodule  = 0o160000
)

// Entry is one entry of a tree.
type Entry struct {
	Name string // one path segment
	Mode uint32 // one of the Mode constants
	ID   string
}

// parseTree reads a tree object. Entries come in git's order: folders sort as if their name ended in a slash.
func parseTree(data []byte) ([]Entry, error) {
	var entries []Entry
	for len(data) > 0 {
		mode, rest, ok := bytes.Cut(data, []byte{' '})
		name, tail, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(tail) < 20 {
			return nil, fmt.Errorf("damaged tree object")
		}
		m, err := strconv.ParseUint(string(mode), 8, 32)
		if err != nil || len(name) == 0 {
			return nil, fmt.Errorf("damaged tree object: entry %q has mode %q", name, mode)
		}
		entries = append(entries, Entry{Name: string(name), Mode: normalMode(uint32(m)), ID: hex.EncodeToString(tail[:20])})
		data = tail[20:]
	}
	return entries, nil
}

// normalMode maps the modes of old commits (0100664 and the like) to those git uses today.
func normalMode(m uint32) uint32 {
	switch m & 0o170000 {
	case 0o040000:
		return ModeFolder
	case 0o120000:
		return ModeSymlink
	case 0o160000:
		return ModeSubmodule
	}
	if m&0o100 != 0 {
		return ModeExecutable
	}
	return ModeFile
}

// parseCommit reads a commit object.
func parseCommit(id string, data []byte) (Commit, error) {
	head, message, _ := strings.Cut(string(data), "\n\n")
	c := Commit{ID: id, Message: strings.ToValidUTF8(message, "\uFFFD")}
	var extra []string
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.AuthorName, c.AuthorEmail, c.AuthorDate = parseIdent(value)
		case "committer":
			c.CommitterName, c.CommitterEmail, c.CommitterDate = parseIdent(value)
		default:
			extra = append(extra, line)
		}
	}
	c.Additional = strings.ToValidUTF8(strings.Join(extra, "\n"), "\uFFFD")
	if !ValidID(c.Tree) {
		return Commit{}, fmt.Errorf("damaged commit object %s", id)
	}
	return c, nil
}

// parseIdent reads "Name <email> seconds zone". The time keeps its zone.
func parseIdent(s string) (name, email string, at time.Time) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		return s, "", time.Time{}
	}
	name, email = strings.TrimSpace(s[:open]), s[open+1:end]
	fields := strings.Fields(s[end+1:])
	if len(fields) == 0 {
		return name, email, time.Time{}
	}
	sec, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return name, email, time.Time{}
	}
	at = time.Unix(sec, 0).UTC()
	if len(fields) > 1 {
		if zone, ok := parseZone(fields[1]); ok {
			at = at.In(zone)
		}
	}
	return name, email, at
}

// parseZone reads a zone such as +0130.
func parseZone(s string) (*time.Location, bool) {
	if len(s) != 5 || (s[0] != '+' && s[0] != '-') {
		return nil, false
	}
	n, err := strconv.Atoi(s[1:])
	if err != nil || n < 0 {
		return nil, false
	}
	seconds := (n/100*60 + n%100) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	if seconds == 0 {
		return time.UTC, true
	}
	return time.FixedZone("", seconds), true
}
