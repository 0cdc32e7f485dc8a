package s3_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	s3 "github.com/conveyor-cd/conveyor/internal/awsapi/s3"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// TestEmptySignaturesAreNone: parameters of a signature without values prove nothing, so whoever sends them is anonymous
// to the public access block too.
func TestEmptySignaturesAreNone(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	w.put(b, "key", "body")
	_, err := w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::bucket/*"]}]}`)})
	must(t, err)
	_, err = w.root.PutPublicAccessBlock(t.Context(), &sdk.PutPublicAccessBlockInput{
		Bucket: &b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)},
	})
	must(t, err)
	for _, query := range []string{
		"", "?X-Amz-Algorithm=", "?X-Amz-Credential", "?X-Amz-Algorithm=&X-Amz-Credential=&X-Amz-Signature=", "?X-Amz-Signature",
		"?AWSAccessKeyId=&Signature=&Expires=", "?X-Amz-Security-Token=x",
	} {
		if status, body := w.http(http.MethodGet, w.url+"/bucket/key"+query, "", nil); status != 403 {
			t.Errorf("%q: %d %s", query, status, body)
		}
	}
}

// TestAPublicObjectIsAllThatIsPublic: what everybody may read is the object, not what else a query can ask of it, however
// that query is spelled.
func TestAPublicObjectIsAllThatIsPublic(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	_, err := w.root.PutBucketOwnershipControls(t.Context(), &sdk.PutBucketOwnershipControlsInput{Bucket: &b, OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}},
	}})
	must(t, err)
	_, err = w.root.PutObject(t.Context(), &sdk.PutObjectInput{
		Bucket: &b, Key: aws.String("key"), Body: strings.NewReader("body"), ACL: types.ObjectCannedACLPublicRead, Tagging: aws.String("inside=secret"),
	})
	must(t, err)
	if status, body := w.http(http.MethodGet, w.url+"/bucket/key", "", nil); status != 200 || body != "body" {
		t.Fatalf("the object: %d %s", status, body)
	}
	for _, query := range []string{"tagging", "tagging=%zz", "tagging=;", "x-id=a&tagging;", "%74agging=%", "attributes=%zz", "response-content-type=text/html;", "uploadId=%zz"} {
		if status, body := w.http(http.MethodGet, w.url+"/bucket/key?"+query, "", nil); status < 400 {
			t.Errorf("%q: %d %s", query, status, body)
		}
	}
}

// TestAClientCannotHideItsAddress: naming a header in Connection makes proxies drop it, ours included.
func TestAClientCannotHideItsAddress(t *testing.T) {
	w := one(t)
	// Set up behind the gateway's back: its first request must be the one that hides.
	must(t, w.store.CreateBucket(t.Context(), "bucket", "000000000000", map[string][]byte{objectstore.Policy: []byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket"},
		{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}`)}))
	for _, connection := range []string{"X-Conveyor-Client", "x-conveyor-client, X-Conveyor-Trust", "keep-alive"} {
		if status, body := w.http(http.MethodGet, w.url+"/bucket?list-type=2", "", http.Header{"Connection": {connection}}); status != 403 {
			t.Errorf("%v: %d %s", connection, status, body)
		}
	}
}

// TestIdentityPoliciesSeeConditions: a Deny that depends on the client's address holds, at the gateway and at what the
// front answers itself.
func TestIdentityPoliciesSeeConditions(t *testing.T) {
	st := sqltest.SQLite(t)
	directory := iam.New(st)
	e, err := directory.Create(t.Context(), iam.Entity{Kind: iam.User, Name: "u"})
	must(t, err)
	keys := maps.Clone(everybody)
	keys["AKIAUSER"] = iam.AccessKey{ID: "AKIAUSER", Secret: "usersecret", Principal: iam.Principal{Arn: e.Arn, UserID: e.ID}}
	objects, err := objectstore.Open(t.Context(), st, t.TempDir(), objectstore.Options{})
	must(t, err)
	h, err := s3.New(t.Context(), s3.Options{Store: objects, Keys: keys, Decider: directory, Verifier: awsapi.NewVerifier(keys, awsapi.Place{})})
	must(t, err)
	t.Cleanup(func() { _ = h.Close() })
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w := &world{t: t, store: objects, url: srv.URL}
	w.root = w.client("AKIAROOT")
	b := w.bucket("bucket")
	user := w.client("AKIAUSER")
	for address, denied := range map[string]bool{"127.0.0.0/8": true, "10.0.0.0/8": false} {
		must(t, directory.PutPolicy(t.Context(), iam.User, "u", "p", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
			{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"`+address+`"}}}]}`))
		_, list := user.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: &b})
		_, logging := user.GetBucketLogging(t.Context(), &sdk.GetBucketLoggingInput{Bucket: &b})
		for _, err := range []error{list, logging} {
			if denied {
				wantCode(t, err, "AccessDenied")
			} else {
				must(t, err)
			}
		}
	}
}

// TestABucketPolicysDenyHoldsAtTheFront: also for what the gateway never sees.
func TestABucketPolicysDenyHoldsAtTheFront(t *testing.T) {
	w := one(t)
	b := w.bucket("readable")
	w.put(b, "key", "body")
	w.put(b, "open", "body")
	user := w.client("AKIAUSER")
	acl := func(key string) error {
		_, err := user.GetObjectAcl(t.Context(), &sdk.GetObjectAclInput{Bucket: &b, Key: &key})
		return err
	}
	logging := func() error {
		_, err := user.GetBucketLogging(t.Context(), &sdk.GetBucketLoggingInput{Bucket: &b})
		return err
	}
	must(t, acl("key"))
	for principal, denied := range map[string]bool{
		`"*"`: true, `{"AWS":"arn:aws:iam::000000000000:user/u"}`: true, `{"AWS":["000000000000"]}`: true,
		`{"AWS":"arn:aws:iam::000000000000:user/other"}`: false,
	} {
		_, err := w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Deny","Principal":` + principal + `,"Action":"s3:GetObjectAcl","Resource":"arn:aws:s3:::readable/key"}]}`)})
		must(t, err)
		must(t, acl("open"))
		must(t, logging())
		if err := acl("key"); denied {
			wantCode(t, err, "AccessDenied")
		} else {
			must(t, err)
		}
		_, err = w.root.GetObjectAcl(t.Context(), &sdk.GetObjectAclInput{Bucket: &b, Key: aws.String("key")})
		must(t, err)
	}
}

// TestADeniedObjectCannotBeCopiedByVersion: naming a version in a copy's source does not make it another object.
func TestADeniedObjectCannotBeCopiedByVersion(t *testing.T) {
	w := one(t)
	b, mine := w.bucket("readable"), w.bucket("mine")
	w.put(b, "secret", "secret")
	w.put(b, "open", "open")
	_, err := w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::readable/secret"}]}`)})
	must(t, err)
	_, err = w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &mine, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::mine/*"}]}`)})
	must(t, err)
	user := w.client("AKIAUSER")
	for source, code := range map[string]string{
		"readable/open": "", "readable/open?versionId=null": "",
		"readable/secret": "AccessDenied", "readable/secret?versionId=null": "AccessDenied", "readable/secret%3FversionId%3Dnull": "AccessDenied",
	} {
		_, err := user.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: &mine, Key: aws.String("copy"), CopySource: &source})
		if code == "" {
			must(t, err)
			continue
		}
		wantCode(t, err, code)
	}
	up, err := w.root.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: &mine, Key: aws.String("parts")})
	must(t, err)
	_, err = user.UploadPartCopy(t.Context(), &sdk.UploadPartCopyInput{
		Bucket: &mine, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String("readable/secret?versionId=null"),
	})
	wantCode(t, err, "AccessDenied")
}
