package report

import (
	"bufio"
	"errors"
	"io"
	"testing"
)

// blanks is a file without an end.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestAFileThatIsTooLongEnds(t *testing.T) {
	if n, err := io.Copy(io.Discard, bounded(blanks{})); !errors.Is(err, ErrSize) || n > MaxSize+1 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := io.Copy(io.Discard, bounded(io.LimitReader(blanks{}, MaxSize))); err != nil {
		t.Errorf("a file of the longest length: %v", err)
	}
}

func TestATokenThatIsTooLongEnds(t *testing.T) {
	if n, err := io.Copy(io.Discard, &tokens{r: bufio.NewReader(blanks{})}); !errors.Is(err, errToken) || n > maxToken+1<<16 {
		t.Errorf("%d bytes, %v", n, err)
	}
	b := &tokens{r: bufio.NewReader(blanks{}), length: maxToken}
	if _, err := b.ReadByte(); !errors.Is(err, errToken) {
		t.Errorf("one byte more: %v", err)
	}
}
