package action_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
)

func TestStream(t *testing.T) {
	full, broken := errors.New("the disk is full"), errors.New("the commit is broken")
	write := func(text string, then error) func(io.Writer) error {
		return func(w io.Writer) error {
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
			return then
		}
	}
	for name, c := range map[string]struct {
		limit           int64
		write           func(io.Writer) error
		put             error // what put returns before it has read
		stored          string
		making, storing error
	}{
		"whole":                     {write: write("zip", nil), stored: "zip"},
		"as long as may be":         {limit: 3, write: write("zip", nil), stored: "zip"},
		"too long":                  {limit: 2, write: write("zip", nil), making: action.ErrTooLarge, storing: action.ErrTooLarge},
		"nothing":                   {write: write("", nil)},
		"what makes it breaks":      {write: write("zi", broken), stored: "zi", making: broken, storing: broken},
		"what stores it stops":      {write: write(strings.Repeat("zip", 1<<20), nil), put: full, storing: full},
		"both for their own causes": {write: func(io.Writer) error { return broken }, put: full, making: broken, storing: full},
	} {
		t.Run(name, func(t *testing.T) {
			var stored []byte
			making, storing := action.Stream(c.limit, c.write, func(r io.Reader) (err error) {
				if c.put != nil {
					return c.put
				}
				stored, err = io.ReadAll(r)
				return err
			})
			if !errors.Is(making, c.making) || !errors.Is(storing, c.storing) || string(stored) != c.stored {
				t.Errorf("stored %q; making: %v, storing: %v", stored, making, storing)
			}
		})
	}
}
