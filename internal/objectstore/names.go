package objectstore

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// MaxKey is the longest object key in bytes.
const MaxKey = 1024

// CheckBucketName applies S3's rules for names of general purpose buckets.
func CheckBucketName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w %q: %s", ErrInvalidBucket, name, why) }
	if len(name) < 3 || len(name) > 63 {
		return bad("it must have 3 to 63 characters")
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '.' {
			return bad("only lower-case letters, digits, dots and hyphens are allowed")
		}
		if !letter && (i == 0 || i == len(name)-1) {
			return bad("it must begin and end with a letter or digit")
		}
	}
	if strings.Contains(name, "..") {
		return bad("two dots may not be adjacent")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return bad("it must not look like an IP address")
	}
	return nil
}

// CheckKey accepts any UTF-8 text of 1 to 1024 bytes. Keys are data only: no file is ever named after one.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: %d bytes are more than the limit of %d", ErrInvalidKey, len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalidKey)
	}
	return nil
}
