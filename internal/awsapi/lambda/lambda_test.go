package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/lambda"
	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// noHosts is a server that has no room for programs: these tests call functions at URLs.
type noHosts struct{}

func (noHosts) Prepare(context.Context, string) (function.Host, error) {
	return nil, errors.New("there is no room for programs here")
}

// bucket holds one object, the code of functions.
type bucket struct{ code []byte }

func (b bucket) Read(_ context.Context, name, key, _ string, _ int64) ([]byte, error) {
	if name != "code" || key != "f.zip" {
		return nil, fmt.Errorf("there is no s3://%s/%s", name, key)
	}
	return b.code, nil
}

// each runs f with a client of a fresh service, on each database.
func each(t *testing.T, f func(t *testing.T, c *sdk.Client)) {
	t.Helper()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		logs, err := logstore.New(st, logstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		q := queue.New(st, queue.Config{})
		functions, err := function.New(function.Options{
			Store: st, Jobs: q, Logs: logs, Hosts: noHosts{}, Dir: t.TempDir(), Region: "us-east-1", Account: "000000000000",
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx := context.Background()
			if err := errors.Join(q.Stop(ctx), functions.Close(), logs.Close(ctx)); err != nil {
				t.Error(err)
			}
		})
		service := lambda.New(functions, bucket{zipped(t, "bootstrap", "#!/bin/sh\n")}, awsapi.Place{})
		f(t, sdk.NewFromConfig(awsapitest.Serve(t, func(m *awsapi.Mux) { m.AddREST(service.API()) })))
	})
}

func zipped(t *testing.T, name, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	file, err := w.Create(name)
	if err == nil {
		_, err = io.WriteString(file, text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func program(t *testing.T, name string) *sdk.CreateFunctionInput {
	t.Helper()
	return &sdk.CreateFunctionInput{
		FunctionName: &name, Role: aws.String("arn:aws:iam::000000000000:role/f"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("h"),
		Code: &types.FunctionCode{ZipFile: zipped(t, "bootstrap", "#!/bin/sh\nexit 1\n")}, Tags: map[string]string{"team": "web"},
	}
}

func TestAFunctionIsMadeChangedAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		made, err := c.CreateFunction(t.Context(), program(t, "check"))
		if err != nil || *made.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:check" || made.State != types.StateActive ||
			*made.Timeout != 3 || *made.MemorySize != 128 || *made.Version != "$LATEST" {
			t.Fatalf("%+v, %v", made, err)
		}
		_, err = c.CreateFunction(t.Context(), program(t, "check"))
		awsapitest.Refused(t, err, "ResourceConflictException", "check")
		updated, err := c.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: made.FunctionArn, S3Bucket: aws.String("code"), S3Key: aws.String("f.zip")})
		if err != nil || *updated.CodeSha256 == *made.CodeSha256 || *updated.RevisionId == *made.RevisionId {
			t.Errorf("%+v, %v", updated, err)
		}
		_, err = c.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("check"), Timeout: aws.Int32(9), RevisionId: made.RevisionId})
		awsapitest.Refused(t, err, "PreconditionFailedException", "Revision Id")
		if _, err := c.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("check"), Timeout: aws.Int32(9)}); err != nil {
			t.Error(err)
		}
		got, err := c.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("000000000000:function:check")})
		if err != nil || *got.Configuration.Timeout != 9 || got.Tags["team"] != "web" {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := c.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("check")}); err != nil {
			t.Fatal(err)
		}
		_, err = c.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("check")})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "function:check")
	})
}

func TestFunctionsAreListedPageByPage(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		for _, name := range []string{"a", "b", "c"} {
			if _, err := c.CreateFunction(t.Context(), program(t, name)); err != nil {
				t.Fatal(err)
			}
		}
		var names []string
		pages := sdk.NewListFunctionsPaginator(c, &sdk.ListFunctionsInput{MaxItems: aws.Int32(2)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page.Functions {
				names = append(names, *f.FunctionName)
			}
		}
		if fmt.Sprint(names) != "[a b c]" {
			t.Errorf("%v", names)
		}
	})
}

