package build

import (
	"encoding/base64"
	"encoding/json"
)

// cursor is the last thing of a page: a number it is sorted by and its id. Callers see it as an opaque token.
type cursor struct {
	At int64  `json:"a,omitempty"`
	ID string `json:"i"`
}

func (c cursor) String() string {
	b, _ := json.Marshal(c) // a number and a string always marshal
	return base64.RawURLEncoding.EncodeToString(b)
}

func (c *cursor) parse(token string) error {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(b, c)
	}
	if err != nil {
		return Invalidf("Invalid nextToken: use the value of the previous answer unchanged")
	}
	return nil
}
