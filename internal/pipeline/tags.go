package pipeline

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTags is how many tags one resource may have.
const MaxTags = 50

// CheckTags refuses tags that may not be added to a resource which already has the tags in have.
func CheckTags(have, add map[string]string) error {
	for _, k := range sortedKeys(add) {
		if problem := tagProblem(k, add[k]); problem != "" {
			return Errorf(InvalidTags, "%s", problem)
		}
	}
	total := len(add)
	for k := range have {
		if _, replaced := add[k]; !replaced {
			total++
		}
	}
	if total > MaxTags {
		return Errorf(TooManyTags, "The resource would have %d tags; a resource can have at most %d tags.", total, MaxTags)
	}
	return nil
}

func tagProblem(key, value string) string {
	switch {
	case strings.TrimSpace(key) == "" || utf8.RuneCountInString(key) > 128:
		return "A tag key must have between 1 and 128 characters and must not be blank."
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return "The tag key '" + key + "' begins with 'aws:', which is reserved."
	case utf8.RuneCountInString(value) > 256:
		return "The value of the tag '" + key + "' is longer than 256 characters."
	case !onlyTagCharacters(key):
		return "The tag key '" + key + "' contains a character that is not allowed. " + tagCharacters
	case !onlyTagCharacters(value):
		return "The value of the tag '" + key + "' contains a character that is not allowed. " + tagCharacters
	}
	return ""
}

const tagCharacters = "Letters, digits, spaces and the characters _ . : / = + - @ are allowed."

func onlyTagCharacters(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return true
}
