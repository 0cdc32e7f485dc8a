package action

import (
	"errors"
	"io"
)

// ErrTooLarge says that an artifact exceeds its limit.
var ErrTooLarge = errors.New("artifact too large")

// errPutEnded stops a write that nobody reads any more.
var errPutEnded = errors.New("the object store stopped reading")

// Stream stores an artifact while it is made: put reads what write writes, and neither outlives the call. More than limit
// bytes end both with ErrTooLarge; 0 is no limit. making is an error of write's own, storing one of put, which is no more
// than a consequence where there are both.
func Stream(limit int64, write func(io.Writer) error, put func(io.Reader) error) (making, storing error) {
	r, w := io.Pipe()
	made := make(chan error, 1)
	go func() {
		var err error
		if limit > 0 {
			err = write(&limited{w, limit})
		} else {
			err = write(w)
		}
		w.CloseWithError(err)
		made <- err
	}()
	storing = put(r)
	r.CloseWithError(errPutEnded)
	if making = <-made; errors.Is(making, errPutEnded) {
		making = nil
	}
	return making, storing
}

// limited refuses to write more than it may.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= int64(len(b)); l.left < 0 {
		return 0, ErrTooLarge
	}
	return l.w.Write(b)
}
