package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zip"
)

const (
	// smallFile is the largest content that one worker reads and compresses in memory; larger ones are streamed. It is
	// part of the format in so far as changing it changes the bytes of archives.
	smallFile = 1 << 20
	// maxWorkers bounds memory on machines with many cores: slotsPerWorker buffers of twice smallFile for each.
	maxWorkers     = 8
	slotsPerWorker = 3
	// dosDate is 1980-01-01, the first day the format knows: archives must not depend on when they were made.
	dosDate = 1<<5 | 1

	creatorUnix      = 3 << 8
	readerVersion20  = 20
	flagUTF8         = 0x800
	unixRegular      = 0o100000
	unixDirectory    = 0o040000
	unixSymlink      = 0o120000
	unixModeShift    = 16
	dosDirectoryFlag = 0x10
)

// Options tune packing. The zero value is right for artifacts.
type Options struct {
	// Level is the deflate level, 1 to 9; 0 means 1: artifacts are written and read once or twice, often on the same
	// machine, so time counts more than bytes. Contents that do not shrink are stored.
	Level int
	// Links says what packing a symbolic link does. Used by Zip only.
	Links Links
}

// Links says what happens to symbolic links in a tree that is packed.
type Links int

const (
	// FollowLinks packs the file a link points at. A link that leads outside the root is an error.
	FollowLinks Links = iota
	// KeepLinks packs the link itself.
	KeepLinks
)

func (o Options) level() int {
	if o.Level < 1 || o.Level > 9 {
		return 1
	}
	return o.Level
}

// Writer packs entries in the order they are added, compressing on several cores with bounded memory. It is for one
// goroutine. Names must be unique; add them sorted for the same bytes from the same tree.
type Writer struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	level   int
	jobs    chan *job // to the workers
	order   chan *job // to the emitter, in archive order
	slots   chan *slot
	emitted chan struct{}
	workers sync.WaitGroup
	seen    map[string]struct{}
	closed  bool
}

// job is one entry on its way into the archive.
type job struct {
	name string
	mode fs.FileMode
	open func() (io.ReadCloser, error)
	slot *slot     // nil for streamed entries
	size int       // bytes already in slot.in, or -1: open and read
	big  io.Reader // streamed by the emitter
	done chan error
}

// slot is the reusable memory of one small entry.
type slot struct {
	in     []byte
	out    bytes.Buffer
	method uint16
	crc    uint32
}

// NewWriter starts packing into w. Close must be called, also after an error. When ctx ends, packing fails.
func NewWriter(ctx context.Context, w io.Writer, o Options) *Writer {
	n := min(runtime.GOMAXPROCS(0), maxWorkers)
	aw := &Writer{
		level:   o.level(),
		jobs:    make(chan *job, n*slotsPerWorker),
		order:   make(chan *job, n*slotsPerWorker),
		slots:   make(chan *slot, n*slotsPerWorker),
		emitted: make(chan struct{}),
		seen:    map[string]struct{}{},
	}
	aw.ctx, aw.cancel = context.WithCancelCause(ctx)
	for range n * slotsPerWorker {
		aw.slots <- &slot{}
	}
	for range n {
		aw.workers.Go(aw.work)
	}
	go aw.emit(w)
	return aw
}

// AddFile adds an entry whose content open returns. open may be called later, from another goroutine, until Close has
// returned. size is the content's expected length; it decides only between memory and streaming, but content larger
// than 1 MiB must be announced. mode's type and executable bits are kept.
func (w *Writer) AddFile(name string, mode fs.FileMode, size int64, open func() (io.ReadCloser, error)) error {
	if err := w.admit(name); err != nil {
		return err
	}
	if size <= smallFile {
		return w.submit(&job{name: name, mode: mode, open: open, size: -1})
	}
	f, err := open()
	if err != nil {
		return w.fail(name, err)
	}
	defer f.Close()
	return w.stream(name, mode, f)
}

