package build

import (
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
		if got := m.hide(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
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
