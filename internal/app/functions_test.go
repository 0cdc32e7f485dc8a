package app

import (
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	trustLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustBuilds = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	readSite    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`
)

func TestAFunctionMayDoWhatItsRoleMay(t *testing.T) {
	ctx := t.Context()
	dir := iam.New(sqltest.SQLite(t))
	role := func(name, trust, policy string) *function.Function {
		made, err := dir.Create(ctx, iam.Entity{Kind: iam.Role, Name: name, Trust: trust})
		if err == nil && policy != "" {
			err = dir.PutPolicy(ctx, iam.Role, name, "what", policy)
		}
		if err != nil {
			t.Fatal(err)
		}
		return &function.Function{Name: "check", Role: made.Arn}
	}
	const read, report = "s3:GetObject", "codepipeline:PutJobSuccessResult"
	tests := []struct {
		name string
		of   *function.Function
		may  string
	}{
		{"a role that limits", role("reader", trustLambda, readSite), read},
		{"a role without policies", role("bare", trustLambda, ""), report},
		{"no role", &function.Function{Name: "check", Role: "arn:aws:iam::000000000000:role/none"}, report},
	}
	r := &rooms{identities: dir}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env, err := r.functionCredentials(ctx, tt.of)
			if err != nil {
				t.Fatal(err)
			}
			key, err := dir.AccessKey(ctx, env["AWS_ACCESS_KEY_ID"])
			if err != nil || key.SessionToken != env["AWS_SESSION_TOKEN"] {
				t.Fatalf("%+v, %v", key.Principal, err)
			}
			for _, action := range []string{read, report} {
				decision, err := dir.Decide(ctx, key.Principal, action, "arn:aws:s3:::site/index.html")
				if err != nil || (decision == iam.Allowed) != (action == tt.may) {
					t.Errorf("%s: %v, %v", action, decision, err)
				}
			}
		})
	}
	_, err := r.functionCredentials(ctx, role("builder", trustBuilds, readSite))
	if err == nil || !strings.Contains(err.Error(), "lambda.amazonaws.com is not authorized to perform: sts:AssumeRole") {
		t.Errorf("a role that trusts somebody else: %v", err)
	}
}