// Add adds an entry with the content of r, which has been read when Add returns.
func (w *Writer) Add(name string, mode fs.FileMode, r io.Reader) error {
	if err := w.admit(name); err != nil {
		return err
	}
	s, err := w.slotFor(name)
	if err != nil {
		return err
	}
	n, err := s.fill(r)
	if err == nil {
		return w.submitIn(s, &job{name: name, mode: mode, size: n})
	}
	if !errors.Is(err, errNotSmall) {
		w.slots <- s
		return w.fail(name, err)
	}
	// The slot's memory is read by the emitter while it streams, so the slot returns only afterwards.
	defer func() { w.slots <- s }()
	return w.stream(name, mode, io.MultiReader(bytes.NewReader(s.in[:n]), r))
}

// AddDirectory adds an empty directory. Directories that hold entries need none.
func (w *Writer) AddDirectory(name string) error {
	if err := w.admit(name); err != nil {
		return err
	}
	return w.submit(&job{name: name, mode: fs.ModeDir | 0o755, size: 0})
}

// AddLink adds a symbolic link. A target that leads outside the archive is an error, here as when unpacking.
func (w *Writer) AddLink(name, target string) error {
	if err := w.admit(name); err != nil {
		return err
	}
	if err := checkLink(name, target); err != nil {
		return w.fail(name, err)
	}
	s, err := w.slotFor(name)
	if err != nil {
		return err
	}
	s.grow()
	return w.submitIn(s, &job{name: name, mode: fs.ModeSymlink | 0o777, size: copy(s.in, target)})
}

// Close writes what is missing and reports the first error of the whole archive. It does not close the underlying
// writer.
func (w *Writer) Close() error {
	if !w.closed {
		w.closed = true
		close(w.jobs)
		close(w.order)
		w.workers.Wait()
		<-w.emitted
	}
	err := context.Cause(w.ctx)
	if err == nil {
		w.cancel(errClosed)
	}
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}

var (
	errClosed   = errors.New("archive is complete")
	errNotSmall = errors.New("larger than announced; did it change while it was packed?")
)

// admit checks a name before anything is done for it.
func (w *Writer) admit(name string) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return w.fail(name, err)
	}
	if _, dup := w.seen[name]; dup {
		return w.fail(name, ErrDuplicate)
	}
	w.seen[name] = struct{}{}
	return nil
}

// fail records the archive's first error.
func (w *Writer) fail(name string, err error) error {
	w.cancel(&EntryError{Name: name, Err: err})
	return context.Cause(w.ctx)
}

func (w *Writer) slotFor(string) (*slot, error) {
	select {
	case s := <-w.slots:
		return s, nil
	case <-w.ctx.Done():
		return nil, context.Cause(w.ctx)
	}
}

func (w *Writer) submit(j *job) error {
	s, err := w.slotFor(j.name)
	if err != nil {
		return err
	}
	return w.submitIn(s, j)
}

// submitIn hands a small entry to the workers and, in order, to the emitter. Neither send blocks for long: there are
// never more jobs than slots.
func (w *Writer) submitIn(s *slot, j *job) error {
	j.slot, j.done = s, make(chan error, 1)
	w.jobs <- j
	w.order <- j
	return nil
}

// stream waits until the emitter has written a large entry.
func (w *Writer) stream(name string, mode fs.FileMode, r io.Reader) error {
	j := &job{name: name, mode: mode, big: r, done: make(chan error, 1)}
	w.order <- j
	if err := <-j.done; err != nil {
		return w.fail(name, err)
	}
	return nil
}

// work reads and compresses small entries.
func (w *Writer) work() {
	fw, err := flate.NewWriter(io.Discard, w.level)
	for j := range w.jobs {
		if err == nil {
			err = context.Cause(w.ctx)
		}
		if err == nil {
			j.done <- j.prepare(fw)
			continue
		}
		j.done <- err
	}
}

func (j *job) prepare(fw *flate.Writer) error {
	if j.size < 0 {
		f, err := j.open()
		if err != nil {
			return err
		}
		n, err := j.slot.fill(f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		j.size = n
	}
	return j.slot.compress(fw, j.size)
}

func (s *slot) grow() {
	if s.in == nil {
		s.in = make([]byte, smallFile+1)
	}
}

// fill reads all of r, or reports errNotSmall with the slot full.
func (s *slot) fill(r io.Reader) (int, error) {
	s.grow()
	n, err := io.ReadFull(r, s.in)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return n, nil
	case err != nil:
		return n, err
	}
	return n, errNotSmall
}

