package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's object ids
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// objectWriter writes loose objects, in the way git does: whole, synced, and never over an existing one.
type objectWriter struct{ dir string }

// write stores an object and returns its id.
func (w objectWriter) write(kind string, data []byte) (string, error) {
	head := fmt.Sprintf("%s %d\x00", kind, len(data))
	sum := sha1.New() //nolint:gosec // git's object ids
	sum.Write([]byte(head))
	sum.Write(data)
	id := hex.EncodeToString(sum.Sum(nil))
	path := filepath.Join(w.dir, "objects", id[:2], id[2:])
	now := time.Now()
	// An object that is there already becomes young again, so that a collection of garbage does not take it.
	if err := os.Chtimes(path, now, now); err == nil {
		return id, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, err := z.Write([]byte(head))
	if err == nil {
		_, err = z.Write(data)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return "", err
	}
	return id, w.place(path, packed.Bytes())
}

// place makes a complete, synced file at path.
func (w objectWriter) place(path string, data []byte) error {
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "tmp_obj_")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // of a failed attempt
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o444), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// treeObject is the content of a tree object. entries are in git's order.
func treeObject(entries []Entry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		id, _ := hex.DecodeString(e.ID)
		fmt.Fprintf(&b, "%o %s\x00", e.Mode, e.Name)
		b.Write(id)
	}
	return b.Bytes()
}

// sortEntries puts entries into git's order: by bytes, folders as if their name ended in a slash.
func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(sortKey(a), sortKey(b)) })
}

func sortKey(e Entry) string {
	if e.Mode == ModeFolder {
		return e.Name + "/"
	}
	return e.Name
}

// commitObject is the content of the commit object of an edit.
func commitObject(tree, parent string, e Edit) []byte {
	c := MergeCommit{Tree: tree, Name: e.AuthorName, Email: e.AuthorEmail, Message: e.Message, At: e.At}
	if parent != "" {
		c.Parents = []string{parent}
	}
	return commitText(c)
}

// commitText is the content of a commit object.
func commitText(c MergeCommit) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", c.Tree)
	for _, parent := range c.Parents {
		fmt.Fprintf(&b, "parent %s\n", parent)
	}
	who := fmt.Sprintf("%s <%s> %d +0000", cleanIdent(c.Name, "unknown"), cleanIdent(c.Email, ""), c.At.Unix())
	message := strings.ReplaceAll(strings.ToValidUTF8(c.Message, "\uFFFD"), "\x00", "")
	if message != "" && !strings.HasSuffix(message, "\n") {
		message += "\n"
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", who, who, message)
	return b.Bytes()
}

// cleanIdent removes what git does not allow in names and addresses.
func cleanIdent(s, otherwise string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == '<' || r == '>' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if s = strings.Trim(s, " .,:;\"'\\"); s == "" {
		return otherwise
	}
	return s
}
