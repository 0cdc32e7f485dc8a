package s3

import (
	"net"
	"net/http"
	"net/url"
	"sort"
	"strings"
)

// address is where an S3 request goes.
type address struct {
	bucket, key string
}

// domains are the hosts under which buckets can be addressed as BUCKET.domain, longest first.
type domains []string

func newDomains(region string, more []string) domains {
	d := append(domains{"localhost", "s3.localhost", "s3." + region + ".localhost"}, more...)
	sort.Slice(d, func(i, j int) bool { return len(d[i]) > len(d[j]) })
	return d
}

// bucket is the bucket a host names, or "" for path style.
func (d domains) bucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, domain := range d {
		if host == domain {
			return ""
		}
		if b, ok := strings.CutSuffix(host, "."+domain); ok {
			return b
		}
	}
	return ""
}

func (d domains) locate(r *http.Request) (address, error) {
	path, err := url.PathUnescape(r.URL.EscapedPath())
	if err != nil {
		return address{}, err
	}
	path = strings.TrimPrefix(path, "/")
	if b := d.bucket(r.Host); b != "" {
		return address{bucket: b, key: path}, nil
	}
	b, key, _ := strings.Cut(path, "/")
	return address{bucket: b, key: key}, nil
}
