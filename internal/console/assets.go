package console

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// built is what `make build` makes of web/, compressed files only. Without Node it holds a note and nothing else.
//
//go:embed all:assets
var built embed.FS

//go:embed welcome.html
var welcomeText string

// assets serves the pages and what belongs to them.
type assets struct {
	files   fs.FS
	welcome []byte // served in place of pages that were not built
}

func openAssets(publicURL string) (assets, error) {
	files, err := fs.Sub(built, "assets")
	if err != nil {
		return assets{}, err
	}
	a := assets{files: files}
	if _, err := fs.Stat(files, "index.html.gz"); errors.Is(err, fs.ErrNotExist) {
		page, err := template.New("welcome").Parse(welcomeText)
		if err != nil {
			return assets{}, err
		}
		var b bytes.Buffer
		if err := page.Execute(&b, publicURL); err != nil {
			return assets{}, err
		}
		a.welcome = b.Bytes()
	}
	return a, nil
}

// ServeHTTP answers with the file that the path below Pages names and, for every other path, with the page that draws
// them all.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "Pages are read with GET.", http.StatusMethodNotAllowed)
		return
	}
	if a.welcome != nil {
		a.serveWelcome(w, r)
		return
	}
	if r.URL.Path == "/" {
		http.Redirect(w, r, Pages, http.StatusSeeOther)
		return
	}
	name := path.Clean("/" + strings.TrimPrefix(r.URL.Path, Pages))[1:]
	if err := a.serveFile(w, r, name); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if strings.HasPrefix(name, "assets/") { // of an older version, most likely
		http.NotFound(w, r)
		return
	}
	_ = a.serveFile(w, r, "index.html")
}

func (a *assets) serveWelcome(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" && r.URL.Path != Pages {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(a.welcome) // the client has gone if this fails
}

func (a *assets) serveFile(w http.ResponseWriter, r *http.Request, name string) error {
	encoding, suffix := "gzip", ".gz"
	if accepts(r, "br") {
		encoding, suffix = "br", ".br"
	}
	body, err := fs.ReadFile(a.files, name+suffix)
	if err != nil {
		return err
	}
	h := w.Header()
	if !accepts(r, encoding) {
		if body, err = unzipped(body); err != nil {
			http.Error(w, "The file is damaged.", http.StatusInternalServerError)
			return fmt.Errorf("%s: %w", name, err)
		}
		encoding = ""
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") { // their names change with their content
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client has gone if this fails
	}
	return nil
}

func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, encoding) && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func unzipped(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
