package awsapi

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	amzDate    = "20060102T150405Z"
	amzDay     = "20060102"
	terminator = "aws4_request"

	// maxPresigned is the longest life AWS lets a presigned request have.
	maxPresigned = 7 * 24 * time.Hour
)

// Scope is the credential scope of a signature: which key signed, and for which day, region and service.
type Scope struct {
	AccessKeyID string
	Day         string
	Region      string
	Service     string
}

func (s Scope) String() string {
	return s.Day + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// signature is what a signed request claims about itself.
type signature struct {
	Scope
	signedHeaders []string
	value         []byte
	at            time.Time
	date          string // at, as written
	token         string
	presigned     bool
	expires       time.Duration // of a presigned request
}

// ScopeOf reads whom a request says it comes from, without proving anything: use it to choose a service, not to trust.
func ScopeOf(r *http.Request) (Scope, error) {
	s, err := parseSignature(r)
	if err != nil {
		return Scope{}, err
	}
	return s.Scope, nil
}

func parseSignature(r *http.Request) (signature, error) {
	header := r.Header.Get("Authorization")
	switch {
	case header != "":
		return parseHeader(r, header)
	case strings.Contains(r.URL.RawQuery, "X-Amz-"):
		return parsePresigned(r)
	default:
		return signature{}, &AuthError{Kind: MissingToken, Message: "Missing Authentication Token"}
	}
}

// parseHeader reads the form `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.
func parseHeader(r *http.Request, header string) (signature, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if scheme != algorithm {
		return signature{}, incomplete("Unsupported AWS 'algorithm': '%s'. This server knows %s.", clip(scheme), algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return signature{}, incomplete("'%s' not a valid key=value pair (missing equal-sign) in Authorization header.", clip(part))
		}
		if _, twice := fields[k]; twice {
			return signature{}, incomplete("Authorization header has '%s' twice.", clip(k))
		}
		fields[k] = v
	}
	var missing []string
	for _, k := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[k] == "" {
			missing = append(missing, "Authorization header requires '"+k+"' parameter.")
		}
	}
	date, at, err := headerDate(r)
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return signature{}, incomplete("%s", strings.Join(missing, " "))
	}
	if err != nil {
		return signature{}, err
	}
	s := signature{date: date, at: at, token: r.Header.Get("X-Amz-Security-Token")}
	return s.fill(fields["Credential"], fields["SignedHeaders"], fields["Signature"])
}

func headerDate(r *http.Request) (string, time.Time, error) {
	if d := r.Header.Get("X-Amz-Date"); d != "" {
		at, err := parseDate(d)
		return d, at, err
	}
	d := r.Header.Get("Date")
	if d == "" {
		return "", time.Time{}, nil
	}
	if at, err := http.ParseTime(d); err == nil {
		return at.UTC().Format(amzDate), at.UTC(), nil
	}
	at, err := parseDate(d)
	return d, at, err
}

func parseDate(d string) (time.Time, error) {
	at, err := time.Parse(amzDate, d)
	if err != nil {
		return time.Time{}, incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(d))
	}
	return at, nil
}

// parsePresigned reads the form whose signature is in the query.
func parsePresigned(r *http.Request) (signature, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return signature{}, incomplete("The query string is malformed: %s", err)
	}
	var missing []string
	for _, k := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if len(q[k]) != 1 || q[k][0] == "" {
			missing = append(missing, "AWS query-string parameters must include '"+k+"' exactly once.")
		}
	}
	if len(missing) > 0 {
		return signature{}, incomplete("%s", strings.Join(missing, " "))
	}
	if a := q.Get("X-Amz-Algorithm"); a != algorithm {
		return signature{}, incomplete("Unsupported AWS 'algorithm': '%s'. This server knows %s.", clip(a), algorithm)
	}
	at, err := parseDate(q.Get("X-Amz-Date"))
	if err != nil {
		return signature{}, err
	}
	s := signature{date: q.Get("X-Amz-Date"), at: at, token: q.Get("X-Amz-Security-Token"), presigned: true, expires: 15 * time.Minute}
	if e := q.Get("X-Amz-Expires"); e != "" {
		seconds, err := strconv.ParseInt(e, 10, 32)
		if err != nil || seconds < 1 || time.Duration(seconds)*time.Second > maxPresigned {
			return signature{}, incomplete("X-Amz-Expires must be a number of seconds from 1 to %d (7 days), not '%s'.", int(maxPresigned.Seconds()), clip(e))
		}
		s.expires = time.Duration(seconds) * time.Second
	}
	return s.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"))
}

func (s signature) fill(credential, headers, value string) (signature, error) {
	// An access key id has no slash, but the region and the service are what follows the last ones.
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[0] == "" || parts[4] != terminator {
		return signature{}, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/%s, got '%s'", terminator, clip(credential))
	}
	s.Scope = Scope{AccessKeyID: parts[0], Day: parts[1], Region: parts[2], Service: parts[3]}
	if s.Day != s.at.UTC().Format(amzDay) {
		return signature{}, &AuthError{Kind: BadSignature, Message: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + clip(s.Day) + "' != '" + s.at.UTC().Format(amzDay) + "', from '" + s.date + "'."}
	}
	s.signedHeaders = strings.Split(headers, ";")
	for i, h := range s.signedHeaders {
		if h == "" || h != strings.ToLower(h) || (i > 0 && h <= s.signedHeaders[i-1]) {
			return signature{}, incomplete("SignedHeaders must be lower-case names in order, separated by semicolons, not '%s'", clip(headers))
		}
	}
	sum, err := hex.DecodeString(value)
	if err != nil || len(sum) != 32 {
		return signature{}, incomplete("Signature must be 64 hexadecimal digits, not '%s'", clip(value))
	}
	s.value = sum
	return s, nil
}

func incomplete(format string, args ...any) *AuthError {
	return authErrorf(Incomplete, format, args...)
}

// clip keeps what a stranger sent from filling the answer.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
