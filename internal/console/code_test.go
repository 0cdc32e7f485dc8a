package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// commits makes a repository with n commits and returns the newest one's id.
func (h *house) commits(t *testing.T, name string, n int) string {
	t.Helper()
	if _, err := h.repos.Create(t.Context(), gitrepo.Repository{Name: name}); err != nil {
		t.Fatal(err)
	}
	var tip string
	for i := range n {
		made, err := h.repos.Apply(t.Context(), name, gitrepo.Edit{
			Branch: "main", AnyParent: true, Message: fmt.Sprintf("change %d", i), AuthorName: "Mina", AuthorEmail: "mina@example.com", At: time.Unix(int64(1e9+i), 0),
			Changes: []gitrepo.Change{{Path: fmt.Sprintf("files/%d", i), Content: []byte("x")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		tip = made.Commit
	}
	return tip
}

func TestAHistoryComesInPages(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.root)
	h.commits(t, "site", 42)
	type page struct {
		Commits []struct{ Message string }
		Next    int
	}
	read := func(query string) (p page) {
		w := h.ask("GET", "/conveyor/console/code/site/commits?"+query, cookie, "", nil)
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return p
	}
	first := read("tip=main")
	if len(first.Commits) != 40 || first.Next != 40 || first.Commits[0].Message != "change 41\n" {
		t.Errorf("the first page: %+v", first)
	}
	if rest := read("tip=main&after=40"); len(rest.Commits) != 2 || rest.Next != 0 || rest.Commits[1].Message != "change 0\n" {
		t.Errorf("the second page: %+v", rest)
	}
	if one := read("path=files/7"); len(one.Commits) != 1 || one.Commits[0].Message != "change 7\n" {
		t.Errorf("of a file: %+v", one)
	}
}

func TestTagsAreMadeListedAndRemoved(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.root)
	tip := h.commits(t, "site", 1)
	for _, c := range []struct {
		method, path, want string
		status             int
	}{
		{"PUT", "tags/release/v1?commit=" + tip, "", 204},
		{"PUT", "tags/release/v1?commit=" + tip, "TagNameExistsException", 400},
		{"PUT", "tags/a..b?commit=" + tip, "InvalidReferenceNameException", 400},
		{"GET", "references", `"name":"release/v1","tag":true`, 200},
		{"DELETE", "tags/release/v1", "", 204},
		{"DELETE", "tags/release/v1", "ReferenceDoesNotExistException", 400},
		{"GET", "commits?tip=release/v1", "ReferenceDoesNotExistException", 400},
		{"GET", "commits?path=../x", "InvalidPathException", 400},
	} {
		w := h.ask(c.method, "/conveyor/console/code/site/"+c.path, cookie, "", nil)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, w.Code, w.Body, c.status, c.want)
		}
	}
	if w := h.ask("GET", "/conveyor/console/code/nothing/references", cookie, "", nil); !strings.Contains(w.Body.String(), "RepositoryDoesNotExistException") {
		t.Errorf("no repository: %d %s", w.Code, w.Body)
	}
}

func TestCodeIsShownToWhoMaySeeIt(t *testing.T) {
	h := open(t)
	tip := h.commits(t, "site", 1)
	cookie := h.signIn(t, h.user(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["codecommit:GetReferences","codecommit:GetCommitHistory"],"Resource":"arn:aws:codecommit:*:*:site"}]}`))
	for path, want := range map[string]int{"site/references": 200, "site/commits": 200, "other/references": 403, "other/commits": 403} {
		if w := h.ask("GET", "/conveyor/console/code/"+path, cookie, "", nil); w.Code != want && !(want == 403 && strings.Contains(w.Body.String(), "AccessDenied")) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := h.ask("PUT", "/conveyor/console/code/site/tags/v1?commit="+tip, cookie, "", nil); !strings.Contains(w.Body.String(), "codecommit:GitPush") {
		t.Errorf("a reader made a tag: %d %s", w.Code, w.Body)
	}
}

func TestAPolicyMayNameTheTagsThatAreMade(t *testing.T) {
	h := open(t)
	tip := h.commits(t, "site", 1)
	cookie := h.signIn(t, h.user(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codecommit:GitPush","Resource":"*",
		"Condition":{"StringLike":{"codecommit:References":"refs/tags/try/*"}}}]}`))
	for tag, want := range map[string]int{"try/1": http.StatusNoContent, "v1": http.StatusBadRequest} {
		if w := h.ask("PUT", "/conveyor/console/code/site/tags/"+tag+"?commit="+tip, cookie, "", nil); w.Code != want {
			t.Errorf("%s: %d %s, want %d", tag, w.Code, w.Body, want)
		}
	}
}
