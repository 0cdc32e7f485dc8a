package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// errMissing says that a repository has no such object. Callers turn it into ErrNoRef or ErrNoPath.
var errMissing = errors.New("object does not exist")

const (
	// idleReaders is how many idle reader processes are kept over all repositories, and readerIdle for how long.
	idleReaders = 8
	readerIdle  = 20 * time.Second
	// smallObject bounds the objects that are read into memory: commits and trees.
	smallObject = 64 << 20
)

// readers keeps `git cat-file --batch` processes for repositories that were read a moment ago. Starting one costs some
// milliseconds, asking one that runs some ten microseconds.
type readers struct {
	git *git

	mu     sync.Mutex
	idle   []*reader // oldest first
	timer  *time.Timer
	closed bool
}

// reader is one process and answers one request after the other.
type reader struct {
	dir   string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	stop  context.CancelFunc
	since time.Time // idle since
	// owed counts requests whose answers were not read to their end; it is 0 between uses.
	owed atomic.Int64
}

// object is an answer of a reader. Body must be read to its end before the next object is asked for; next does that.
type object struct {
	ID, Type string
	Size     int64
	Body     *body
}

// with calls f with a reader of the repository in dir. When f leaves answers unread, or ctx ends, the process is thrown
// away, since nobody knows what it would say next.
func (p *readers) with(ctx context.Context, dir string, f func(*reader) error) error {
	r, err := p.take(dir)
	if err != nil {
		return err
	}
	undo := context.AfterFunc(ctx, r.stop)
	err = f(r)
	if undo() && r.owed.Load() == 0 {
		p.put(r)
		return err
	}
	r.close()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// warm starts a reader of dir unless an idle one is there, so that a later read need not wait for it.
func (p *readers) warm(dir string) {
	if r, err := p.take(dir); err == nil {
		p.put(r)
	}
}

// take returns the youngest idle reader of dir, or a new one.
func (p *readers) take(dir string) (*reader, error) {
	p.mu.Lock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if r := p.idle[i]; r.dir == dir {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.mu.Unlock()
			return r, nil
		}
	}
	p.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	r := &reader{dir: dir, stop: stop}
	r.cmd = p.git.command(ctx, dir, "cat-file", "--batch")
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		stop()
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		stop()
		return nil, err
	}
	r.out = bufio.NewReaderSize(out, 64<<10)
	if err := r.cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("read repository: %w", err)
	}
	return r, nil
}

// put keeps r for the next one.
func (p *readers) put(r *reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go r.close()
		return
	}
	r.since = time.Now()
	p.idle = append(p.idle, r)
	if len(p.idle) > idleReaders {
		go p.idle[0].close()
		p.idle = p.idle[1:]
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(readerIdle, p.expire)
	}
}

// expire ends readers that nobody asked for a while.
func (p *readers) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for len(p.idle) > 0 && now.Sub(p.idle[0].since) >= readerIdle-time.Second {
		go p.idle[0].close()
		p.idle = p.idle[1:]
	}
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(readerIdle-now.Sub(p.idle[0].since), p.expire)
	}
}

// drop ends the idle readers of dir, or all when dir is "".
func (p *readers) drop(dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[:0]
	for _, r := range p.idle {
		if dir == "" || r.dir == dir {
			go r.close()
		} else {
			kept = append(kept, r)
		}
	}
	p.idle = kept
}

// close ends every idle reader; those in use end when they are given back.
func (p *readers) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drop("")
}

func (r *reader) close() {
	r.in.Close()
	r.stop()
	_ = r.cmd.Wait()
}

// ask requests one object, by id or by a revision such as refs/heads/x:path. Answers are read in the same order with
// next. A spec holds neither newlines nor NUL; callers have validated it.
func (r *reader) ask(spec string) error {
	if strings.ContainsAny(spec, "\n\x00") {
		return fmt.Errorf("revision %q: %w", spec, errMissing)
	}
	r.owed.Add(1)
	_, err := io.WriteString(r.in, spec+"\n")
	return err
}

// next reads the answer to the oldest request that was not answered yet. The caller reads the object, or not, and calls
// finish. errMissing: there is none.
func (r *reader) next() (object, error) {
	line, err := r.out.ReadSlice('\n')
	if err != nil {
		return object{}, fmt.Errorf("read repository: git ended: %w", err)
	}
	fields := bytes.Fields(line)
	if n := len(fields); n >= 2 {
		switch string(fields[n-1]) {
		case "missing", "ambiguous":
			r.owed.Add(-1)
			return object{}, errMissing
		}
	}
	if len(fields) != 3 {
		return object{}, fmt.Errorf("read repository: git said %q", line)
	}
	size, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("read repository: git said %q", line)
	}
	return object{
		ID: string(fields[0]), Type: string(fields[1]), Size: size,
		Body: &body{r: r.out, left: size},
	}, nil
}

// finish skips what was not read of o's body and the newline behind it.
func (r *reader) finish(o object) error {
	if _, err := io.Copy(io.Discard, o.Body); err != nil {
		return err
	}
	if _, err := r.out.Discard(1); err != nil {
		return err
	}
	r.owed.Add(-1)
	return nil
}

// open asks for an object of a certain type and hands it to f.
func (r *reader) open(spec, kind string, f func(object) error) error {
	if err := r.ask(spec); err != nil {
		return err
	}
	o, err := r.next()
	if err != nil {
		return err
	}
	if kind != "" && o.Type != kind {
		err = fmt.Errorf("%s is a %s, not a %s: %w", spec, o.Type, kind, errMissing)
	} else {
		err = f(o)
	}
	if left := o.Body.left; err != nil && left > smallObject {
		return err // starting another reader is cheaper than reading the rest
	}
	return errors.Join(err, r.finish(o))
}

// load reads a small object, a commit or a tree, into memory.
func (r *reader) load(spec, kind string) (id string, data []byte, err error) {
	err = r.open(spec, kind, func(o object) error {
		data, err = o.bytes(smallObject)
		id = o.ID
		return err
	})
	return id, data, err
}

// bytes reads a whole body of at most limit bytes.
func (o object) bytes(limit int64) ([]byte, error) {
	if o.Size > limit {
		return nil, fmt.Errorf("%s %s is %d bytes long, more than the %d that are read into memory", o.Type, o.ID, o.Size, limit)
	}
	data := make([]byte, o.Size)
	_, err := io.ReadFull(o.Body, data)
	return data, err
}

// body is an object's content; a stream that ends early is an error, not an end.
type body struct {
	r    io.Reader
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	} else if err == io.EOF {
		err = nil
	}
	return n, err
}
