package s3

import (
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// apiError is an error as S3 writes it.
type apiError struct {
	Code    string
	Message string
	Status  int
	// Bucket is shown in errors about a bucket's configuration.
	Bucket string
}

func (e *apiError) Error() string { return e.Message }

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

type errorBody struct {
	XMLName    xml.Name `xml:"Error"`
	Code       string
	Message    string
	BucketName string `xml:",omitempty"`
	Resource   string `xml:",omitempty"`
	RequestID  string `xml:"RequestId"`
	HostID     string `xml:"HostId"`
}

func setIDs(h http.Header) (requestID, hostID string) {
	requestID, hostID = rand.Text()[:16], rand.Text()+rand.Text()
	h.Set("X-Amz-Request-Id", requestID)
	h.Set("X-Amz-Id-2", hostID)
	h.Set("Server", serverName)
	return requestID, hostID
}

func writeError(w http.ResponseWriter, r *http.Request, e *apiError) {
	requestID, hostID := setIDs(w.Header())
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	if r.Method == http.MethodHead {
		return
	}
	writeBody(w, errorBody{
		Code: e.Code, Message: e.Message, BucketName: e.Bucket, Resource: r.URL.Path, RequestID: requestID, HostID: hostID,
	})
}

func writeXML(w http.ResponseWriter, status int, v any) {
	setIDs(w.Header())
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	writeBody(w, v)
}

func writeBody(w http.ResponseWriter, v any) {
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).Encode(v) // the client is told by a cut-off body
}

func writeEmpty(w http.ResponseWriter, status int) {
	setIDs(w.Header())
	w.WriteHeader(status)
}

// asAPIError finds S3's word for any error of the front.
func (h *Handler) asAPIError(r *http.Request, at address, err error) *apiError {
	var api *apiError
	var auth *awsapi.AuthError
	var denied *awsapi.Error
	switch {
	case errors.As(err, &api):
		return api
	case errors.As(err, &auth):
		return authRefusal(auth)
	case errors.As(err, &denied):
		return refuse(http.StatusForbidden, "AccessDenied", "%s", denied.Message)
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return &apiError{Code: "NoSuchBucket", Message: "The specified bucket does not exist", Status: http.StatusNotFound, Bucket: at.bucket}
	case errors.Is(err, objectstore.ErrNoSuchKey):
		return refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	case errors.Is(err, objectstore.ErrNoSuchVersion):
		return refuse(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
	case errors.Is(err, objectstore.ErrACLNotSupported):
		return refuse(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	h.log.ErrorContext(r.Context(), "an S3 request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	return refuse(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
}

func authRefusal(e *awsapi.AuthError) *apiError {
	code := map[awsapi.AuthKind]string{
		awsapi.MissingToken: "AccessDenied", awsapi.Incomplete: "AuthorizationHeaderMalformed",
		awsapi.UnknownToken: "InvalidAccessKeyId", awsapi.Expired: "ExpiredToken", awsapi.BadSignature: "SignatureDoesNotMatch",
	}[e.Kind]
	status := http.StatusForbidden
	if e.Kind == awsapi.Incomplete || e.Kind == awsapi.Expired {
		status = http.StatusBadRequest
	}
	return refuse(status, code, "%s", e.Message)
}
