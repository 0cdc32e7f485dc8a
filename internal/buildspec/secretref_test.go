package buildspec_test

import (
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

func TestReferencesToSecrets(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-AbCdEf"
	for text, want := range map[string]buildspec.SecretRef{
		"db":                      {ID: "db"},
		"prod/db:password":        {ID: "prod/db", JSONKey: "password"},
		"db:password:AWSPREVIOUS": {ID: "db", JSONKey: "password", Stage: "AWSPREVIOUS"},
		"db:::id-1":               {ID: "db", VersionID: "id-1"},
		arn:                       {ID: arn},
		arn + ":password":         {ID: arn, JSONKey: "password"},
		arn + "::AWSPREVIOUS:":    {ID: arn, Stage: "AWSPREVIOUS"},
	} {
		if got, err := buildspec.ParseSecretRef(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"": "not a reference", ":key": "not a reference", "a:b:c:d:e": "not a reference", "arn:aws:secretsmanager": "not a reference",
		"db:key:AWSCURRENT:id": "one of them", arn + ":a:b:c:d": "not a reference",
	} {
		if _, err := buildspec.ParseSecretRef(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzSecretRef(f *testing.F) {
	f.Add("db:key:stage:id")
	f.Add("arn:aws:secretsmanager:r:a:secret:n")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := buildspec.ParseSecretRef(text)
		if err == nil && (ref.ID == "" || !strings.HasPrefix(text, ref.ID)) {
			t.Errorf("%q has the id %q", text, ref.ID)
		}
	})
}
