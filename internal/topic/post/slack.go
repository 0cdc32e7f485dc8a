package post

import (
	"encoding/json"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/topic"
)

// longestText is below what Slack cuts off.
const longestText = 35_000

// slack is a message as an incoming webhook takes it. A body that is a payload of Slack's already, as MessageStructure
// json can have under the key slack, is posted as it is; any other is text.
func slack(d topic.Delivery) []byte {
	if isPayload(d.Body) {
		return []byte(d.Body)
	}
	text := Escape(d.Body)
	if d.Subject != "" {
		text = "*" + Escape(d.Subject) + "*\n" + text
	}
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "") + "..."
	}
	b, _ := json.Marshal(map[string]string{"text": text}) // a map of texts always marshals
	return b
}

func isPayload(body string) bool {
	var payload struct {
		Text        *string           `json:"text"`
		Blocks      []json.RawMessage `json:"blocks"`
		Attachments []json.RawMessage `json:"attachments"`
	}
	return json.Unmarshal([]byte(body), &payload) == nil && (payload.Text != nil || payload.Blocks != nil || payload.Attachments != nil)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Escape keeps text from being read as Slack's links and mentions.
func Escape(text string) string { return escaper.Replace(text) }
