// Command rot13 turns letters by thirteen places, from standard input to standard output.
package main

import (
	"io"
	"os"
)

var version = "unknown"

func main() {
	if len(os.Args) > 1 {
		os.Stdout.WriteString("rot13 " + version + "\n")
		return
	}
	if _, err := io.Copy(turning{}, os.Stdin); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

type turning struct{}

func (turning) Write(text []byte) (int, error) {
	out := make([]byte, len(text))
	for i, c := range text {
		switch {
		case 'a' <= c && c <= 'z':
			c = 'a' + (c-'a'+13)%26
		case 'A' <= c && c <= 'Z':
			c = 'A' + (c-'A'+13)%26
		}
		out[i] = c
	}
	return os.Stdout.Write(out)
}
