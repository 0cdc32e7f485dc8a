package website

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/versity/versitygw/auth"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// Rules tell what of a bucket everybody may read.
type Rules struct {
	policy    []byte
	block     objectstore.AccessBlock
	ownership string
}

// ruleKinds are the documents Rules are made of.
var ruleKinds = []string{objectstore.Policy, objectstore.PublicAccessBlock, objectstore.Ownership}

// LoadRules reads the rules of a bucket. objectstore.ErrNoSuchBucket.
func LoadRules(ctx context.Context, s *objectstore.Store, bucket string) (Rules, error) {
	docs, err := s.Documents(ctx, bucket, ruleKinds...)
	return rulesOf(docs), err
}

func rulesOf(docs map[string][]byte) Rules {
	return Rules{
		policy:    docs[objectstore.Policy],
		block:     objectstore.ParsePublicAccessBlock(docs[objectstore.PublicAccessBlock]),
		ownership: string(docs[objectstore.Ownership]),
	}
}

// MayRead tells whether everybody may get o: because the bucket policy says so or because o's ACL does, unless the
// policy denies it or the public access block disregards whichever allows it. conditions are the request's values of
// the policy's condition keys.
func (r Rules) MayRead(o objectstore.Object, conditions map[string][]string) bool {
	if r.policy != nil {
		err := auth.VerifyPublicBucketPolicy(r.policy, o.Bucket, o.Key, conditions, nil, auth.GetObjectAction)
		if err == nil && !r.block.RestrictPublicBuckets {
			return true
		}
		if err != nil && err.Error() != notMatched {
			return false // denied, or the policy cannot be read
		}
	}
	return objectstore.PublicACL(o.CannedACL) && !r.block.IgnorePublicAcls && r.ownership != objectstore.OwnerEnforced
}

// notMatched is how the policy evaluator says that no statement matches, which a test pins.
const notMatched = "access denied"

// Conditions are a request's values of the condition keys that AWS offers everywhere.
func Conditions(r *http.Request) map[string][]string {
	now := time.Now().UTC()
	c := map[string][]string{
		"aws:CurrentTime":     {now.Format(time.RFC3339)},
		"aws:EpochTime":       {strconv.FormatInt(now.Unix(), 10)},
		"aws:SecureTransport": {strconv.FormatBool(r.TLS != nil)},
	}
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c["aws:SourceIp"] = []string{ip}
	}
	if v := r.UserAgent(); v != "" {
		c["aws:UserAgent"] = []string{v}
	}
	if v := r.Referer(); v != "" {
		c["aws:Referer"] = []string{v}
	}
	return c
}
