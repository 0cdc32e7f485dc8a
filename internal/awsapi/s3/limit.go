package s3

import (
	"mime"
	"net/http"
)

// maxMessage bounds the bodies of requests that are not uploads. The largest that is meant seriously lists a thousand
// keys to delete, or ten thousand parts.
const maxMessage = 8 << 20

// bound limits the body of a request that does not carry an object's bytes: those are streamed, but all others are read
// into memory by the gateway. It reports false when the body is announced to be too long.
func bound(w http.ResponseWriter, r *http.Request, at address) bool {
	if carriesObject(r, at) {
		return true
	}
	if r.ContentLength > maxMessage {
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxMessage)
	return true
}

func carriesObject(r *http.Request, at address) bool {
	switch r.Method {
	case http.MethodPost:
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		return at.key == "" && kind == "multipart/form-data"
	case http.MethodPut:
		if at.key == "" {
			return false
		}
		q := r.URL.Query()
		for _, resource := range []string{"acl", "tagging", "retention", "legal-hold", "torrent", "restore"} {
			if q.Has(resource) {
				return false
			}
		}
		return true
	}
	return false
}

func tooLong() *apiError {
	return refuse(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.")
}
