package archive

import (
	"bytes"
	"io"
	"runtime"

	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/errgroup"
)

// blockWriter deflates one long stream on several cores. Blocks of a fixed size are compressed apart from each other and
// joined by flush markers, so the result is one ordinary deflate stream, the same for any number of cores.
type blockWriter struct {
	dst    io.Writer
	level  int
	blocks []block
	filled int // blocks with data
}

type block struct {
	in  []byte
	out bytes.Buffer
	fw  *flate.Writer
}

func newBlockWriter(dst io.Writer, level int) *blockWriter {
	return &blockWriter{dst: dst, level: level, blocks: make([]block, min(runtime.GOMAXPROCS(0), maxWorkers))}
}

func (w *blockWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if w.filled == len(w.blocks) {
			if err := w.flush(false); err != nil {
				return 0, err
			}
		}
		b := &w.blocks[w.filled]
		if b.in == nil {
			b.in = make([]byte, 0, smallFile)
		}
		n := min(len(p), smallFile-len(b.in))
		b.in = append(b.in, p[:n]...)
		p = p[n:]
		if len(b.in) == smallFile {
			w.filled++
		}
	}
	return total, nil
}

// Close compresses what is left and ends the stream.
func (w *blockWriter) Close() error {
	if w.filled < len(w.blocks) && len(w.blocks[w.filled].in) > 0 {
		w.filled++
	}
	return w.flush(true)
}

// flush compresses all filled blocks at once and writes them in order. The last flush ends the stream.
func (w *blockWriter) flush(last bool) error {
	var g errgroup.Group
	for i := range w.filled {
		b := &w.blocks[i]
		end := last && i == w.filled-1
		g.Go(func() error { return b.compress(w.level, end) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range w.filled {
		b := &w.blocks[i]
		if _, err := w.dst.Write(b.out.Bytes()); err != nil {
			return err
		}
		b.in = b.in[:0]
	}
	if last && w.filled == 0 {
		_, err := w.dst.Write([]byte{3, 0}) // an empty final block
		return err
	}
	w.filled = 0
	return nil
}

func (b *block) compress(level int, end bool) error {
	b.out.Reset()
	if b.fw == nil {
		fw, err := flate.NewWriter(&b.out, level)
		if err != nil {
			return err
		}
		b.fw = fw
	} else {
		b.fw.Reset(&b.out)
	}
	if _, err := b.fw.Write(b.in); err != nil {
		return err
	}
	if end {
		return b.fw.Close()
	}
	return b.fw.Flush()
}
