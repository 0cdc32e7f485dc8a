package flow

import (
	"encoding/base64"
	"encoding/json"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Page asks for one page of a list.
type Page struct {
	Max   int    // 0 is as many as the list allows
	Token string // from the page before
}

func (p Page) limit(most int) int {
	if p.Max <= 0 || p.Max > most {
		return most
	}
	return p.Max
}

// position is the inside of a token: which list it belongs to (with its filters), and after which entry to go on. It is
// a key and not an offset, so that entries that come and go neither repeat nor hide others.
type position struct {
	List  string          `json:"l"`
	After json.RawMessage `json:"a"`
}

// token makes the opaque token of a list's next page.
func token(list string, after any) string {
	return base64.RawURLEncoding.EncodeToString([]byte(mustJSON(position{List: list, After: json.RawMessage(mustJSON(after))})))
}

// resume reads the token into after; without a token after stays as it is.
func (p Page) resume(list string, after any) error {
	if p.Token == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Token)
	var pos position
	if err == nil {
		err = json.Unmarshal(text, &pos)
	}
	if err == nil && pos.List == list {
		if json.Unmarshal(pos.After, after) == nil {
			return nil
		}
	}
	return pipeline.Errorf(pipeline.InvalidNextToken, "The nextToken is not one that this list gave out. Start again without a nextToken")
}
