package build

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSecretsAreHidden(t *testing.T) {
	var m mask
	m.add("swordfish")
	m.add("fishbone")
	m.add("-----BEGIN KEY-----\nabcdefgh\n}\n")
	for text, want := range map[string]string{
		"swordfish":              "***",
		"a swordfishbone, no":    "a ***, no",
		"the key has abcdefgh }": "the key has *** }",
		"sword fish":             "sword fish",
	} {
		if got := string(m.hide([]byte(text))); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// plainly hides secrets the slow way: every byte that belongs to one is marked, then every run of secrets becomes stars.
func plainly(secrets []string, text string) string {
	var out strings.Builder
	shown, end := 0, 0
	for at := range len(text) {
		for _, s := range secrets {
			if !strings.HasPrefix(text[at:], s) {
				continue
			}
			if at >= end {
				out.WriteString(text[shown:at] + hidden)
			}
			end = max(end, at+len(s))
			shown = end
		}
	}
	return out.String() + text[shown:]
}

// Few letters make secrets that overlap, hold and resemble each other.
func TestOnePassHidesWhatASlowSearchHides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ab\x{e9}]{1,6}|[ab]{250,300}`)
		secrets := rapid.SliceOfN(word, 0, 5).Draw(t, "secrets")
		var m mask
		for _, s := range secrets {
			m.add(s)
		}
		text := rapid.StringMatching(`[abc\x{e9}]{0,40}`).Draw(t, "text")
		if len(secrets) > 0 && rapid.Bool().Draw(t, "with a secret") {
			text += rapid.SampledFrom(secrets).Draw(t, "secret") + text
		}
		want := plainly(secrets, text)
		if got := string(m.hide([]byte(text))); got != want {
			t.Fatalf("%q without %q became %q, want %q", text, secrets, got, want)
		}
		if m.contains([]byte(text)) != (want != text) {
			t.Fatalf("contains disagrees about %q and %q", text, secrets)
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add("a sword fish\xff", "fish", "sh\xff")
	f.Add("aaaa", "a", "aa")
	f.Fuzz(func(t *testing.T, text, one, two string) {
		if strings.ContainsAny(one+two, "\r\n") || one == "" || two == "" {
			t.Skip()
		}
		var m mask
		m.add(one)
		m.add(two)
		if got, want := string(m.hide([]byte(text))), plainly([]string{one, two}, text); got != want {
			t.Errorf("%q without %q and %q became %q, want %q", text, one, two, got, want)
		}
	})
}

// BenchmarkMask looks for ten secrets in output that has none.
func BenchmarkMask(b *testing.B) {
	var m mask
	for i := range 10 {
		m.add(fmt.Sprintf("%dJalrXUtnFEMI/K7MDENG/%d", i, i*i))
	}
	text := bytes.Repeat([]byte("[12/99] CC src/module/file.c -O2 -Wall -o out/12.o\n"), 1200)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if m.contains(text) {
			b.Fatal("a secret was found")
		}
	}
}

// However a command's output is cut into chunks and lines, no secret is in the log.
func TestNoSecretIsLoggedAcrossChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-z]{8,40}`).Draw(t, "secret")
		before := rapid.IntRange(0, 2*maxLine).Draw(t, "before")
		chunk := rapid.IntRange(1, 3*maxLine).Draw(t, "chunk")
		logs := &lateLogs{}
		l := openLog(t.Context(), logs, "group", "stream", time.Now, slog.New(slog.DiscardHandler))
		l.hide(secret)
		output := strings.Repeat(".", before) + secret + strings.Repeat(".", 2*maxLine)
		for len(output) > 0 {
			n := min(chunk, len(output))
			_, _ = l.Write([]byte(output[:n]))
			output = output[n:]
		}
		l.Close()
		whole := strings.Join(logs.lines, "")
		if strings.Contains(whole, secret) || !strings.Contains(whole, hidden) {
			t.Fatalf("the log shows the secret, or does not show that it is hidden")
		}
	})
}
