package shell

import (
	"io"
	"os"
	"sync"
	"time"
)

// output carries what the build writes from a pipe to a writer. The pipe outlives the shell: background processes may
// hold it open for ever, so the end of a command is not the end of the pipe. Instead drain waits for as many bytes as
// lay in the pipe when it was called.
type output struct {
	r, w *os.File
	to   io.Writer

	reading sync.Mutex // held while bytes move from the pipe to taken
	taken   int64

	mu     sync.Mutex
	passed int64
	moved  *sync.Cond
	ended  bool
	done   chan struct{}
}

// outputBuffer is how much is taken from the pipe at once, and how much it holds where that can be chosen.
const outputBuffer = 256 << 10

func newOutput(r, w *os.File, to io.Writer) *output {
	o := &output{r: r, w: w, to: to, done: make(chan struct{})}
	o.moved = sync.NewCond(&o.mu)
	widen(r, outputBuffer)
	go o.pump()
	return o
}

func (o *output) pump() {
	defer close(o.done)
	buf := make([]byte, outputBuffer)
	for {
		n, err := o.read(buf)
		if n > 0 {
			_, _ = o.to.Write(buf[:n]) // the log has no way to fail a build
		}
		o.mu.Lock()
		o.passed += int64(n)
		o.ended = o.ended || err != nil
		o.moved.Broadcast()
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// read waits until the pipe has something, then takes it and counts it in one step, so that drain never sees bytes that
// are in neither place.
func (o *output) read(buf []byte) (n int, err error) {
	conn, err := o.r.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := conn.Read(func(fd uintptr) bool {
		o.reading.Lock()
		defer o.reading.Unlock()
		var again bool
		n, again, err = readNow(fd, buf)
		o.taken += int64(n)
		return !again
	})
	if cerr != nil {
		return n, cerr
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// drain returns when everything written before the call has been passed on.
func (o *output) drain() {
	o.reading.Lock()
	target := o.taken + int64(pending(o.r))
	o.reading.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.passed < target && !o.ended {
		o.moved.Wait()
	}
}

// finish passes on what is left once every writer has gone. A process that escaped and holds the pipe open does not
// keep it waiting.
func (o *output) finish() {
	o.w.Close()
	o.drain()
	_ = o.r.SetReadDeadline(time.Now())
	<-o.done
	o.r.Close()
}
