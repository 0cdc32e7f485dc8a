package awsapi

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"pgregory.net/rapid"
)

func TestMarshal(t *testing.T) {
	for _, tc := range []struct {
		v    any
		want string
	}{
		{&codepipeline.ListPipelinesOutput{}, `{}`},
		{&codepipeline.ListPipelinesOutput{Pipelines: []types.PipelineSummary{}}, `{"pipelines":[]}`},
		{types.TransitionState{}, `{"enabled":false}`},
		{types.PipelineMetadata{Created: aws.Time(time.UnixMicro(1700000000_999999))}, `{"created":1700000000.999}`},
		{types.PipelineMetadata{Created: aws.Time(time.UnixMilli(-1500))}, `{"created":-1.500}`},
		{types.ActionDeclaration{Configuration: map[string]string{"b": "\x00\xff\u2028", "a": `"\`}}, `{"configuration":{"a":"\"\\","b":"\u0000` + "\ufffd\u2028" + `"}}`},
		{&types.PipelineNotFoundException{Message: aws.String("m"), ErrorCodeOverride: aws.String("x")}, `{"message":"m"}`},
		{buildtypes.TestReportSummary{Total: aws.Int32(1), StatusCounts: map[string]int32{"OK": 1}}, `{"statusCounts":{"OK":1},"total":1}`},
		{[]float64{1, 0.5, 1e21, 1e-7, math.Inf(-1), math.NaN()}, `[1,0.5,1e+21,1e-07,"-Infinity","NaN"]`},
		{nil, `null`},
		{(*types.Tag)(nil), `null`},
	} {
		if got := string(marshal(t, tc.v)); got != tc.want {
			t.Errorf("%T: %s, want %s", tc.v, got, tc.want)
		}
	}
	if _, err := Marshal(struct{ C chan int }{make(chan int)}); err == nil {
		t.Error("a channel was written")
	}
}

func TestUnmarshal(t *testing.T) {
	var in codebuild.UpdateReportGroupInput
	if err := Unmarshal([]byte(` {"arn":"a","ARN":"b","tags":[],"exportConfig":null,"nothing":{"deep":[1]}} `), &in); err != nil {
		t.Fatal(err)
	}
	if *in.Arn != "a" || in.Tags == nil || in.ExportConfig != nil {
		t.Errorf("%+v", in)
	}
	var meta types.PipelineMetadata
	for text, want := range map[string]time.Time{
		`1700000000`:             time.Unix(1700000000, 0),
		`1.7e9`:                  time.Unix(1700000000, 0),
		`1700000000.123`:         time.UnixMilli(1700000000123),
		`-1.5`:                   time.UnixMilli(-1500),
		`"2026-01-31T13:00:00Z"`: noon.Add(time.Hour),
	} {
		if err := Unmarshal([]byte(`{"created":`+text+`}`), &meta); err != nil || !meta.Created.Equal(want) {
			t.Errorf("%s: %v %v", text, meta.Created, err)
		}
	}
	for body, want := range map[string]string{
		`{"created":"now"}`:           "created must be a time",
		`{"created":1e300}`:           "created must be a time between",
		`{"created":true}`:            "created must be a number, not a boolean",
		`{"created":1` + "\x00" + `}`: "is not JSON",
		`"x"`:                         "must be a JSON object, not a string",
	} {
		if err := Unmarshal([]byte(body), &meta); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
	var stage types.StageDeclaration
	if err := Unmarshal([]byte(`{"actions":[{"runOrder":1.0},{"runOrder":1e2}]}`), &stage); err != nil || *stage.Actions[1].RunOrder != 100 {
		t.Errorf("%v", err)
	}
	for _, n := range []string{"1.5", "1e10", "-3000000000", "1e400"} {
		if err := Unmarshal([]byte(`{"actions":[{"runOrder":`+n+`}]}`), &stage); err == nil {
			t.Errorf("%s was accepted", n)
		}
	}
}

func TestStringsSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil || got != eachValid(s) {
			t.Fatalf("%q became %q (%v)", s, got, err)
		}
	})
}

func TestForms(t *testing.T) {
	for form, want := range map[string]string{
		"UserName=a&Action=x&Version=y":                               `{"UserName":"a"}`,
		"Tags.member.2.Key=b&Tags.member.1.Key=a":                     `{"Tags":[{"Key":"a"},{"Key":"b"}]}`,
		"Tags.member.10.Key=c&Tags.member.9.Key=b&TagKeys.member.1=x": `{"TagKeys":["x"],"Tags":[{"Key":"b"},{"Key":"c"}]}`,
		"Tags.member.x=1":  `{"Tags":{"member":{"x":"1"}}}`,
		"Tags.member.01=1": `{"Tags":{"member":{"01":"1"}}}`,
		"A=1&A.B=2":        `{"A":{"B":"2"}}`,
		"":                 `{}`,
		strings.Repeat("a.", deepestForm) + "b=1":                                  ``,
		"Tags.member.99999999999999999999.Key=b&Tags.member.999999999999.Key=fine": `{"Tags":{"member":{"999999999999":{"Key":"fine"},"99999999999999999999":{"Key":"b"}}}}`,
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := formTree(values)
		if want == "" {
			if err == nil {
				t.Errorf("%s was accepted", form)
			}
			continue
		}
		got, _ := json.Marshal(tree)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v", form, got, err)
		}
	}
}

// Whatever is sent as JSON, decoding ends with an answer; what it accepts can be written and read again.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"pipeline":{"name":"p","stages":[{"name":"s","actions":[{"name":"a","runOrder":1,"configuration":{"k":"v"}}]}],"version":1}}`))
	f.Add([]byte(`{"pipeline":{"stages":[null,{}]},"tags":[{"key":"\ud800"}]}`))
	f.Add([]byte(`{"pipeline":[[[[]]]]}`))
	book, err := openFacts("codepipeline")
	if err != nil {
		f.Fatal(err)
	}
	facts, err := book.operation("CreatePipeline")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if tree, err := parseJSON(data); err == nil {
			violationText(violations(facts, tree))
		}
		var in codepipeline.CreatePipelineInput
		if err := Unmarshal(data, &in); err != nil {
			if err.Error() == "" {
				t.Fatal("no message")
			}
			return
		}
		again := new(codepipeline.CreatePipelineInput)
		if err := Unmarshal(marshal(t, in), again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(marshal(t, in), marshal(t, again)) {
			t.Fatalf("%s became %s", marshal(t, in), marshal(t, again))
		}
	})
}

func FuzzForm(f *testing.F) {
	f.Add("Tags.member.1.Key=a&Tags.member.1.Value=b&RoleName=r")
	f.Add("....=1&a.=2&.member.1=3")
	book, err := openFacts("iam")
	if err != nil {
		f.Fatal(err)
	}
	facts, err := book.operation("CreateRole")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, form string) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		if tree, err := formTree(values); err == nil {
			violations(facts, tree)
		}
	})
}

