package codecommit

import (
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// page cuts the items a token points to out of all, and makes the token for the rest. kind keeps the tokens of
// different operations apart. Tokens are opaque to clients; here they are an offset.
func page[T any](all []T, kind string, token *string, size int) (items []T, next *string, err error) {
	offset, err := readMark(kind, token)
	if err != nil {
		return nil, nil, err
	}
	from := int(min(offset, int64(len(all))))
	to := min(from+size, len(all))
	if to < len(all) {
		next = mark(kind, int64(to))
	}
	return all[from:to], next, nil
}

// mark makes the token for what follows the row of that number, in lists that may change between their pages.
func mark(kind string, number int64) *string {
	return awsapi.PageToken(kind, strconv.FormatInt(number, 10))
}

// readMark is the reverse of mark; 0 for no token.
func readMark(kind string, token *string) (int64, error) {
	after, ok := awsapi.ReadPageToken(kind, token)
	if after == "" && ok {
		return 0, nil
	}
	number, err := strconv.ParseInt(after, 10, 64)
	if err != nil || number < 1 {
		return 0, invalidToken()
	}
	return number, nil
}
