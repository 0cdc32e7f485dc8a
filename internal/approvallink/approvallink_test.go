package approvallink_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func links(t testing.TB, st store.Store) *approvallink.Links {
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return approvallink.New(keyring.New(st, box), "https://ci.example.com")
}

var link = approvallink.Link{
	Pipeline: "site", Execution: "e1", Stage: "Gate", Action: "Ask", Token: "t1", User: "AIDA1",
	Expires: time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC),
}

func TestOnlyWhatThisServerMadeOpens(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		l := links(t, st)
		approve, reject, err := l.URLs(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(approve, "https://ci.example.com/conveyor/approvals/approve/")
		if !ok || reject != "https://ci.example.com/conveyor/approvals/reject/"+text {
			t.Fatalf("%s %s", approve, reject)
		}
		if got, err := l.Open(t.Context(), text); err != nil || got != link {
			t.Errorf("%+v, %v", got, err)
		}
		for i := range text { // whatever character is changed
			forged := text[:i] + string(text[i]^1) + text[i+1:]
			if got, err := l.Open(t.Context(), forged); err == nil {
				t.Fatalf("opened %s: %+v", forged, got)
			}
		}
		for _, forged := range []string{"", ".", text + "A", text[:len(text)-1], strings.Replace(text, ".", "", 1), strings.Repeat("A", 1<<20) + "."} {
			if _, err := l.Open(t.Context(), forged); !errors.Is(err, approvallink.ErrForged) {
				t.Errorf("%.40q: %v", forged, err)
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	l := links(f, sqltest.SQLite(f))
	text, _, err := l.URLs(f.Context(), link)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.TrimPrefix(text, "https://ci.example.com/conveyor/approvals/approve/"))
	f.Add("e30.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := l.Open(t.Context(), text); err != nil && !errors.Is(err, approvallink.ErrForged) {
			t.Error(err)
		}
	})
}
