package build

import (
	"slices"
	"strings"
)

// hidden is what the log shows in place of a secret.
const hidden = "***"

// leastLine is how long a line of a secret of several lines must be to be hidden by itself: hiding every brace would make
// the log of a secret in JSON unreadable and protect nothing.
const leastLine = 4

// mask hides secrets in texts of one line.
type mask struct {
	secrets []string
	longest int
}

// add hides a secret from now on; one of several lines is hidden line by line.
func (m *mask) add(secret string) {
	lines := strings.FieldsFunc(secret, func(c rune) bool { return c == '\n' || c == '\r' })
	for _, line := range lines {
		short := len(lines) > 1 && len(strings.TrimSpace(line)) < leastLine
		if short || slices.Contains(m.secrets, line) {
			continue
		}
		m.secrets = append(m.secrets, line)
		m.longest = max(m.longest, len(line))
	}
}

// hide replaces every secret in a text. Where secrets overlap nothing of either is left.
func (m *mask) hide(text string) string {
	type span struct{ from, to int }
	var spans []span
	for _, s := range m.secrets {
		for at := 0; ; {
			i := strings.Index(text[at:], s)
			if i < 0 {
				break
			}
			spans = append(spans, span{at + i, at + i + len(s)})
			at += i + 1
		}
	}
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	end := 0
	for i, s := range spans {
		if i > 0 && s.from < end {
			end = max(end, s.to)
			continue
		}
		out.WriteString(text[end:s.from])
		out.WriteString(hidden)
		end = s.to
	}
	out.WriteString(text[end:])
	return out.String()
}

// contains reports whether a text holds a secret.
func (m *mask) contains(text string) bool {
	return slices.ContainsFunc(m.secrets, func(s string) bool { return strings.Contains(text, s) })
}
