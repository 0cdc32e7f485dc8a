package awsapi

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// worthCompressing is the size from which gzip saves more time on the network than it costs here.
const worthCompressing = 16 << 10

// compress gzips a large body when the client accepts it, and says so in the header.
func compress(h http.Header, r *http.Request, body []byte) []byte {
	if len(body) < worthCompressing || !acceptsGzip(r) {
		return body
	}
	var b bytes.Buffer
	b.Grow(len(body) / 4)
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return body
	}
	if _, err := z.Write(body); err != nil || z.Close() != nil {
		return body
	}
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	return b.Bytes()
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