func (s *slot) compress(fw *flate.Writer, n int) error {
	s.method, s.crc = zip.Store, crc32.ChecksumIEEE(s.in[:n])
	if n < 32 { // deflate cannot gain anything worth a header
		return nil
	}
	s.out.Reset()
	fw.Reset(&s.out)
	if _, err := fw.Write(s.in[:n]); err != nil {
		return err
	}
	if err := fw.Close(); err != nil {
		return err
	}
	if s.out.Len() < n {
		s.method = zip.Deflate
	}
	return nil
}

// emit writes the archive in order. After an error it only drains, so that nobody waits for it.
func (w *Writer) emit(out io.Writer) {
	defer close(w.emitted)
	// zip.Writer uses a large enough bufio.Writer as it is.
	buf := bufio.NewWriterSize(out, 256<<10)
	zw := zip.NewWriter(buf)
	zw.RegisterCompressor(zip.Deflate, func(dst io.Writer) (io.WriteCloser, error) {
		return newBlockWriter(dst, w.level), nil
	})
	for j := range w.order {
		if j.big != nil {
			err := context.Cause(w.ctx)
			if err == nil {
				err = writeLarge(w.ctx, zw, j)
			}
			j.done <- err
			continue
		}
		err := <-j.done
		if err == nil && context.Cause(w.ctx) == nil {
			err = j.write(zw)
		}
		w.slots <- j.slot
		if err != nil && context.Cause(w.ctx) == nil {
			w.cancel(&EntryError{Name: j.name, Err: err})
		}
	}
	if context.Cause(w.ctx) != nil {
		return
	}
	if err := zw.Close(); err != nil {
		w.cancel(fmt.Errorf("write the zip's directory: %w", err))
	}
}

// write stores a small entry, whose sizes are known before its header.
func (j *job) write(zw *zip.Writer) error {
	h := header(j.name, j.mode)
	body := j.slot.in[:j.size]
	if j.size > 0 {
		h.Method, h.CRC32 = j.slot.method, j.slot.crc
		h.UncompressedSize64 = uint64(j.size)
		if h.Method == zip.Deflate {
			body = j.slot.out.Bytes()
		}
		h.CompressedSize64 = uint64(len(body))
	}
	fw, err := zw.CreateRaw(h)
	if err != nil {
		return err
	}
	_, err = fw.Write(body)
	return err
}

// writeLarge streams one entry. Whether it is compressed is decided by its first megabyte.
func writeLarge(ctx context.Context, zw *zip.Writer, j *job) error {
	head := make([]byte, smallFile)
	n, err := io.ReadFull(j.big, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	h := header(j.name, j.mode)
	if shrinks(head[:n]) {
		h.Method = zip.Deflate
	}
	fw, err := zw.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := fw.Write(head[:n]); err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{fw}, contextReader{ctx, j.big}, head)
	return err
}

// shrinks reports whether deflating p saves at least a thirtieth, at the fastest level.
func shrinks(p []byte) bool {
	var n countWriter
	fw, err := flate.NewWriter(&n, 1)
	if err != nil {
		return false
	}
	_, _ = fw.Write(p) // a countWriter does not fail
	_ = fw.Close()
	return int(n) < len(p)-len(p)/30
}

type countWriter int

func (c *countWriter) Write(p []byte) (int, error) {
	*c += countWriter(len(p))
	return len(p), nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// header is the part of an entry's header that depends on its name and mode alone.
func header(name string, mode fs.FileMode) *zip.FileHeader {
	h := &zip.FileHeader{Name: name, Method: zip.Store, ModifiedDate: dosDate} //nolint:staticcheck // Modified would be stored a second time, as an extra field
	h.CreatorVersion, h.ReaderVersion = creatorUnix|readerVersion20, readerVersion20
	if utf8.ValidString(name) {
		h.Flags = flagUTF8
	}
	switch {
	case mode.IsDir():
		h.Name += "/"
		h.ExternalAttrs = (unixDirectory|0o755)<<unixModeShift | dosDirectoryFlag
	case mode&fs.ModeSymlink != 0:
		h.ExternalAttrs = (unixSymlink | 0o777) << unixModeShift
	case mode&0o111 != 0:
		h.ExternalAttrs = (unixRegular | 0o755) << unixModeShift
	default:
		h.ExternalAttrs = (unixRegular | 0o644) << unixModeShift
	}
	return h
}
