package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// subresource is a bucket configuration the front answers itself.
type subresource struct {
	getAction, putAction string // IAM actions; deleting asks for putAction, as S3 does
	get                  func(h *Handler, ctx context.Context, bucket string) (any, error)
	put                  func(h *Handler, ctx context.Context, bucket string, body []byte) error
	remove               func(h *Handler, ctx context.Context, bucket string) error // nil: DELETE is not allowed
}

// maxDocument bounds the configuration documents.
const maxDocument = 128 << 10

// subresources, by the query parameter that names them. Configurations whose effect Conveyor does not have are absent
// when read and refused when written: stored and ignored, they would be a lie.
var subresources = map[string]subresource{
	"publicAccessBlock": {
		getAction: "s3:GetBucketPublicAccessBlock", putAction: "s3:PutBucketPublicAccessBlock",
		get: getAccessBlock, put: putAccessBlock, remove: removeAccessBlock,
	},
	"encryption": {
		getAction: "s3:GetEncryptionConfiguration", putAction: "s3:PutEncryptionConfiguration",
		get: absent("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found"),
		put: refused("default encryption: Conveyor does not encrypt bodies; encrypt the file system they are on"), remove: nothing,
	},
	"lifecycle": {
		getAction: "s3:GetLifecycleConfiguration", putAction: "s3:PutLifecycleConfiguration",
		get: absent("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
		put: refused("lifecycle rules"), remove: nothing,
	},
	"replication": {
		getAction: "s3:GetReplicationConfiguration", putAction: "s3:PutReplicationConfiguration",
		get: absent("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
		put: refused("replication"), remove: nothing,
	},
	"notification": {
		getAction: "s3:GetBucketNotification", putAction: "s3:PutBucketNotification",
		get: empty("NotificationConfiguration"), put: onlyEmpty("NotificationConfiguration", "bucket notifications"),
	},
	"logging": {
		getAction: "s3:GetBucketLogging", putAction: "s3:PutBucketLogging",
		get: empty("BucketLoggingStatus"), put: onlyEmpty("BucketLoggingStatus", "access logging"),
	},
	"accelerate": {
		getAction: "s3:GetAccelerateConfiguration", putAction: "s3:PutAccelerateConfiguration",
		get: empty("AccelerateConfiguration"), put: onlyValue("AccelerateConfiguration", "Status", "Suspended", "Enabled", "transfer acceleration"),
	},
	"requestPayment": {
		getAction: "s3:GetBucketRequestPayment", putAction: "s3:PutBucketRequestPayment",
		get: requestPayment, put: onlyValue("RequestPaymentConfiguration", "Payer", "BucketOwner", "Requester", "requester pays"),
	},
}

func (h *Handler) serveSubresource(w http.ResponseWriter, r *http.Request, at address, s subresource) {
	if err := h.subresource(w, r, at, s); err != nil {
		writeError(w, r, h.asAPIError(r, at, err))
	}
}

func (h *Handler) subresource(w http.ResponseWriter, r *http.Request, at address, s subresource) error {
	action := s.putAction
	switch {
	case r.Method == http.MethodGet:
		action = s.getAction
	case r.Method == http.MethodPut, r.Method == http.MethodDelete && s.remove != nil:
	default:
		return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	body, err := h.admit(r, action, "arn:aws:s3:::"+at.bucket)
	if err != nil {
		return err
	}
	if _, err := h.store.Bucket(r.Context(), at.bucket); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		v, err := s.get(h, r.Context(), at.bucket)
		if err != nil {
			return err
		}
		writeXML(w, http.StatusOK, v)
	case http.MethodPut:
		if err := s.put(h, r.Context(), at.bucket, body); err != nil {
			return err
		}
		writeEmpty(w, http.StatusOK)
	default:
		if err := s.remove(h, r.Context(), at.bucket); err != nil {
			return err
		}
		writeEmpty(w, http.StatusNoContent)
	}
	return nil
}

// admit reads the body, proves who sent it and asks whether they may.
func (h *Handler) admit(r *http.Request, action, resource string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxDocument+1))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
	}
	if len(body) > maxDocument {
		return nil, tooLong()
	}
	payload, err := signedPayload(r, body)
	if err != nil {
		return nil, err
	}
	who, err := h.verifier.Verify(r, "s3", payload)
	if err != nil {
		return nil, err
	}
	if err := h.authorizer.Authorize(awsapi.WithConditions(r.Context(), r), who, action, []string{resource}); err != nil {
		return nil, err
	}
	return body, h.refuseDenied(r, who, action, resource)
}

