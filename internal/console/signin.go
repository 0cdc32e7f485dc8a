package console

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

const cookieName = "conveyor_session"

// Service is the name that the request for a link is signed for.
const Service = "sts"

// longestSignIn bounds what a stranger can make the server read.
const longestSignIn = 4 << 10

// credentials are what a person signs in with: an access key, or the token of a link.
type credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	Link            string `json:"link"`
}

// signIn begins a session.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) {
	if !fromHere(r) {
		h.refuse(w, r, &awsapi.Error{Code: "AccessDeniedException", Message: "Sign in on the console's own page.", Status: http.StatusForbidden})
		return
	}
	key, err := h.prove(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	token, err := h.sessions.issue(r.Context(), sessionTable, key.ID, sessionLife)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	http.SetCookie(w, h.cookie(token, int(sessionLife/time.Second)))
	h.who(w, r, session{token, key})
}

func (h *Handler) cookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: Prefix, MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(h.PublicURL, "https:"),
	}
}

// prove finds the access key that a person has shown to have.
func (h *Handler) prove(r *http.Request) (iam.AccessKey, error) {
	var c credentials
	if err := readJSON(r, &c); err != nil {
		return iam.AccessKey{}, err
	}
	if c.Link != "" {
		key, err := h.sessions.redeem(r.Context(), c.Link)
		if errors.Is(err, errSignedOut) {
			err = &awsapi.Error{Code: "InvalidLink", Message: "The link has been used or is older than ten minutes. Make a new one: conveyor console", Status: http.StatusForbidden}
		}
		return key, err
	}
	key, err := h.Keys.AccessKey(r.Context(), strings.TrimSpace(c.AccessKeyID))
	if err != nil && !errors.Is(err, iam.ErrNoAccessKey) {
		return key, err
	}
	right := subtle.ConstantTimeCompare([]byte(key.Secret), []byte(strings.TrimSpace(c.SecretAccessKey))) == 1
	if err != nil || key.Secret == "" || !right || key.SessionToken != "" {
		return iam.AccessKey{}, &awsapi.Error{Code: "InvalidCredentials", Message: "This access key and secret do not belong to anyone here.", Status: http.StatusForbidden}
	}
	return key, nil
}

func readJSON(r *http.Request, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &awsapi.Error{Code: "UnsupportedMediaTypeException", Message: "Content-Type must be application/json.", Status: http.StatusUnsupportedMediaType}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, longestSignIn))
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return awsapi.Errorf("ValidationException", "The request is no JSON object of at most %d bytes.", longestSignIn)
	}
	return nil
}

// person is what the pages know of who is signed in.
type person struct {
	ARN     string `json:"arn"`
	Name    string `json:"name"`
	Root    bool   `json:"root"`
	Region  string `json:"region"`
	Account string `json:"account"`
	// Database is the kind of database the server keeps its state in.
	Database string `json:"database"`
	URL      string `json:"url"`
}

func (h *Handler) who(w http.ResponseWriter, _ *http.Request, s session) {
	p := s.key.Principal
	answer(w, http.StatusOK, person{ARN: p.Arn, Name: p.Name, Root: p.Root, Region: h.Place.Region, Account: h.Place.Account, Database: string(h.Store.Dialect()), URL: h.PublicURL})
}

func (h *Handler) signOut(w http.ResponseWriter, r *http.Request, s session) {
	if err := h.sessions.end(r.Context(), s.token); err != nil {
		h.refuse(w, r, err)
		return
	}
	http.SetCookie(w, h.cookie("", -1))
	w.WriteHeader(http.StatusNoContent)
}

// Link is a one-time link to the console.
type Link struct {
	URL string `json:"url"`
}

// makeLink gives the signer of the request a link that signs in once, within ten minutes. The token is in the fragment,
// which browsers send to nobody.
func (h *Handler) makeLink(w http.ResponseWriter, r *http.Request) {
	caller, err := h.Verifier.Verify(r, Service, awsapi.HashPayload(nil))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	link, err := h.linkFor(r.Context(), caller.AccessKeyID)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, Link{URL: link})
}

// RootLink makes a link that signs in with the root credentials in the data directory.
func (h *Handler) RootLink(ctx context.Context, data string) (string, error) {
	key, err := iam.ReadRoot(data)
	if err != nil {
		return "", err
	}
	return h.linkFor(ctx, key.ID)
}

func (h *Handler) linkFor(ctx context.Context, keyID string) (string, error) {
	token, err := h.sessions.issue(ctx, linkTable, keyID, linkLife)
	return strings.TrimSuffix(h.PublicURL, "/") + Pages + "sign-in#" + token, err
}
