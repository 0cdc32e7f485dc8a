package function

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

const codeSuffix = ".zip"

var codeLimits = archive.Limits{Entries: 50_000, Bytes: MaxUnpacked}

// ErrCode says what is wrong with a function's code.
var ErrCode = errors.New("the code cannot be used")

// keep writes code to a file of its own, durably, and notes it in f. No code is fine: f is then called at a URL.
func (s *Service) keep(f *Function, code []byte) error {
	if len(code) == 0 {
		return nil
	}
	if len(code) > MaxCode {
		return fmt.Errorf("%w: the zip has %d bytes; at most %d are allowed", ErrCode, len(code), MaxCode)
	}
	if _, err := archive.Open(bytes.NewReader(code), int64(len(code)), codeLimits); err != nil {
		return fmt.Errorf("%w: could not unzip uploaded file. Please check your file, then try to upload again: %w", ErrCode, err)
	}
	sum := sha256.Sum256(code)
	f.Code, f.CodeSHA256, f.CodeSize = uuid.NewString(), base64.StdEncoding.EncodeToString(sum[:]), int64(len(code))
	return writeDurably(s.codePath(f.Code), code)
}

func (s *Service) codePath(code string) string { return filepath.Join(s.o.Dir, code+codeSuffix) }

// writeDurably writes a file that is either whole or not there, also after the power fails.
func writeDurably(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// discardCode removes a file nobody refers to any more. What cannot be removed now is for Prune.
func (s *Service) discardCode(code string) {
	if code == "" {
		return
	}
	if err := os.Remove(s.codePath(code)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.o.Log.Warn("a function's old code could not be removed; it is tried again later", "code", code, "error", err)
	}
}

// Code reads a function's zip.
func (s *Service) Code(f *Function) ([]byte, error) { return os.ReadFile(s.codePath(f.Code)) }

// unpack puts a function's code into a directory.
func (s *Service) unpack(ctx context.Context, f *Function, dir string) error {
	file, err := os.Open(s.codePath(f.Code))
	if err != nil {
		return fmt.Errorf("open the code of function %s: %w", f.Name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	_, err = archive.Unzip(ctx, file, info.Size(), dir, codeLimits)
	return err
}
