package awsapi_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

func TestPageTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		after := rapid.String().Draw(t, "after")
		token := awsapi.PageToken("rules", after)
		if got, ok := awsapi.ReadPageToken("rules", token); !ok || got != after {
			t.Errorf("%q, %t after %q", got, ok, after)
		}
		if got, ok := awsapi.ReadPageToken("topics", token); ok {
			t.Errorf("a token of rules is taken for one of topics: %q", got)
		}
	})
	for _, first := range []*string{nil, aws.String("")} {
		if got, ok := awsapi.ReadPageToken("rules", first); !ok || got != "" {
			t.Errorf("the first page: %q, %t", got, ok)
		}
	}
	for _, wrong := range []string{"?", "cnVsZXM", "rules/a"} {
		if got, ok := awsapi.ReadPageToken("rules", aws.String(wrong)); ok {
			t.Errorf("%q is read as %q", wrong, got)
		}
	}
}
