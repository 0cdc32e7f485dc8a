package build

import (
	"bytes"
	"slices"
	"strings"
)

// hidden is what the log shows in place of a secret.
const hidden = "***"

// leastLine is how long a line of a secret of several lines must be to be hidden by itself: hiding every brace would make
// the log of a secret in JSON unreadable and protect nothing.
const leastLine = 4

// mask hides secrets in texts. It finds all of them in one pass, as Wu and Manber's algorithm does: two bytes of the text
// tell how far ahead the nearest secret can be, so that most of the text is never looked at.
type mask struct {
	secrets [][]byte // the longest first; each of one line
	longest int      // length of the longest
	least   int      // length of the shortest, or what of it counts

	// skip tells by two bytes of a text how many more bytes the first least bytes of any secret need to end.
	skip []uint8
}

const (
	pairs    = 1 << 13 // small enough for the processor's nearest cache
	mostSkip = 255
)

// pair is the place of two bytes in mask.skip. Those that share a place cost time, not secrets.
func pair(a, b byte) int { return (int(a)<<5 ^ int(b)) % pairs }

// add hides a secret from now on; one of several lines is hidden line by line.
func (m *mask) add(secret string) {
	lines := strings.FieldsFunc(secret, func(c rune) bool { return c == '\n' || c == '\r' })
	for _, line := range lines {
		short := len(lines) > 1 && len(strings.TrimSpace(line)) < leastLine
		if !short && !slices.ContainsFunc(m.secrets, func(s []byte) bool { return string(s) == line }) {
			m.secrets = append(m.secrets, []byte(line))
		}
	}
	if len(m.secrets) > 0 {
		m.plan()
	}
}

// plan readies the search.
func (m *mask) plan() {
	slices.SortStableFunc(m.secrets, func(a, b []byte) int { return len(b) - len(a) })
	m.longest = len(m.secrets[0])
	m.least = min(len(m.secrets[len(m.secrets)-1]), mostSkip)
	m.skip = bytes.Repeat([]byte{uint8(m.least - 1)}, pairs)
	for _, s := range m.secrets {
		for end := 2; end <= m.least; end++ {
			at := pair(s[end-2], s[end-1])
			m.skip[at] = min(m.skip[at], uint8(m.least-end))
		}
	}
}

// next finds the first place from from on where a secret begins, and the end of the longest that begins there.
func (m *mask) next(text []byte, from int) (start, end int, ok bool) {
	if len(m.secrets) == 0 {
		return 0, 0, false
	}
	for i := from + m.least; i <= len(text); {
		if skip := m.skip[pair(text[max(i-2, 0)], text[i-1])]; skip > 0 {
			i += int(skip)
			continue
		}
		for _, s := range m.secrets {
			if bytes.HasPrefix(text[i-m.least:], s) {
				return i - m.least, i - m.least + len(s), true
			}
		}
		i++
	}
	return 0, 0, false
}

// hide replaces every secret in a text. Where secrets overlap nothing of either is left. A text without any is returned as
// it is.
func (m *mask) hide(text []byte) []byte {
	var out []byte
	shown := 0 // what is before it has been dealt with
	for start, end, ok := m.next(text, 0); ok; start, end, ok = m.next(text, start+1) {
		if start >= shown {
			out = append(append(out, text[shown:start]...), hidden...)
		}
		shown = max(shown, end)
	}
	if shown == 0 {
		return text
	}
	return append(out, text[shown:]...)
}

// contains reports whether a text holds a secret.
func (m *mask) contains(text []byte) bool {
	_, _, ok := m.next(text, 0)
	return ok
}
