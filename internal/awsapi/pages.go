package awsapi

import (
	"encoding/base64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// PageToken is the token for the next page of a list, which comes after something: a name, a number. It hides what that is,
// since clients give tokens back unchanged; kind keeps the tokens of different lists apart.
func PageToken(kind, after string) *string {
	return aws.String(base64.RawURLEncoding.EncodeToString([]byte(kind + "/" + after)))
}

// ReadPageToken is the reverse of PageToken: "" for the first page, which has no token. It is not ok for a token that no
// list of this kind has given.
func ReadPageToken(kind string, token *string) (after string, ok bool) {
	if aws.ToString(token) == "" {
		return "", true
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(text), kind+"/")
}
