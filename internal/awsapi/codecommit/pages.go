package codecommit

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// page cuts the items a token points to out of all, and makes the token for the rest. kind keeps the tokens of
// different operations apart. Tokens are opaque to clients; here they are an offset.
func page[T any](all []T, kind string, token *string, size int) (items []T, next *string, err error) {
	from := 0
	if t := aws.ToString(token); t != "" {
		raw, err := base64.RawURLEncoding.DecodeString(t)
		if err != nil {
			return nil, nil, invalidToken()
		}
		offset, ok := strings.CutPrefix(string(raw), kind+":")
		if from, err = strconv.Atoi(offset); !ok || err != nil || from < 0 {
			return nil, nil, invalidToken()
		}
	}
	from = min(from, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		next = aws.String(base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + strconv.Itoa(to))))
	}
	return all[from:to], next, nil
}

// mark makes the token for what follows the row of that number, in lists that may change between their pages.
func mark(kind string, number int64) *string {
	return aws.String(base64.RawURLEncoding.EncodeToString([]byte(kind + "@" + strconv.FormatInt(number, 10))))
}

// readMark is the reverse of mark; 0 for no token.
func readMark(kind string, token *string) (int64, error) {
	if aws.ToString(token) == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return 0, invalidToken()
	}
	digits, ok := strings.CutPrefix(string(raw), kind+"@")
	number, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || number < 1 {
		return 0, invalidToken()
	}
	return number, nil
}
