package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Repositories is what the console asks of hosted repositories beyond CodeCommit's API, which knows no tags and tells a
// history one commit at a time. Implemented by *gitrepo.Store.
type Repositories interface {
	Arn(name string) string
	References(ctx context.Context, repository string, limit int) ([]gitrepo.Reference, error)
	Log(ctx context.Context, repository string, o gitrepo.LogOptions) ([]gitrepo.Commit, error)
	CreateTag(ctx context.Context, repository, tag, commit, pusher string) error
	DeleteTag(ctx context.Context, repository, tag, pusher string) error
}

const (
	shownReferences = 1000
	shownCommits    = 40
)

// change is a commit in a list.
type change struct {
	ID      string   `json:"id"`
	Parents []string `json:"parents"`
	Message string   `json:"message"`
	Author  string   `json:"author"`
	Email   string   `json:"email"`
	At      int64    `json:"at"` // when it was committed, in epoch seconds
}

func changeOf(c gitrepo.Commit) change {
	return change{ID: c.ID, Parents: append([]string{}, c.Parents...), Message: c.Message, Author: c.AuthorName, Email: c.AuthorEmail, At: c.CommitterDate.Unix()}
}

// reference is a branch or a tag.
type reference struct {
	Name   string `json:"name"`
	Tag    bool   `json:"tag"`
	Commit change `json:"commit"`
}

// onCode lets through who may do action with the repository that the path names.
func (h *Handler) onCode(action string, f func(w http.ResponseWriter, r *http.Request, s session, repository string) error) http.HandlerFunc {
	return h.signedIn(func(w http.ResponseWriter, r *http.Request, s session) {
		name := r.PathValue("repository")
		asked := r
		if tag := r.PathValue("tag"); tag != "" { // policies may be about some refs only
			asked = r.WithContext(iam.WithConditions(r.Context(), map[string][]string{"codecommit:References": {"refs/tags/" + tag}}))
		}
		err := h.allowed(asked, s, action, h.Repositories.Arn(name))
		if err == nil {
			err = f(w, r, s, name)
		}
		if err != nil {
			h.refuse(w, r, codeError(err))
		}
	})
}

// codeError gives what repositories refuse the names that CodeCommit has for it.
func codeError(err error) error {
	for _, known := range []struct {
		err  error
		name string
	}{
		{gitrepo.ErrNoRepository, "RepositoryDoesNotExistException"},
		{gitrepo.ErrNoRef, "ReferenceDoesNotExistException"},
		{gitrepo.ErrBadBranch, "InvalidReferenceNameException"},
		{gitrepo.ErrBadPath, "InvalidPathException"},
		{gitrepo.ErrTagExists, "TagNameExistsException"},
		{gitrepo.ErrOutdated, "ConcurrentReferenceUpdateException"},
		{gitrepo.ErrBusy, "ConcurrentReferenceUpdateException"},
	} {
		if errors.Is(err, known.err) {
			return awsapi.Errorf(known.name, "%v.", err)
		}
	}
	return err
}

func (h *Handler) references(w http.ResponseWriter, r *http.Request, _ session, repository string) error {
	found, err := h.Repositories.References(r.Context(), repository, shownReferences)
	if err != nil {
		return err
	}
	list := make([]reference, 0, len(found))
	for _, f := range found {
		list = append(list, reference{f.Name, f.Tag, changeOf(f.Commit)})
	}
	answer(w, http.StatusOK, map[string][]reference{"references": list})
	return nil
}

// history is one page of a list of commits.
type history struct {
	Commits []change `json:"commits"`
	Next    int      `json:"next,omitempty"` // what `after` is for the page that follows
}

func (h *Handler) history(w http.ResponseWriter, r *http.Request, _ session, repository string) error {
	q := r.URL.Query()
	skip, err := strconv.Atoi(q.Get("after"))
	if err != nil || skip < 0 {
		skip = 0
	}
	found, err := h.Repositories.Log(r.Context(), repository, gitrepo.LogOptions{
		Tip: q.Get("tip"), Base: q.Get("base"), Path: q.Get("path"), Skip: skip, Limit: shownCommits + 1,
	})
	if err != nil {
		return err
	}
	page := history{Commits: []change{}}
	if len(found) > shownCommits {
		found, page.Next = found[:shownCommits], skip+shownCommits
	}
	for _, c := range found {
		page.Commits = append(page.Commits, changeOf(c))
	}
	answer(w, http.StatusOK, page)
	return nil
}

// makeTag makes a tag, which starts the pipelines that wait for it as a pushed one does.
func (h *Handler) makeTag(w http.ResponseWriter, r *http.Request, s session, repository string) error {
	err := h.Repositories.CreateTag(r.Context(), repository, r.PathValue("tag"), r.URL.Query().Get("commit"), s.key.Principal.Arn)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (h *Handler) removeTag(w http.ResponseWriter, r *http.Request, s session, repository string) error {
	err := h.Repositories.DeleteTag(r.Context(), repository, r.PathValue("tag"), s.key.Principal.Arn)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
