package s3_test

import (
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	s3 "github.com/conveyor-cd/conveyor/internal/awsapi/s3"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	workersRole = "arn:aws:iam::000000000000:role/pipeline"
	// workersGrant is what a job worker gets for one input and one output artifact.
	workersGrant = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::artifacts/in"]},
		{"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":["arn:aws:s3:::artifacts/out"]}]}`
)

// sessions is S3 over a directory of identities, with a clock of the test's.
type sessions struct {
	*world
	directory *iam.Directory
	later     atomic.Int64
}

func newSessions(t *testing.T) *sessions {
	t.Helper()
	w := &sessions{}
	now := func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }
	st := sqltest.SQLite(t)
	w.directory = iam.New(st, iam.WithRoot(everybody["AKIAROOT"]), iam.WithClock(now))
	objects, err := objectstore.Open(t.Context(), st, t.TempDir(), objectstore.Options{})
	must(t, err)
	h, err := s3.New(t.Context(), s3.Options{
		Store: objects, Keys: w.directory, Decider: w.directory, Verifier: awsapi.NewVerifier(w.directory, awsapi.Place{}), Clock: now,
	})
	must(t, err)
	t.Cleanup(func() { _ = h.Close() })
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w.world = &world{t: t, store: objects, url: srv.URL}
	w.root = w.client("AKIAROOT")
	w.bucket("artifacts")
	w.put("artifacts", "in", "input")
	w.put("artifacts", "other", "secret")
	return w
}

func (w *sessions) as(id, secret, token string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: &w.url, Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	})
}

func (w *sessions) session(life time.Duration) iam.AccessKey {
	w.t.Helper()
	key, err := w.directory.NewSession(w.t.Context(), workersRole, workersGrant, life)
	must(w.t, err)
	return key
}

func read(t *testing.T, c *sdk.Client, key string) error {
	_, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("artifacts"), Key: &key})
	return err
}

func write(t *testing.T, c *sdk.Client, key string) error {
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("artifacts"), Key: &key, Body: strings.NewReader("output")})
	return err
}

// TestASessionReachesWhatItWasMadeFor: an object to read, another to write, whole or in parts; whatever a bucket's policy
// allows the role it stands for, or everybody in the account, does not widen it.
func TestASessionReachesWhatItWasMadeFor(t *testing.T) {
	w := newSessions(t)
	key := w.session(time.Hour)
	c := w.as(key.ID, key.Secret, key.SessionToken)
	check := func(t *testing.T) {
		must(t, read(t, c, "in"))
		must(t, write(t, c, "out"))
		up, err := c.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{
			Bucket: aws.String("artifacts"), Key: aws.String("out"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String("key"),
		})
		must(t, err)
		_, err = c.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{Bucket: up.Bucket, Key: up.Key, UploadId: up.UploadId})
		must(t, err)
		wantCode(t, read(t, c, "other"), "AccessDenied")
		wantCode(t, read(t, c, "out"), "AccessDenied")
		wantCode(t, write(t, c, "in"), "AccessDenied")
		wantCode(t, write(t, c, "other"), "AccessDenied")
		_, err = c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("artifacts")})
		wantCode(t, err, "AccessDenied")
		_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("out"), CopySource: aws.String("artifacts/other")})
		wantCode(t, err, "AccessDenied")
		_, err = c.GetBucketLogging(t.Context(), &sdk.GetBucketLoggingInput{Bucket: aws.String("artifacts")}) // answered by the front
		wantCode(t, err, "AccessDenied")
	}
	t.Run("without a bucket policy", check)
	for _, principal := range []string{`{"AWS":"` + workersRole + `"}`, `{"AWS":"000000000000"}`} {
		_, err := w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: aws.String("artifacts"), Policy: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:*","Resource":["arn:aws:s3:::artifacts","arn:aws:s3:::artifacts/*"]}]}`)})
		must(t, err)
		t.Run("with a bucket policy for "+principal, check)
	}
}

func TestASessionEnds(t *testing.T) {
	w := newSessions(t)
	key := w.session(10 * time.Minute)
	c := w.as(key.ID, key.Secret, key.SessionToken)
	must(t, read(t, c, "in"))
	w.later.Store(int64(9 * time.Minute))
	must(t, read(t, c, "in"))
	w.later.Store(int64(11 * time.Minute))
	wantCode(t, read(t, c, "in"), "ExpiredToken")
	wantCode(t, write(t, c, "out"), "ExpiredToken")
}

func TestASessionNeedsItsToken(t *testing.T) {
	w := newSessions(t)
	key, other := w.session(time.Hour), w.session(time.Hour)
	for name, token := range map[string]string{"none": "", "nonsense": "nonsense", "another session's": other.SessionToken} {
		if err := read(t, w.as(key.ID, key.Secret, token), "in"); err == nil {
			t.Errorf("token %s: let in", name)
		}
	}
	wantCode(t, read(t, w.as(key.ID, other.Secret, key.SessionToken), "in"), "SignatureDoesNotMatch")
	wantCode(t, read(t, w.as(key.ID, key.Secret, other.SessionToken), "in"), "InvalidToken")
}
