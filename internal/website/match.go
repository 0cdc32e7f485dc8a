package website

import (
	"net"
	"regexp"
	"strings"
)

// Prefix is the path below which websites are served on any host: Prefix + BUCKET + "/" + path.
const Prefix = "/conveyor/websites/"

const marker = ".s3-website"

var region = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)

// Match finds the bucket that a website host names: BUCKET.s3-website-REGION.anything, BUCKET.s3-website.REGION.anything
// or BUCKET.s3-website.anything, with or without a port. The bucket may contain dots; it is "" for a website host without
// a bucket.
func Match(host string) (bucket string, ok bool) {
	bucket, _, ok = split(host)
	return bucket, ok
}

// split also finds the region, if the host names one.
func split(host string) (bucket, in string, ok bool) {
	host = "." + bare(host)
	at := strings.LastIndex(host, marker)
	if at < 0 {
		return "", "", false
	}
	rest := host[at+len(marker):]
	if rest == "" || rest[0] != '.' && rest[0] != '-' {
		return "", "", false
	}
	label, _, _ := strings.Cut(rest[1:], ".")
	if region.MatchString(label) {
		in = label
	} else if rest[0] == '-' {
		return "", "", false
	}
	return strings.TrimPrefix(host[:at], "."), in, true
}

// bare is a host in lower case, without port and final dot.
func bare(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
