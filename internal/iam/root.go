package iam

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CredentialsFile is the root credentials' file in the data directory, in the format of AWS's shared credentials, so
// that AWS_SHARED_CREDENTIALS_FILE can point at it.
const CredentialsFile = "credentials"

// Root reads the root account's access key from the data directory, and makes one when there is none yet. The file is
// readable by its owner alone. Whoever edits it changes the key from the next start on; a file that cannot be
// understood is an error, never replaced.
func Root(ctx context.Context, dir string) (AccessKey, error) {
	if err := ctx.Err(); err != nil {
		return AccessKey{}, err
	}
	key, err := ReadRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return makeRoot(filepath.Join(dir, CredentialsFile))
	}
	return key, err
}

// ReadRoot is Root that makes nothing: without credentials its error is fs.ErrNotExist.
func ReadRoot(dir string) (AccessKey, error) {
	path := filepath.Join(dir, CredentialsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return AccessKey{}, fmt.Errorf("read the root credentials: %w", err)
	}
	key, err := parseCredentials(string(text))
	if err != nil {
		return AccessKey{}, fmt.Errorf("%s: %w (correct it, or remove the file to have new root credentials made)", path, err)
	}
	return key, nil
}

// makeRoot writes new credentials beside the file and links them into place, whole and durable: of two servers started
// at once one wins, and both use what it wrote.
func makeRoot(path string) (AccessKey, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return AccessKey{}, fmt.Errorf("make the data directory: %w", err)
	}
	key := AccessKey{ID: newID(keyPrefix, keyIDLength), Secret: newSecret()}
	text := "# The root credentials of this Conveyor server. They may do everything: keep this file to yourself.\n" +
		"[default]\naws_access_key_id = " + key.ID + "\naws_secret_access_key = " + key.Secret + "\n"
	temp, err := os.CreateTemp(filepath.Dir(path), ".credentials-*") // mode 0600
	if err != nil {
		return AccessKey{}, fmt.Errorf("write the root credentials: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // the link keeps what counts
	_, err = temp.WriteString(text)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return AccessKey{}, fmt.Errorf("write the root credentials: %w", err)
	}
	if err := os.Link(temp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return Root(context.Background(), filepath.Dir(path))
		}
		return AccessKey{}, fmt.Errorf("write the root credentials: %w", err)
	}
	return key, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the data directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// parseCredentials reads the [default] section.
func parseCredentials(text string) (AccessKey, error) {
	var key AccessKey
	section := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			if line[len(line)-1] != ']' {
				return AccessKey{}, fmt.Errorf("line %d: a section must end with ]", n)
			}
			section = strings.TrimSpace(line[1 : len(line)-1])
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return AccessKey{}, fmt.Errorf("line %d: expected NAME = VALUE", n)
		}
		if section != "default" {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			key.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	switch {
	case lines.Err() != nil:
		return AccessKey{}, lines.Err()
	case key.ID == "":
		return AccessKey{}, errors.New("the section [default] has no aws_access_key_id")
	case strings.ContainsAny(key.ID, "/%:, \t"):
		return AccessKey{}, errors.New("aws_access_key_id may not contain slashes, colons, commas, percent signs or spaces")
	case key.Secret == "":
		return AccessKey{}, errors.New("the section [default] has no aws_secret_access_key")
	}
	return key, nil
}