func TestAFunctionIsInvoked(t *testing.T) {
	got := make(chan string, 10)
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		if string(body) == `"fail"` {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, `{"done":true}`)
	}))
	t.Cleanup(far.Close)
	each(t, func(t *testing.T, c *sdk.Client) {
		name := aws.String("far")
		if _, err := c.CreateFunction(t.Context(), &sdk.CreateFunctionInput{
			FunctionName: name, Role: aws.String("arn:aws:iam::000000000000:role/f"), Code: &types.FunctionCode{},
			Environment: &types.Environment{Variables: map[string]string{function.URLVariable: far.URL}},
		}); err != nil {
			t.Fatal(err)
		}
		out, err := c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: name, Payload: []byte(`{"n":1}`)})
		if err != nil || string(out.Payload) != `{"done":true}` || out.StatusCode != http.StatusOK || out.FunctionError != nil || <-got != `{"n":1}` {
			t.Errorf("%+v, %v", out, err)
		}
		out, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: name, Payload: []byte(`"fail"`)})
		if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || <-got != `"fail"` {
			t.Errorf("%+v, %v", out, err)
		}
		out, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: name, Payload: []byte(`{"later":1}`), InvocationType: types.InvocationTypeEvent})
		if err != nil || out.StatusCode != http.StatusAccepted || <-got != `{"later":1}` {
			t.Errorf("%+v, %v", out, err)
		}
		out, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: name, InvocationType: types.InvocationTypeDryRun})
		if err != nil || out.StatusCode != http.StatusNoContent || len(got) > 0 {
			t.Errorf("%+v, %v", out, err)
		}
		_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: name, Payload: []byte(`{`)})
		awsapitest.Refused(t, err, "InvalidRequestContentException", "not a JSON document")
		_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: name, Qualifier: aws.String("7")})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "function:far:7")
	})
}

func TestPermissionsAndTagsOfAFunction(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		made, err := c.CreateFunction(t.Context(), program(t, "check"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddPermission(t.Context(), &sdk.AddPermissionInput{
			FunctionName: aws.String("check"), StatementId: aws.String("events"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"),
		}); err != nil {
			t.Fatal(err)
		}
		policy, err := c.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: aws.String("check")})
		if err != nil || !bytes.Contains([]byte(*policy.Policy), []byte(`"Sid":"events"`)) {
			t.Errorf("%+v, %v", policy, err)
		}
		if _, err := c.RemovePermission(t.Context(), &sdk.RemovePermissionInput{FunctionName: aws.String("check"), StatementId: aws.String("events")}); err != nil {
			t.Error(err)
		}
		_, err = c.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: aws.String("check")})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "")
		if _, err := c.TagResource(t.Context(), &sdk.TagResourceInput{Resource: made.FunctionArn, Tags: map[string]string{"env": "dev"}}); err != nil {
			t.Error(err)
		}
		if _, err := c.UntagResource(t.Context(), &sdk.UntagResourceInput{Resource: made.FunctionArn, TagKeys: []string{"team"}}); err != nil {
			t.Error(err)
		}
		tags, err := c.ListTags(t.Context(), &sdk.ListTagsInput{Resource: made.FunctionArn})
		if err != nil || fmt.Sprint(tags.Tags) != "map[env:dev]" {
			t.Errorf("%+v, %v", tags, err)
		}
	})
}

func TestFunctionsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		for says, change := range map[string]func(*sdk.CreateFunctionInput){
			"java21": func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimeJava21 },
			"Layers": func(in *sdk.CreateFunctionInput) {
				in.Layers = []string{"arn:aws:lambda:us-east-1:000000000000:layer:l:1"}
			},
			"AWS_REGION": func(in *sdk.CreateFunctionInput) {
				in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
			},
			"s3://code/missing": func(in *sdk.CreateFunctionInput) {
				in.Code = &types.FunctionCode{S3Bucket: aws.String("code"), S3Key: aws.String("missing")}
			},
			"Publish (of versions": func(in *sdk.CreateFunctionInput) { in.Publish = true },
		} {
			in := program(t, "f")
			change(in)
			_, err := c.CreateFunction(t.Context(), in)
			awsapitest.Refused(t, err, "InvalidParameterValueException", says)
		}
		all, err := c.ListFunctions(t.Context(), &sdk.ListFunctionsInput{})
		if err != nil || len(all.Functions) != 0 {
			t.Errorf("refused, and yet there: %+v, %v", all, err)
		}
	})
}
