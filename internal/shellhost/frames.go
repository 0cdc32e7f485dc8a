package shellhost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Kind says what a frame holds.
type Kind byte

// The kinds of frames. A frame is its kind, the length of its content in four bytes, the highest first, and the content.
const (
	Input  Kind = 'i' // from the caller: what is typed
	End    Kind = 'e' // from the caller: nothing more will be typed
	Resize Kind = 's' // from the caller: rows and columns of its terminal, two bytes each
	Output Kind = 'o' // to the caller: what the shell writes
	Notice Kind = 'n' // to the caller: lines about the shell, which it does not write itself
	Exit   Kind = 'x' // to the caller, at the end: the exit status in one byte
	Fault  Kind = 'f' // to the caller, at the end: why the shell could not go on
)

// longest is how much a frame holds.
const longest = 64 << 10

// ErrFrame says that what arrives is no frame.
var ErrFrame = errors.New("what arrives is no frame of a shell")

// ReadFrame reads one frame. io.EOF is an end between two frames.
func ReadFrame(r io.Reader) (Kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > longest {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrFrame, size)
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(r, content); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return Kind(head[0]), content, nil
}

// Frames writes frames of one kind; each Write is one or more. Several may share a connection.
type Frames struct {
	To   io.Writer
	Kind Kind
	Turn *sync.Mutex // of all that share To
}

func (f Frames) Write(b []byte) (int, error) {
	f.Turn.Lock()
	defer f.Turn.Unlock()
	for n := 0; n < len(b) || n == 0; {
		part := b[n:min(n+longest, len(b))]
		frame := binary.BigEndian.AppendUint32([]byte{byte(f.Kind)}, uint32(len(part))) //nolint:gosec // at most longest
		if _, err := f.To.Write(append(frame, part...)); err != nil {
			return n, err
		}
		if n += len(part); len(part) == 0 {
			break
		}
	}
	return len(b), nil
}

// EncodeSize is the content of a Resize.
func EncodeSize(s build.Size) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.Rows), s.Columns)
}

// decodeSize is the reverse of EncodeSize.
func decodeSize(content []byte) (build.Size, error) {
	if len(content) != 4 {
		return build.Size{}, fmt.Errorf("%w: a size of %d bytes", ErrFrame, len(content))
	}
	return build.Size{Rows: binary.BigEndian.Uint16(content), Columns: binary.BigEndian.Uint16(content[2:])}, nil
}
