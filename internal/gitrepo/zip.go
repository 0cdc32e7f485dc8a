package gitrepo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zip"
)

const (
	// zipLevel trades little space for much time: a source artifact is read once or twice.
	zipLevel = flate.BestSpeed
	// zipInMemory is the size up to which a file is compressed in memory, several at a time; larger ones are streamed.
	zipInMemory = 256 << 10
	// zipAhead is how many files are read ahead of the one being written.
	zipAhead = 64
)

// Zip implements Source.
func (s *Store) Zip(ctx context.Context, repository, commit string, w io.Writer) error {
	if !ValidID(commit) {
		return fmt.Errorf("commit %q: %w", commit, ErrNoRef)
	}
	err := s.read(ctx, repository, func(r *reader) error { return zipCommit(r, commit, w) })
	if err != nil && !errors.Is(err, ErrNoRepository) && !errors.Is(err, ErrNoRef) {
		return fmt.Errorf("zip commit %s of repository %s: %w", commit, repository, err)
	}
	return err
}

func zipCommit(r *reader, commit string, w io.Writer) error {
	c, err := r.commit(commit)
	if err != nil {
		return err
	}
	files, err := r.files(c.Tree)
	if err != nil {
		return err
	}
	return newZipper(w, c.CommitterDate).pack(r, files)
}

// zipper writes files of a repository as a zip. One goroutine asks git for blobs, this one reads them, workers compress
// the small ones, and one goroutine writes in order.
type zipper struct {
	zip   *zip.Writer
	date  uint16
	time  uint16
	extra []byte // the extended timestamp that says the same in UTC
}

func newZipper(w io.Writer, at time.Time) *zipper {
	z := &zipper{zip: zip.NewWriter(w)}
	z.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, zipLevel) })
	at = clampTime(at)
	z.date = uint16(at.Day() + int(at.Month())<<5 + (at.Year()-1980)<<9)
	z.time = uint16(at.Second()/2 + at.Minute()<<5 + at.Hour()<<11)
	z.extra = binary.LittleEndian.AppendUint16(nil, 0x5455)
	z.extra = binary.LittleEndian.AppendUint16(z.extra, 5)
	z.extra = append(z.extra, 1)
	z.extra = binary.LittleEndian.AppendUint32(z.extra, uint32(at.Unix()))
	return z
}

// clampTime moves a time, in UTC, into the years that a zip can say. The first of its days is left out, since it is
// another year in other zones.
func clampTime(at time.Time) time.Time {
	first, last := time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2037, 12, 31, 0, 0, 0, 0, time.UTC)
	switch at = at.UTC(); {
	case at.Before(first):
		return first
	case at.After(last):
		return last
	}
	return at
}

// header describes an entry.
func (z *zipper) header(f File, size int64) *zip.FileHeader {
	h := &zip.FileHeader{
		Name: f.Path, Method: zip.Deflate, Extra: bytes.Clone(z.extra), UncompressedSize64: uint64(size), ReaderVersion: 20,
	}
	h.ModifiedDate, h.ModifiedTime = z.date, z.time //nolint:staticcheck // CreateRaw writes these and ignores Modified
	switch f.Mode {
	case ModeExecutable:
		h.SetMode(0o755)
	case ModeSymlink:
		h.SetMode(fs.ModeSymlink | 0o777)
	default:
		h.SetMode(0o644)
	}
	h.CreatorVersion |= 20
	return h
}

// packed is an entry on its way to the writer: compressed in memory, or a stream.
type packed struct {
	header *zip.FileHeader
	raw    []byte        // what the file holds
	data   []byte        // what to write of it
	ready  chan struct{} // closed when data is there
	stream io.Reader     // or: where to copy from
	copied chan struct{} // closed by the writer when it has
}

// errStopped says that the writer has failed; its error is the one that counts.
var errStopped = errors.New("writing the zip failed")

// pack writes files.
func (z *zipper) pack(r *reader, files []File) error {
	blobs := make([]File, 0, len(files))
	for _, f := range files {
		if f.Mode != ModeSubmodule {
			blobs = append(blobs, f)
		}
	}
	asked := make(chan error, 1)
	go func() { asked <- askAll(r, blobs) }()

	queue := make(chan *packed, zipAhead)
	stop := make(chan struct{})
	written := make(chan error, 1)
	go func() {
		err := z.writeAll(queue)
		if err != nil {
			close(stop)
		}
		written <- err
	}()

	err := z.readAll(r, blobs, queue, stop)
	close(queue)
	if werr := <-written; werr != nil {
		err = werr
	}
	if err != nil {
		r.stop() // ends git, and with it askAll; the reader is not used again
	}
	if aerr := <-asked; err == nil {
		err = aerr
	}
	if err != nil {
		return err
	}
	return z.zip.Close()
}

// askAll requests every blob. Git answers while it is being asked; the pipes hold back who is faster.
func askAll(r *reader, blobs []File) error {
	for _, f := range blobs {
		if err := r.ask(f.ID); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the blobs in order and queues them for the writer.
func (z *zipper) readAll(r *reader, blobs []File, queue chan<- *packed, stop <-chan struct{}) error {
	work := make(chan *packed, zipAhead)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() { compressAll(work) })
	}
	defer workers.Wait()
	defer close(work)
	for _, f := range blobs {
		o, err := r.next()
		if errors.Is(err, errMissing) || (err == nil && o.Type != "blob") {
			return fmt.Errorf("damaged repository: blob %s of %s is missing", f.ID, f.Path)
		}
		if err != nil {
			return err
		}
		p := &packed{header: z.header(f, o.Size)}
		if o.Size <= zipInMemory {
			if p.raw, err = o.bytes(zipInMemory); err != nil {
				return err
			}
			p.ready = make(chan struct{})
			work <- p
		} else {
			p.stream, p.copied = o.Body, make(chan struct{})
		}
		select {
		case queue <- p:
		case <-stop:
			return errStopped
		}
		if p.stream != nil {
			select {
			case <-p.copied:
			case <-stop:
				return errStopped
			}
		}
		if err := r.finish(o); err != nil {
			return err
		}
	}
	return nil
}

// compressAll compresses files in memory until work ends.
func compressAll(work <-chan *packed) {
	var out bytes.Buffer
	deflate, err := flate.NewWriter(&out, zipLevel)
	for p := range work {
		p.header.CRC32 = crc32.ChecksumIEEE(p.raw)
		p.header.Method, p.data = zip.Store, p.raw
		if err == nil && len(p.raw) > 0 {
			out.Reset()
			deflate.Reset(&out)
			_, werr := deflate.Write(p.raw)
			if cerr := deflate.Close(); werr == nil && cerr == nil && out.Len() < len(p.raw) {
				p.header.Method, p.data = zip.Deflate, bytes.Clone(out.Bytes())
			}
		}
		p.header.CompressedSize64 = uint64(len(p.data))
		p.raw = nil
		close(p.ready)
	}
}

// writeAll writes entries in the order of the queue. It returns at the first error, without emptying the queue.
func (z *zipper) writeAll(queue <-chan *packed) error {
	for p := range queue {
		if p.stream != nil {
			w, err := z.zip.CreateHeader(p.header)
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, p.stream); err != nil {
				return err
			}
			close(p.copied)
			continue
		}
		<-p.ready
		if !isASCII(p.header.Name) && utf8.ValidString(p.header.Name) {
			p.header.Flags |= 0x800 // the name is UTF-8; CreateRaw leaves that to its caller
		}
		w, err := z.zip.CreateRaw(p.header)
		if err != nil {
			return err
		}
		if _, err := w.Write(p.data); err != nil {
			return err
		}
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
