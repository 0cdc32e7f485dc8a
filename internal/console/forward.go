package console

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// longestCall is how long a call of an AWS operation may be: CodeCommit's PutFile carries six megabytes, in Base64.
const longestCall = 12 << 20

// services are what pages may call, by the prefix of X-Amz-Target, and what requests to them are signed for.
var services = map[string]string{
	"CodePipeline_20150709": "codepipeline",
	"CodeBuild_20161006":    "codebuild",
	"CodeCommit_20150413":   "codecommit",
	"CodeDeploy_20141006":   "codedeploy",
	"Logs_20140328":         "logs",
	"com.amazonaws.codeconnections.CodeConnections_20231201": "codeconnections",
}

// callAPI passes a call of an AWS operation on, in the JSON protocol or, for IAM, the query protocol.
func (h *Handler) callAPI(w http.ResponseWriter, r *http.Request, s session) {
	service, err := calledService(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestCall))
	if err != nil {
		h.refuse(w, r, &awsapi.Error{Code: "RequestEntityTooLargeException", Message: "The request is too long or was cut off.", Status: http.StatusRequestEntityTooLarge})
		return
	}
	h.forward(w, r, s, passed{to: h.API, service: service, path: "/", body: body, headers: []string{"Content-Type", "X-Amz-Target"}})
}

// calledService tells which service a call is for. The content types are ones that no page of another site can send
// without asking first.
func calledService(r *http.Request) (string, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	target := r.Header.Get("X-Amz-Target")
	prefix := target[:max(0, strings.LastIndexByte(target, '.'))] // names of services may have dots themselves
	switch service, known := services[prefix]; {
	case media == "application/x-amz-json-1.1" && known:
		return service, nil
	case media == "application/x-www-form-urlencoded" && r.Header.Get("X-Conveyor-Service") == "iam":
		return "iam", nil
	default:
		return "", &awsapi.Error{Code: "UnsupportedMediaTypeException", Message: "The console calls operations of its own services, as application/x-amz-json-1.1.", Status: http.StatusUnsupportedMediaType}
	}
}

func (h *Handler) callExplain(w http.ResponseWriter, r *http.Request, s session) {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), Prefix+"explain/")
	h.forward(w, r, s, passed{to: h.Explain, service: "codepipeline", path: h.ExplainAt + rest})
}

// callS3 passes a request for a bucket or an object on. A body is not hashed: it may be large, and it does not leave
// this process. What is read comes as a download and never as a page of this origin.
func (h *Handler) callS3(w http.ResponseWriter, r *http.Request, s session) {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), Prefix+"s3")
	w.Header().Set("Content-Security-Policy", "sandbox")
	h.forward(w, r, s, passed{
		to: h.S3, service: "s3", path: rest, query: r.URL.RawQuery, stream: true,
		headers: []string{"Content-Type", "Content-Length", "Range", "If-Match", "If-None-Match", "X-Amz-Copy-Source"},
	})
}

// passed is a request on its way to a service.
type passed struct {
	to            http.Handler
	service, path string
	query         string
	body          []byte
	stream        bool // the body is passed on as it comes, and not hashed
	headers       []string
}

// forward signs a request with the session's access key and lets the service answer it. Only named headers go along.
func (h *Handler) forward(w http.ResponseWriter, r *http.Request, s session, p passed) {
	path, err := url.PathUnescape(p.path)
	if err != nil {
		h.refuse(w, r, awsapi.Errorf("ValidationException", "The path is malformed."))
		return
	}
	out := r.Clone(r.Context())
	out.URL = &url.URL{Scheme: "http", Host: r.Host, Path: path, RawPath: p.path, RawQuery: p.query}
	out.RequestURI = out.URL.RequestURI()
	out.Header = http.Header{}
	for _, name := range append(p.headers, "Accept-Encoding", "User-Agent") {
		if v := r.Header.Values(name); len(v) > 0 {
			out.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	hash := awsapi.HashPayload(p.body)
	if p.stream {
		hash = awsapi.UnsignedPayload
		out.Header.Set("X-Amz-Content-Sha256", hash)
	} else {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(p.body)), int64(len(p.body))
	}
	if err := h.sign(out, s, p.service, hash); err != nil {
		h.refuse(w, r, err)
		return
	}
	p.to.ServeHTTP(w, out)
}

func (h *Handler) sign(r *http.Request, s session, service, hash string) error {
	region := h.Place.Region
	if service == "iam" {
		region = awsapi.DefaultRegion
	}
	credentials := aws.Credentials{AccessKeyID: s.key.ID, SecretAccessKey: s.key.Secret, SessionToken: s.key.SessionToken}
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(r.Context(), credentials, r, hash, service, region, time.Now())
}
