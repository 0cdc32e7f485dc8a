package awsapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// pipelines is a small service. What it does is in the pipeline's name.
type pipelines struct{ caller Identity }

func (p *pipelines) GetPipeline(ctx context.Context, in *codepipeline.GetPipelineInput) (*codepipeline.GetPipelineOutput, error) {
	p.caller = Caller(ctx)
	switch *in.Name {
	case "missing":
		return nil, &types.PipelineNotFoundException{Message: aws.String("Account '000000000000' does not have a pipeline with name 'missing'")}
	case "broken":
		return nil, errors.New("open /secret/path: no such file")
	case "panic":
		panic("the worst")
	case "cancelled":
		return nil, context.Canceled
	case "nothing":
		return nil, nil
	case "large":
		var d types.PipelineDeclaration
		for range 1000 {
			d.Stages = append(d.Stages, types.StageDeclaration{Name: aws.String("the same again and again")})
		}
		return &codepipeline.GetPipelineOutput{Pipeline: &d}, nil
	}
	return &codepipeline.GetPipelineOutput{
		Pipeline: &types.PipelineDeclaration{Name: in.Name, Version: in.Version},
		Metadata: &types.PipelineMetadata{PipelineArn: aws.String(RequestID(ctx)), Created: aws.Time(noon)},
	}, nil
}

func (p *pipelines) DeletePipeline(context.Context, *codepipeline.DeletePipelineInput) (*codepipeline.DeletePipelineOutput, error) {
	return &codepipeline.DeletePipelineOutput{}, nil
}

func (p *pipelines) CreatePipeline(_ context.Context, in *codepipeline.CreatePipelineInput) (*codepipeline.CreatePipelineOutput, error) {
	return &codepipeline.CreatePipelineOutput{Pipeline: in.Pipeline}, nil
}

func getRepository(_ context.Context, in *codecommit.GetRepositoryInput) (*codecommit.GetRepositoryOutput, error) {
	return nil, Errorf("RepositoryNameRequiredException", "A repository name is required, but was not specified.")
}

type server struct {
	url     string
	service *pipelines
	log     *bytes.Buffer
}