// stored is a pipeline as large as they come in practice: its state is what clients ask for most.
func storedState() *codepipeline.GetPipelineStateOutput {
	out := filled(reflect.TypeFor[codepipeline.GetPipelineStateOutput]()).Addr().Interface().(*codepipeline.GetPipelineStateOutput)
	stage := out.StageStates[0]
	for len(stage.ActionStates) < 4 {
		stage.ActionStates = append(stage.ActionStates, stage.ActionStates[0])
	}
	for len(out.StageStates) < 6 {
		out.StageStates = append(out.StageStates, stage)
	}
	return out
}

func BenchmarkMarshalPipelineState(b *testing.B) {
	out := storedState()
	b.ReportAllocs()
	buffer := make([]byte, 0, 64<<10)
	for b.Loop() {
		encoded, err := Append(buffer, out)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(encoded)))
	}
}

func BenchmarkUnmarshalPipeline(b *testing.B) {
	in := filled(reflect.TypeFor[codepipeline.CreatePipelineInput]())
	data, err := Marshal(in.Interface())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var got codepipeline.CreatePipelineInput
		if err := Unmarshal(data, &got); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	r := signed(b, lasting, "POST", "http://127.0.0.1:4566/", `{"name":"p"}`, "codepipeline", "us-east-1", noon)
	v := verifierAt(noon)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, "codepipeline", HashPayload([]byte(`{"name":"p"}`))); err != nil {
			b.Fatal(err)
		}
	}
}

// The whole way of a request but the network: signature, decoding, constraints, encoding. The budget is well below 1 ms.
func BenchmarkGetPipelineState(b *testing.B) {
	state := storedState()
	mux := NewMux(MuxOptions{Verifier: NewVerifier(keyring{lasting.ID: lasting}, Place{}).WithClock(func() time.Time { return noon })})
	mux.Add(NewJSON("codepipeline", "CodePipeline_20150709", Handle(stateService{state}.GetPipelineState)))
	const body = `{"name":"p"}`
	r := signed(b, lasting, "POST", "http://127.0.0.1:4566/", body, "codepipeline", "us-east-1", noon)
	r.Header.Set("X-Amz-Target", "CodePipeline_20150709.GetPipelineState")
	r.Header.Del("Authorization")
	if err := newSigner().SignHTTP(b.Context(), credentialsOf(lasting), r, HashPayload([]byte(body)), "codepipeline", "us-east-1", noon); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w := discard{header: http.Header{}}
		in := *r
		in.Body = readCloser{strings.NewReader(body)}
		mux.ServeHTTP(&w, &in)
		if w.status != 200 {
			b.Fatal(w.status)
		}
	}
}
