package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
)

// transport answers every request in place of a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }

// sdkService is a service as the SDK knows it. Its operations are the methods of its client.
type sdkService struct {
	name   string // as in signatures
	query  *QueryAPI
	cbor   bool
	client func(transport) any
}

var endpoint = "http://sdk.test"

func everySDK() []sdkService {
	keys := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")
	return []sdkService{
		{name: "codepipeline", client: func(t transport) any {
			return codepipeline.New(codepipeline.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "codebuild", client: func(t transport) any {
			return codebuild.New(codebuild.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "codecommit", client: func(t transport) any {
			return codecommit.New(codecommit.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "logs", client: func(t transport) any {
			return cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "events", client: func(t transport) any {
			return eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "ssm", client: func(t transport) any {
			return ssm.New(ssm.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "secretsmanager", client: func(t transport) any {
			return secretsmanager.New(secretsmanager.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "cloudwatch", client: cloudWatch(awsjson.New10(schemas.GraniteServiceVersion20100801))},
		{name: "cloudwatch", client: cloudWatch(nil), cbor: true},
		{name: "cloudwatch", client: cloudWatch(awsquery.New(schemas.GraniteServiceVersion20100801)), query: &QueryAPI{Service: "cloudwatch", scope: "monitoring", Version: "2010-08-01"}},
		{name: "iam", query: &QueryAPI{Service: "iam", Version: "2010-05-08"}, client: func(t transport) any {
			return iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
		{name: "sts", query: &QueryAPI{Service: "sts", Version: "2011-06-15"}, client: func(t transport) any {
			return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1})
		}},
	}
}

// cloudWatch is the client of the only service that is spoken to in several protocols; its own is CBOR.
func cloudWatch(p smithyhttp.ClientProtocol) func(transport) any {
	keys := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")
	return func(t transport) any {
		return cloudwatch.New(cloudwatch.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: t, RetryMaxAttempts: 1}, func(o *cloudwatch.Options) {
			if p != nil {
				o.Protocol = p
			}
		})
	}
}

// notPlain are operations this package cannot serve, and does not need to: answers that are a stream of events, and
// inputs of IAM with maps or lists in another form than all the others have.
var notPlain = map[string]bool{
	"StartLiveTail": true, "GetLogObject": true,
	"PutMetricData": true, // compressed
	"PutEvents":     true, // its endpoint's name becomes a part of the address
	"AcquireRole":   true, "PutAccountProperties": true, "SimulatePrincipalPolicy": true,
}

// sdkOperation is a method of a client.
type sdkOperation struct {
	name    string
	in, out reflect.Type
	call    func(client, in reflect.Value) []reflect.Value
}

func operationsOf(client any) []sdkOperation {
	var ops []sdkOperation
	t := reflect.TypeOf(client)
	for i := range t.NumMethod() {
		m := t.Method(i)
		if _, ok := client.(*ssm.Client); ok && !strings.Contains(m.Name, "Parameter") {
			continue // of Systems Manager, Parameter Store alone is served
		}
		if m.Name == "Options" || notPlain[m.Name] || m.Type.NumIn() != 4 {
			continue
		}
		ops = append(ops, sdkOperation{m.Name, m.Type.In(2).Elem(), m.Type.Out(0).Elem(), func(c, in reflect.Value) []reflect.Value {
			return m.Func.Call([]reflect.Value{c, reflect.ValueOf(context.Background()), in})
		}})
	}
	return ops
}

// filled makes a value of t with every member set, each to something else, and lists and maps holding two items.
func filled(t reflect.Type) reflect.Value {
	f := filler{}
	v := reflect.New(t).Elem()
	f.fill(v, nil)
	return v
}

type filler struct{ n int }

func (f *filler) fill(v reflect.Value, inside []reflect.Type) {
	f.n++
	t := v.Type()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), inside)
	case reflect.String:
		v.SetString("text " + strings.Repeat("ä<&>\"\\\n", f.n%3) + string(rune('a'+f.n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(f.n) + 0.25)
	case reflect.Slice:
		f.fillSlice(v, inside)
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range 2 {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			f.fill(k, inside)
			f.fill(e, inside)
			v.SetMapIndex(k, e)
		}
	case reflect.Interface:
		if variants := unions[t]; len(variants) > 0 {
			e := reflect.New(variants[0])
			f.fill(e.Elem(), inside)
			v.Set(e)
		}
	case reflect.Struct:
		f.fillStruct(v, inside)
	}
}

func (f *filler) fillSlice(v reflect.Value, inside []reflect.Type) {
	if v.Type() == bytesType {
		v.SetBytes([]byte{0, 255, byte(f.n)})
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 2, 2))
	for i := range 2 {
		f.fill(v.Index(i), inside)
	}
}

func (f *filler) fillStruct(v reflect.Value, inside []reflect.Type) {
	t := v.Type()
	if t == timeType {
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + int64(f.n)*1001).UTC()))
		return
	}
	depth := 0
	for _, outer := range inside {
		if outer == t {
			depth++
		}
	}
	if depth > 1 {
		return // a shape inside itself ends somewhere
	}
	for i := range t.NumField() {
		if field := t.Field(i); field.IsExported() && field.Type != metadataType {
			f.fill(v.Field(i), append(inside, t))
		}
	}
}

func TestSDKInputsArriveWhole(t *testing.T) {
	for _, s := range everySDK() {
		t.Run(s.name, func(t *testing.T) {
			var request *http.Request
			var body []byte
			client := s.client(func(r *http.Request) (*http.Response, error) {
				request = r
				body = nil
				if r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				return nil, io.ErrUnexpectedEOF // the answer does not matter here
			})
			for _, op := range operationsOf(client) {
				in := filled(op.in)
				if s.query != nil {
					cutTimes(in, time.Second)
				}
				request = nil
				result := op.call(reflect.ValueOf(client), in.Addr())
				if request == nil {
					t.Errorf("%s sent nothing: %v", op.name, result[1])
					continue
				}
				got := reflect.New(op.in)
				if err := s.decode(request, body, got.Interface()); err != nil {
					t.Errorf("%s: %v", op.name, err)
				} else if !reflect.DeepEqual(got.Elem().Interface(), in.Interface()) {
					t.Errorf("%s: sent\n%s\ngot\n%s", op.name, show(in), show(got.Elem()))
				}
				if s.query == nil && !s.cbor {
					sameJSON(t, op.name, marshal(t, in.Interface()), body)
				}
			}
		})
	}
}

func (s sdkService) decode(r *http.Request, body []byte, into any) error {
	if s.cbor {
		tree, err := parseCBOR(body)
		if err != nil {
			return err
		}
		return bind(tree, into, false)
	}
	if s.query == nil {
		return Unmarshal(body, into)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	tree, err := formTree(form)
	if err != nil {
		return err
	}
	return bind(tree, into, true)
}

func TestSDKOutputsArriveWhole(t *testing.T) {
	for _, s := range everySDK() {
		t.Run(s.name, func(t *testing.T) {
			var reply []byte
			client := s.client(func(r *http.Request) (*http.Response, error) {
				header := http.Header{}
				if s.cbor {
					header.Set("Smithy-Protocol", cborName)
				}
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(bytes.NewReader(reply)), Request: r}, nil
			})
			for _, op := range operationsOf(client) {
				out := filled(op.out)
				var err error
				switch {
				case s.cbor:
					var v cbor.Value
					if v, err = cborValue(out); err == nil {
						reply = cbor.Encode(v)
					}
				case s.query != nil:
					cutTimes(out, time.Second)
					reply, err = queryReply(*s.query, Operation{name: op.name, output: op.out}, out.Addr().Interface(), "id")
				default:
					reply, err = Marshal(out.Interface())
				}
				if err != nil {
					t.Errorf("%s: %v", op.name, err)
					continue
				}
				result := op.call(reflect.ValueOf(client), filled(op.in).Addr())
				if e := result[1]; !e.IsNil() {
					t.Errorf("%s: %v\n%s", op.name, e, reply)
					continue
				}
				got := result[0].Elem()
				if s.cbor {
					cutTimes(got, time.Millisecond)
				}
				if m := got.FieldByName("ResultMetadata"); m.IsValid() {
					m.Set(reflect.ValueOf(middleware.Metadata{}))
				}
				if !reflect.DeepEqual(got.Interface(), out.Interface()) {
					t.Errorf("%s: sent\n%s\ngot\n%s", op.name, show(out), show(got))
				}
			}
		})
	}
}

// cutTimes cuts times to what a protocol can say, and makes them UTC.
func cutTimes(v reflect.Value, unit time.Duration) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			cutTimes(v.Elem(), unit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			cutTimes(v.Index(i), unit)
		}
	case reflect.Struct:
		if v.Type() == timeType {
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Truncate(unit).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				cutTimes(v.Field(i), unit)
			}
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sameJSON(t *testing.T, what string, a, b []byte) {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Errorf("%s: ours is not JSON: %v", what, err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Errorf("%s: theirs is not JSON: %v", what, err)
	}
	if !reflect.DeepEqual(x, y) {
		t.Errorf("%s: ours\n%s\nthe SDK's\n%s", what, a, b)
	}
}

func show(v reflect.Value) string {
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return string(b)
}
