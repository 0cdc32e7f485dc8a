package s3

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/versity/versitygw/auth"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/website"
)

// refuseDenied is the effect of a bucket policy's Deny on a request which the front answers itself; the gateway sees to
// all others. What a policy allows is not looked at: such requests need an identity's policy.
func (h *Handler) refuseDenied(r *http.Request, who awsapi.Identity, action, resource string) error {
	if who.Root {
		return nil
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(resource, "arn:aws:s3:::"), "/")
	docs, err := h.store.Documents(r.Context(), bucket, objectstore.Policy)
	if err != nil || docs[objectstore.Policy] == nil {
		return err
	}
	policy, err := deniesFor(docs[objectstore.Policy], bucket, who)
	if err != nil {
		return err
	}
	if auth.VerifyPublicBucketPolicy(policy, bucket, key, website.Conditions(r), nil, auth.Action(action)) != nil {
		return refuse(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform: %s on resource: %q with an explicit deny in a resource-based policy", who.Arn, action, resource)
	}
	return nil
}

// deniesFor is a policy that denies everybody what the bucket's policy denies who, and allows everything else.
func deniesFor(policy []byte, bucket string, who awsapi.Identity) ([]byte, error) {
	type statement = map[string]json.RawMessage
	var doc struct {
		Version   json.RawMessage `json:",omitempty"`
		Statement []statement
	}
	if err := json.Unmarshal(policy, &doc); err != nil {
		return nil, err
	}
	parsed, err := auth.ParsePolicyDocument(policy)
	if err != nil {
		return nil, err
	}
	everybody := json.RawMessage(`"*"`)
	kept := []statement{{
		"Effect": json.RawMessage(`"Allow"`), "Principal": everybody, "Action": json.RawMessage(`"s3:*"`),
		"Resource": json.RawMessage(`["arn:aws:s3:::` + bucket + `","arn:aws:s3:::` + bucket + `/*"]`),
	}}
	for i, s := range parsed.Statement {
		if s.Effect == auth.BucketPolicyAccessTypeDeny && covers(s.Principals, who) {
			doc.Statement[i]["Principal"] = everybody
			kept = append(kept, doc.Statement[i])
		}
	}
	doc.Statement = kept
	return json.Marshal(doc)
}

// covers tells whether a Deny for principals is one for who: by name, by account or for everybody.
func covers(principals auth.Principals, who awsapi.Identity) bool {
	for _, p := range []string{"*", who.Arn, who.Account, "arn:aws:iam::" + who.Account + ":root"} {
		if _, ok := principals[p]; ok {
			return true
		}
	}
	return false
}
