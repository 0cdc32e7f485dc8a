package objectstore

import (
	"bytes"
	"context"
	"crypto/md5" // ETags are MD5 by definition; bodies are addressed by SHA-256
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A body goes through three places: a temporary file in the stage directory while it is written and hashed; its final
// name in a shard directory, synced, where nothing refers to it yet; and a row of blobs, inserted in the transaction
// that makes the first object refer to it.
//
// The final name is the hash and a time-ordered unique part, so a name is never used twice. Two writers of the same
// bytes therefore never meet in the file system: whoever inserts the row first wins, the other refers to the winner's
// row and removes its own file. The sweeper deletes the row first, in a transaction, and then a file nobody can
// find any more; it needs no lock against writers.

// body is a finished, hashed file that no object refers to yet.
type body struct {
	path string // where it lies now: in the stage directory, or installed
	file string // its name once installed
	hash string // SHA-256 in hex, or "m" and a hash of hashes for a body put together from parts
	md5  string // in hex
	size int64
	sum  string // the additional checksum in base64, if one was asked for
	temp bool   // path is ours to remove when the body turns out not to be needed
	// read gives the bytes of a body that was not written to a file yet, because it may turn out to be stored already.
	read func() (io.ReadCloser, error)
}

const copyBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

// small is the size up to which a body is read before a file is made for it. Most files of a release are those of the
// release before, so most need none.
const small = 64 << 10

// stage reads r to its end. A small body stays in memory until install, all others go to a temporary file. Nothing is
// synced: install does that, for many files at once.
func (s *Store) stage(ctx context.Context, r io.Reader, algorithm string) (*body, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	head := (*buf)[:small]
	n, ended, err := fill(onlyReader{ctx, r}, head)
	if err != nil {
		return nil, err
	}
	if !ended {
		return s.stageRest(ctx, io.MultiReader(bytes.NewReader(bytes.Clone(head)), r), algorithm)
	}
	data := bytes.Clone(head[:n])
	b, err := hashed(ctx, "", bytes.NewReader(data), io.Discard, algorithm)
	if err != nil {
		return nil, err
	}
	b.read = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return b, nil
}

// fill reads until p is full or r has ended. Unlike io.ReadFull it tells an end from a body that was cut short, which
// readers report with io.ErrUnexpectedEOF.
func fill(r io.Reader, p []byte) (n int, ended bool, err error) {
	for n < len(p) {
		m, err := r.Read(p[n:])
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// stageRest writes r to a temporary file.
func (s *Store) stageRest(ctx context.Context, r io.Reader, algorithm string) (b *body, err error) {
	f, err := os.CreateTemp(s.stageDir, "put-")
	if err != nil {
		return nil, fmt.Errorf("create a file to stage a body in: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name())
			b = nil
		}
	}()
	return hashed(ctx, f.Name(), r, f, algorithm)
}

// write makes the file of a body that has none yet.
func (s *Store) write(ctx context.Context, b *body) error {
	if b.path != "" {
		return nil
	}
	r, err := b.read()
	if err != nil {
		return err
	}
	defer r.Close()
	again, err := s.stageRest(ctx, r, "")
	if err != nil {
		return err
	}
	if again.hash != b.hash {
		discard(again)
		return errors.New("a file changed while it was published")
	}
	b.path = again.path
	return nil
}

// stageFile hashes a file that lies in the stage directory already.
func (s *Store) stageFile(ctx context.Context, path, algorithm string) (*body, error) {
	if rel, err := filepath.Rel(s.stageDir, path); err != nil || !filepath.IsLocal(rel) || rel == "." {
		return nil, fmt.Errorf("%s is not in the stage directory %s", path, s.stageDir)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return hashed(ctx, path, f, io.Discard, algorithm)
}

func hashed(ctx context.Context, path string, r io.Reader, w io.Writer, algorithm string) (*body, error) {
	address, etag := sha256.New(), md5.New() // see the import
	writers := []io.Writer{address, etag}
	var extra hash.Hash
	switch algorithm {
	case "":
	case MD5:
		extra = etag
	case SHA256:
		extra = address
	default:
		var err error
		if extra, err = NewChecksum(algorithm); err != nil {
			return nil, err
		}
		writers = append(writers, extra)
	}
	if w != io.Discard {
		writers = append(writers, w)
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{io.MultiWriter(writers...)}, onlyReader{ctx, r}, *buf)
	if err != nil {
		return nil, err
	}
	b := &body{
		path: path,
		hash: hex.EncodeToString(address.Sum(nil)),
		md5:  hex.EncodeToString(etag.Sum(nil)),
		size: n,
		temp: true,
	}
	if extra != nil {
		b.sum = encodeSum(extra.Sum(nil))
	}
	return b, nil
}

// onlyReader and onlyWriter keep io.CopyBuffer to the pooled buffer and stop it when the context ends.
type onlyReader struct {
	ctx context.Context
	r   io.Reader
}

func (o onlyReader) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.r.Read(p)
}

type onlyWriter struct{ w io.Writer }

func (o onlyWriter) Write(p []byte) (int, error) { return o.w.Write(p) }

// syncAllAbove is the number of files from which one syncfs is used instead of an fsync of each. A syncfs of few files
// is cheaper still, but it also waits for whatever else is dirty on the file system, such as a build's output.
const syncAllAbove = 1000

// syncers is how many fsyncs run at once; the file system commits them in groups.
const syncers = 32

// install moves bodies to their final names and makes both contents and names durable.
func (s *Store) install(ctx context.Context, bodies []*body) error {
	shards := map[string]bool{}
	for _, b := range bodies {
		if err := s.write(ctx, b); err != nil {
			return err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		file := b.hash + "-" + id.String()
		shard := filepath.Join(s.bodyDir, shardOf(file))
		to := filepath.Join(shard, file)
		if err := os.Chmod(b.path, 0o400); err != nil {
			return err
		}
		if err := s.move(b.path, shard, to); err != nil {
			return fmt.Errorf("install a body: %w", err)
		}
		b.path, b.file = to, file
		shards[shard] = true
	}
	if len(bodies) > syncAllAbove {
		return s.syncFileSystem()
	}
	// The contents first: that usually commits the renames too, and leaves little for the directories.
	g, _ := errgroup.WithContext(ctx)
	g.SetLimit(syncers)
	for _, b := range bodies {
		g.Go(func() error { return syncPath(b.path) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for shard := range shards {
		g.Go(func() error { return syncPath(shard) })
	}
	return g.Wait()
}

// move renames a file into a shard directory, which it makes when it is the first.
func (s *Store) move(from, shard, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(shard, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncPath(s.bodyDir); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// discard removes bodies that no row came to refer to.
func discard(bodies ...*body) {
	for _, b := range bodies {
		if b != nil && b.temp && b.path != "" {
			_ = os.Remove(b.path)
		}
	}
}

func (s *Store) syncFileSystem() error {
	d, err := os.Open(s.bodyDir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync the file system of %s: %w", s.bodyDir, err)
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func shardOf(file string) string {
	if file[0] == 'm' { // the hash of hashes of a multipart object
		return file[1:3]
	}
	return file[:2]
}

func (s *Store) bodyPath(file string) string {
	return filepath.Join(s.bodyDir, shardOf(file), file)
}

func makeDirs(dir string) error {
	for _, d := range []string{"", "stage", "bodies"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return err
		}
	}
	return syncPath(dir)
}
