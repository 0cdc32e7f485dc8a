package s3

import (
	"io"
	"strings"
	"testing"
)

func TestWholeReader(t *testing.T) {
	for length, ok := range map[int64]bool{4: false, 5: true, 6: false} {
		_, err := io.ReadAll(&wholeReader{strings.NewReader("12345"), length})
		if (err == nil) != ok {
			t.Errorf("5 bytes announced as %d: %v", length, err)
		}
	}
}