func serve(t testing.TB, authorizer Authorizer, keys ...iam.AccessKey) server {
	t.Helper()
	ring := keyring{lasting.ID: lasting}
	for _, k := range keys {
		ring[k.ID] = k
	}
	s := server{service: &pipelines{}, log: &bytes.Buffer{}}
	mux := NewMux(MuxOptions{
		Verifier:   NewVerifier(ring, Place{}),
		Authorizer: authorizer,
		Log:        slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	mux.Add(
		NewJSON("codepipeline", "CodePipeline_20150709", Handle(s.service.GetPipeline), Handle(s.service.DeletePipeline), Handle(s.service.CreatePipeline)),
		NewJSON("codecommit", "CodeCommit_20150413", Handle(getRepository)),
	)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s server) client(k iam.AccessKey) *codepipeline.Client {
	return codepipeline.New(codepipeline.Options{
		Region: "us-east-1", BaseEndpoint: &s.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.SessionToken),
	})
}

// post sends a request as any client could, signed unless it is not to be, and returns the answer's status, its JSON and
// its header.
func (s server) post(t *testing.T, target, body string, change func(*http.Request)) (int, map[string]any, http.Header) {
	t.Helper()
	r := signed(t, lasting, "POST", s.url+"/", body, "codepipeline", "us-east-1", time.Now())
	out, err := http.NewRequest(http.MethodPost, s.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out.Header = r.Header
	if target != "CodePipeline_20150709.ListPipelines" {
		out.Header.Set("X-Amz-Target", target)
		resign(t, out, body)
	}
	if change != nil {
		change(out)
	}
	answer, err := http.DefaultClient.Do(out)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &tree); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return answer.StatusCode, tree, answer.Header
}

func resign(t *testing.T, r *http.Request, body string) {
	t.Helper()
	service := "codepipeline"
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "CodeCommit") {
		service = "codecommit"
	}
	r.Header.Del("Authorization")
	if err := newSigner().SignHTTP(context.Background(), credentialsOf(lasting), r, HashPayload([]byte(body)), service, "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestCallThroughTheSDK(t *testing.T) {
	s := serve(t, nil)
	ctx := context.Background()
	out, err := s.client(lasting).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("belt"), Version: aws.Int32(3)})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Pipeline.Name != "belt" || *out.Pipeline.Version != 3 || !out.Metadata.Created.Equal(noon) || len(*out.Metadata.PipelineArn) != 36 {
		t.Errorf("got %+v %+v", out.Pipeline, out.Metadata)
	}
	if want := (Identity{AccessKeyID: lasting.ID, Arn: lasting.Principal.Arn, UserID: "000000000000", Account: "000000000000", Root: true}); s.service.caller != want {
		t.Errorf("caller %+v", s.service.caller)
	}
	if _, err := s.client(lasting).DeletePipeline(ctx, &codepipeline.DeletePipelineInput{Name: aws.String("belt")}); err != nil {
		t.Error(err)
	}
	_, err = s.client(lasting).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("missing")})
	var missing *types.PipelineNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Account '000000000000' does not have a pipeline with name 'missing'" {
		t.Errorf("got %v", err)
	}
	large, err := s.client(lasting).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("large")})
	if err != nil || len(large.Pipeline.Stages) != 1000 {
		t.Errorf("large: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, nil)
	const get = "CodePipeline_20150709.GetPipeline"
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, tc := range []struct {
		name, target, body string
		change             func(*http.Request)
		status             int
		code, text         string
	}{
		{"unknown service", "CodeDeploy_20141006.ListApplications", "{}", nil, 400, "UnknownOperationException", "no service 'CodeDeploy_20141006'"},
		{"unknown operation", "CodePipeline_20150709.Explode", "{}", nil, 400, "UnknownOperationException", "does not offer the operation 'Explode'"},
		{"no dot", "GetPipeline", "{}", nil, 400, "UnknownOperationException", ""},
		{"no target", get, "{}", func(r *http.Request) { r.Header.Del("X-Amz-Target") }, 400, "UnknownOperationException", "X-Amz-Target is missing"},
		{"content type", get, "{}", header("Content-Type", "application/json"), 415, "UnsupportedMediaTypeException", ""},
		{"unsigned", get, "{}", func(r *http.Request) { r.Header.Del("Authorization") }, 400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"body changed", get, "{}", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, 400, "InvalidSignatureException", ""},
		{"not JSON", get, `{"name":`, nil, 400, "SerializationException", "it ends in the middle (after 8 bytes)"},
		{"not JSON either", get, `{"name":x}`, nil, 400, "SerializationException", "at byte 9"},
		{"two values", get, `{}{}`, nil, 400, "SerializationException", "after its JSON object"},
		{"not an object", get, `[1]`, nil, 400, "SerializationException", "must be a JSON object, not a list"},
		{"wrong type", get, `{"name":7}`, nil, 400, "SerializationException", "The member name must be a string, not a number"},
		{"wrong type deep", "CodePipeline_20150709.CreatePipeline", `{"pipeline":{"stages":[{},{"actions":[{"runOrder":"first"}]}]}}`, nil, 400, "SerializationException", "The member pipeline.stages.2.member.actions.1.member.runOrder must be a number, not a string"},
		{"too large a number", get, `{"name":"a","version":3000000000}`, nil, 400, "SerializationException", "32 bits"},
		{"missing", get, `{}`, nil, 400, "ValidationException", "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"null", get, `{"name":null}`, nil, 400, "ValidationException", "Value null at 'name'"},
		{"own exception", "CodeCommit_20150413.GetRepository", `{}`, nil, 400, "RepositoryNameRequiredException", "A repository name is required"},
		{"internal", get, `{"name":"broken"}`, nil, 500, "InternalFailure", "request id"},
		{"panic", get, `{"name":"panic"}`, nil, 500, "InternalFailure", "request id"},
		{"cancelled inside", get, `{"name":"cancelled"}`, nil, 500, "InternalFailure", "request id"},
		{"10 MB", get, `{"name":"` + strings.Repeat("a", 10<<20) + `"}`, nil, 413, "RequestEntityTooLargeException", "longer than 6291456 bytes, the most GetPipeline takes"},
	} {
		status, answer, h := s.post(t, tc.target, tc.body, tc.change)
		message, _ := answer["message"].(string)
		if status != tc.status || answer["__type"] != tc.code || !strings.Contains(message, tc.text) {
			t.Errorf("%s: %d %v", tc.name, status, answer)
		}
		if h.Get("X-Amzn-Requestid") == "" || !strings.HasPrefix(h.Get("Content-Type"), "application/x-amz-json-1.1") {
			t.Errorf("%s: header %v", tc.name, h)
		}
		if strings.Contains(message, "secret") || strings.Contains(message, "worst") {
			t.Errorf("%s tells too much: %s", tc.name, message)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "/secret/path") || !strings.Contains(log, "the worst") {
		t.Errorf("the log does not tell what failed: %s", log)
	}
	if log := s.log.String(); strings.Contains(log, lasting.Secret) || strings.Contains(log, "Signature=") {
		t.Error("the log tells secrets")
	}
}

func TestNothingIsAnEmptyAnswer(t *testing.T) {
	s := serve(t, nil)
	if status, answer, _ := s.post(t, "CodePipeline_20150709.GetPipeline", `{"name":"nothing","unknown":[{}]}`, nil); status != 200 || len(answer) != 0 {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer, _ := s.post(t, "CodePipeline_20150709.DeletePipeline", `{"name":"a"}`, nil); status != 200 || answer != nil {
		t.Errorf("%d %v", status, answer)
	}
}

// A stranger's body is read past, not kept: any number of them must not fill the memory. Not parallel: it counts what the
// process allocates.
func TestStrangersBodiesAreNotKept(t *testing.T) {
	mux := NewMux(MuxOptions{Verifier: NewVerifier(keyring{}, Place{})})
	mux.Add(NewJSON("codecommit", "CodeCommit_20150413", Handle(getRepository)))
	body := strings.Repeat(" ", DefaultMaxBody)
	r := signed(t, lasting, "POST", "http://localhost/", "", "codecommit", "us-east-1", time.Now())
	r.Header.Set("X-Amz-Target", "CodeCommit_20150413.GetRepository")
	resign(t, r, body)
	r.Body = io.NopCloser(strings.NewReader(body))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	runtime.ReadMemStats(&after)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "UnrecognizedClientException") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if kept := after.TotalAlloc - before.TotalAlloc; kept > DefaultMaxBody/2 {
		t.Errorf("%d bytes were allocated for a stranger's %d", kept, DefaultMaxBody)
	}
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	s := serve(t, nil)
	body := `{"name":"large"}`
	r, err := http.NewRequest(http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "CodePipeline_20150709.GetPipeline")
	r.Header.Set("Accept-Encoding", "br, gzip")
	resign(t, r, body)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	z, err := gzip.NewReader(answer.Body)
	if err != nil || answer.Header.Get("Content-Encoding") != "gzip" || answer.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Fatalf("%v %v", err, answer.Header)
	}
	var out codepipeline.GetPipelineOutput
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := Unmarshal(text, &out); err != nil || len(out.Pipeline.Stages) != 1000 {
		t.Error(err)
	}
}

// rules allows what it lists: "action resource".
type rules map[string]bool

func (r rules) Decide(_ context.Context, _ iam.Principal, action, resource string) (iam.Decision, error) {
	if r[action+" "+resource] {
		return iam.Allowed, nil
	}
	return iam.NotAllowed, nil
}

func TestPermissions(t *testing.T) {
	user := iam.AccessKey{ID: "AKIAUSER", Secret: "s", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:user/ada", UserID: "AIDA"}}
	s := serve(t, NewAuthorizer(rules{"codepipeline:GetPipeline arn:aws:codepipeline:us-east-1:000000000000:mine": true}), user)
	ctx, c := context.Background(), s.client(user)
	if _, err := c.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("mine")}); err != nil {
		t.Error(err)
	}
	_, err := c.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("yours")})
	want := "User: arn:aws:iam::000000000000:user/ada is not authorized to perform: codepipeline:GetPipeline on resource: " +
		"arn:aws:codepipeline:us-east-1:000000000000:yours because no identity-based policy allows the codepipeline:GetPipeline action"
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" || api.ErrorMessage() != want {
		t.Errorf("got %v", err)
	}
	if _, err := serve(t, nil, user).client(user).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("mine")}); !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" {
		t.Errorf("without an authorizer: %v", err)
	}
}

