// Package secret keeps texts that nobody may read from the database alone: tokens, passwords, keys. They are sealed with
// AES-256-GCM under a key that lies in the data directory, which all servers of one database share, and nowhere else.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sealer seals and opens secrets. Implemented by *Box. All methods may be called from many goroutines.
type Sealer interface {
	// Seal encrypts a secret for one purpose, such as "connection 42". The same secret never gives the same text twice.
	Seal(plain []byte, purpose string) (sealed string, err error)
	// Open returns what was sealed for that very purpose. A text that was altered, moved to another purpose or sealed with
	// another key is ErrCannotOpen.
	Open(sealed, purpose string) ([]byte, error)
}

// ErrCannotOpen says that a sealed text cannot be opened with this server's key.
var ErrCannotOpen = errors.New("the secret cannot be opened with the key in the data directory; restore the file " + KeyFile +
	" that belongs with the database, or enter the secret again")

// KeyFile is the key's file in the data directory.
const KeyFile = "secret.key"

// version begins every sealed text, so that another way of sealing can be told from this one.
const version = "v1."

const keySize = 32

// Box is a Sealer with one key.
type Box struct{ aead cipher.AEAD }

var _ Sealer = (*Box)(nil)

// Open reads the key of a data directory, and makes one when there is none yet. Its file is readable by its owner alone; a
// file that cannot be understood is an error, never replaced.
func Open(dir string) (*Box, error) {
	path := filepath.Join(dir, KeyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of stored secrets: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s does not hold a key: restore it from a backup; without it stored secrets are lost and must be entered again", path)
	}
	return New(key)
}

// New makes a Box with a key of 32 bytes.
func New(key []byte) (*Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead: aead}, nil
}

// makeKey makes the file, whole and durable, unless another server was faster, and returns its text.
func makeKey(path string) ([]byte, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+KeyFile+"-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // the link keeps what counts
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	_, err = temp.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Seal implements Sealer.
func (b *Box) Seal(plain []byte, purpose string) (string, error) {
	return version + base64.RawStdEncoding.EncodeToString(b.aead.Seal(nil, nil, plain, []byte(purpose))), nil
}

// Open implements Sealer.
func (b *Box) Open(sealed, purpose string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, version)
	data, err := base64.RawStdEncoding.DecodeString(text)
	if !ok || err != nil {
		return nil, ErrCannotOpen
	}
	plain, err := b.aead.Open(nil, nil, data, []byte(purpose))
	if err != nil {
		return nil, ErrCannotOpen
	}
	return plain, nil
}