// signedPayload is the hash of the body that the signature covers.
func signedPayload(r *http.Request, body []byte) (string, error) {
	if r.URL.Query().Has("X-Amz-Signature") {
		return awsapi.UnsignedPayload, nil
	}
	sent := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case sent == awsapi.UnsignedPayload:
		return sent, nil
	case strings.HasPrefix(sent, "STREAMING-"):
		return "", refuse(http.StatusBadRequest, "InvalidRequest", "The value of x-amz-content-sha256 header is invalid.")
	case sent != "" && sent != awsapi.HashPayload(body):
		return "", refuse(http.StatusBadRequest, "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return awsapi.HashPayload(body), nil
}

func absent(code, message string) func(*Handler, context.Context, string) (any, error) {
	return func(_ *Handler, _ context.Context, bucket string) (any, error) {
		return nil, &apiError{Code: code, Message: message, Status: http.StatusNotFound, Bucket: bucket}
	}
}

func refused(what string) func(*Handler, context.Context, string, []byte) error {
	return func(*Handler, context.Context, string, []byte) error {
		return refuse(http.StatusNotImplemented, "NotImplemented", "Conveyor does not support %s.", what)
	}
}

func nothing(*Handler, context.Context, string) error { return nil }

// s3Namespace is that of all S3 documents.
const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// element is an XML element that holds only others, or text.
type element struct {
	XMLName  xml.Name
	Children []element `xml:",any"`
	Text     string    `xml:",chardata"`
}

func (e element) child(name string) (element, bool) {
	for _, c := range e.Children {
		if c.XMLName.Local == name {
			return c, true
		}
	}
	return element{}, false
}

func empty(root string) func(*Handler, context.Context, string) (any, error) {
	return func(*Handler, context.Context, string) (any, error) {
		return element{XMLName: xml.Name{Space: s3Namespace, Local: root}}, nil
	}
}

func requestPayment(*Handler, context.Context, string) (any, error) {
	return struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ RequestPaymentConfiguration"`
		Payer   string
	}{Payer: "BucketOwner"}, nil
}

func malformed(format string, args ...any) *apiError {
	e := refuse(http.StatusBadRequest, "MalformedXML", format, args...)
	e.Message = "The XML you provided was not well-formed or did not validate against our published schema: " + e.Message
	return e
}

// parse reads a document whose root element must be root.
func parse(body []byte, root string) (element, error) {
	var e element
	d := xml.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&e); err != nil {
		return e, malformed("%v", err)
	}
	if e.XMLName.Local != root {
		return e, malformed("the root element is %s, not %s", e.XMLName.Local, root)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, malformed("something follows the element %s", root)
	}
	return e, nil
}

// onlyEmpty accepts the document that switches a feature off.
func onlyEmpty(root, feature string) func(*Handler, context.Context, string, []byte) error {
	return func(_ *Handler, _ context.Context, _ string, body []byte) error {
		e, err := parse(body, root)
		if err != nil {
			return err
		}
		if len(e.Children) > 0 {
			return refuse(http.StatusNotImplemented, "NotImplemented", "Conveyor does not support %s (element %s).", feature, e.Children[0].XMLName.Local)
		}
		return nil
	}
}

// onlyValue accepts the one value that asks for nothing.
func onlyValue(root, name, accepted, known, feature string) func(*Handler, context.Context, string, []byte) error {
	return func(_ *Handler, _ context.Context, _ string, body []byte) error {
		e, err := parse(body, root)
		if err != nil {
			return err
		}
		c, ok := e.child(name)
		switch v := strings.TrimSpace(c.Text); {
		case !ok:
			return malformed("element %s is missing in %s", name, root)
		case v == accepted:
			return nil
		case v == known:
			return refuse(http.StatusNotImplemented, "NotImplemented", "Conveyor does not support %s.", feature)
		default:
			return malformed("element %s has the value %q", name, v)
		}
	}
}

type accessBlockXML struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

func getAccessBlock(h *Handler, ctx context.Context, bucket string) (any, error) {
	doc, err := h.store.Document(ctx, bucket, objectstore.PublicAccessBlock)
	if errors.Is(err, objectstore.ErrNoSuchDocument) {
		return absent("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")(h, ctx, bucket)
	}
	if err != nil {
		return nil, err
	}
	b := objectstore.ParsePublicAccessBlock(doc)
	return accessBlockXML{
		BlockPublicAcls: b.BlockPublicAcls, IgnorePublicAcls: b.IgnorePublicAcls,
		BlockPublicPolicy: b.BlockPublicPolicy, RestrictPublicBuckets: b.RestrictPublicBuckets,
	}, nil
}

func putAccessBlock(h *Handler, ctx context.Context, bucket string, body []byte) error {
	e, err := parse(body, "PublicAccessBlockConfiguration")
	if err != nil {
		return err
	}
	var b objectstore.AccessBlock
	settings := map[string]*bool{
		"BlockPublicAcls": &b.BlockPublicAcls, "IgnorePublicAcls": &b.IgnorePublicAcls,
		"BlockPublicPolicy": &b.BlockPublicPolicy, "RestrictPublicBuckets": &b.RestrictPublicBuckets,
	}
	for _, c := range e.Children {
		into := settings[c.XMLName.Local]
		if into == nil {
			return malformed("element %s is not known", c.XMLName.Local)
		}
		switch v := strings.ToLower(strings.TrimSpace(c.Text)); v {
		case "true", "1":
			*into = true
		case "false", "0":
			*into = false
		default:
			return malformed("element %s is neither true nor false", c.XMLName.Local)
		}
	}
	doc, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return h.store.SetDocument(ctx, bucket, objectstore.PublicAccessBlock, doc)
}

func removeAccessBlock(h *Handler, ctx context.Context, bucket string) error {
	return h.store.SetDocument(ctx, bucket, objectstore.PublicAccessBlock, nil)
}