func TestViolations(t *testing.T) {
	s := serve(t, nil)
	long := strings.Repeat("x", 101)
	const deep = "pipeline.stages.1.member.actions.1.member"
	action := func(members string) string {
		return `{"pipeline":{"name":"p","roleArn":"arn:aws:iam::000000000000:role/r","stages":[{"name":"s","actions":[{"name":"a","actionTypeId":{"category":"Build","owner":"AWS","provider":"P","version":"1"}` + members + `}]}]}}`
	}
	for _, tc := range []struct{ body, want string }{
		{action(""), ""},
		{strings.Replace(action(""), `"name":"a"`, `"name":"`+long+`"`, 1), "1 validation error detected: Value '" + long + "' at '" + deep + ".name' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{strings.Replace(action(""), `"name":"a"`, `"name":"ä b"`, 1), "1 validation error detected: Value 'ä b' at '" + deep + `.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\-_]+`},
		{strings.Replace(action(""), `"category":"Build"`, `"category":"Bake"`, 1), "1 validation error detected: Value 'Bake' at '" + deep + ".actionTypeId.category' failed to satisfy constraint: Member must satisfy enum value set: [Source, Build, Deploy, Test, Invoke, Approval, Compute]"},
		{strings.Replace(action(""), `"name":"p",`, ``, 1), "1 validation error detected: Value null at 'pipeline.name' failed to satisfy constraint: Member must not be null"},
		{action(`,"runOrder":1000`), "1 validation error detected: Value '1000' at '" + deep + ".runOrder' failed to satisfy constraint: Member must have value less than or equal to 999"},
		{action(`,"configuration":{"k":""}`), "1 validation error detected: Value at '" + deep + ".configuration' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 1000, Member must have length greater than or equal to 1]"},
		{action(`,"commands":["ls",""]`), "1 validation error detected: Value '[ls, ]' at '" + deep + ".commands' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1000, Member must have length greater than or equal to 1]"},
		{`{"pipeline":{}}`, "3 validation errors detected: Value null at 'pipeline.name' failed to satisfy constraint: Member must not be null; Value null at 'pipeline.roleArn' failed to satisfy constraint: Member must not be null; Value null at 'pipeline.stages' failed to satisfy constraint: Member must not be null"},
		{action(`,"inputArtifacts":[null]`), "1 validation error detected: Value at '" + deep + ".inputArtifacts' failed to satisfy constraint: Member must satisfy constraint: [Member must not be null]"},
	} {
		status, answer, _ := s.post(t, "CodePipeline_20150709.CreatePipeline", tc.body, nil)
		if tc.want == "" {
			if status != 200 {
				t.Errorf("%s: %v", tc.body, answer)
			}
			continue
		}
		if answer["__type"] != "ValidationException" || answer["message"] != tc.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tc.body, answer, tc.want)
		}
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	book, err := openFacts("codebuild")
	if err != nil {
		t.Fatal(err)
	}
	f, err := book.operation("ImportSourceCredentials")
	if err != nil {
		t.Fatal(err)
	}
	found := violations(f, map[string]any{"token": "", "serverType": "GITHUB", "authType": "OAUTH"})
	if got := fmt.Sprint(found); !strings.Contains(got, "Value at 'token' failed to satisfy constraint: Member must have length greater than or equal to 1") {
		t.Error(got)
	}
}

func TestWhatTheMuxMatches(t *testing.T) {
	m := NewMux(MuxOptions{Verifier: verifierAt(noon)})
	for _, tc := range []struct {
		method, address, contentType, target string
		want                                 bool
	}{
		{"POST", "/", "application/x-amz-json-1.1", "CodePipeline_20150709.ListPipelines", true},
		{"POST", "/", "application/x-amz-json-1.0", "", true},
		{"POST", "/", "application/x-www-form-urlencoded; charset=utf-8", "", true},
		{"GET", "/?Action=GetCallerIdentity", "", "", true},
		{"GET", "/", "", "", false},
		{"POST", "/bucket", "application/x-www-form-urlencoded", "", false},
		{"POST", "/bucket", "multipart/form-data", "", false},
		{"PUT", "/bucket/key?Action=x", "", "", false},
		{"PUT", "/bucket/key", "application/x-amz-json-1.1", "", false},
	} {
		r := httptest.NewRequest(tc.method, tc.address, nil)
		r.Header.Set("Content-Type", tc.contentType)
		if tc.target != "" {
			r.Header.Set("X-Amz-Target", tc.target)
		}
		if got := m.Matches(r); got != tc.want {
			t.Errorf("%s %s %s: %v", tc.method, tc.address, tc.contentType, got)
		}
	}
}
