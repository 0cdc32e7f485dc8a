package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	s3 "github.com/conveyor-cd/conveyor/internal/awsapi/s3"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// people are the access keys of the tests: root, and a user who may read one bucket.
type people map[string]iam.AccessKey

func (p people) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if k, ok := p[id]; ok {
		return k, nil
	}
	return iam.AccessKey{}, iam.ErrNoAccessKey
}

func (p people) Decide(_ context.Context, who iam.Principal, action, resource string) (iam.Decision, error) {
	switch {
	case who.Root:
		return iam.Allowed, nil
	case strings.HasPrefix(action, "s3:Get") && strings.HasPrefix(resource, "arn:aws:s3:::readable"):
		return iam.Allowed, nil
	case strings.HasPrefix(resource, "arn:aws:s3:::forbidden"):
		return iam.Denied, nil
	}
	return iam.NotAllowed, nil
}

var everybody = people{
	"AKIAROOT": {ID: "AKIAROOT", Secret: "rootsecret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:root", Root: true}},
	"AKIAUSER": {ID: "AKIAUSER", Secret: "usersecret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:user/u", Name: "u"}},
	"ASIATEMP": {
		ID: "ASIATEMP", Secret: "tempsecret", SessionToken: "token",
		Principal: iam.Principal{Arn: "arn:aws:sts::000000000000:assumed-role/r/s", Root: true},
	},
}

type world struct {
	t     testing.TB
	store *objectstore.Store
	url   string
	root  *sdk.Client
}

func newWorld(t testing.TB, st store.Store) *world {
	t.Helper()
	objects, err := objectstore.Open(t.Context(), st, t.TempDir(), objectstore.Options{})
	must(t, err)
	h, err := s3.New(t.Context(), s3.Options{
		Store: objects, Keys: everybody, Decider: everybody, Verifier: awsapi.NewVerifier(everybody, awsapi.Place{}),
	})
	must(t, err)
	t.Cleanup(func() { _ = h.Close() })
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w := &world{t: t, store: objects, url: srv.URL}
	w.root = w.client("AKIAROOT")
	return w
}

func (w *world) client(id string, opts ...func(*sdk.Options)) *sdk.Client {
	k := everybody[id]
	o := sdk.Options{
		BaseEndpoint: &w.url, Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.SessionToken),
	}
	return sdk.New(o, opts...)
}

func (w *world) bucket(name string) string {
	w.t.Helper()
	_, err := w.root.CreateBucket(w.t.Context(), &sdk.CreateBucketInput{Bucket: &name})
	must(w.t, err)
	return name
}

func (w *world) put(bucket, key, body string) *sdk.PutObjectOutput {
	w.t.Helper()
	out, err := w.root.PutObject(w.t.Context(), &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	must(w.t, err)
	return out
}

func (w *world) get(bucket, key string) string {
	w.t.Helper()
	out, err := w.root.GetObject(w.t.Context(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
	must(w.t, err)
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	must(w.t, err)
	return string(b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want the error code %s", err, code)
	}
}

// one is a world on SQLite; the suite of the object store runs on both databases.
func one(t testing.TB) *world { return newWorld(t, sqltest.SQLite(t)) }

func TestObjectsThroughTheSDK(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		ctx, b := t.Context(), w.bucket("bucket")
		body := strings.Repeat("hello ", 1000)
		put, err := w.root.PutObject(ctx, &sdk.PutObjectInput{
			Bucket: &b, Key: aws.String("dir/한글 &<>.html"), Body: strings.NewReader(body), ContentType: aws.String("text/html"),
			CacheControl: aws.String("no-cache"), Metadata: map[string]string{"who": "me"}, Tagging: aws.String("a=1&b=2"),
			ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String("key"), StorageClass: types.StorageClassStandardIa,
		})
		must(t, err)
		if want := fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))); aws.ToString(put.ETag) != want || put.ServerSideEncryption != "aws:kms" {
			t.Errorf("put answered %+v", put)
		}
		get, err := w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: aws.String("dir/한글 &<>.html"), ChecksumMode: types.ChecksumModeEnabled})
		must(t, err)
		got, err := io.ReadAll(get.Body)
		must(t, err)
		if string(got) != body || *get.ContentType != "text/html" || *get.CacheControl != "no-cache" || get.Metadata["who"] != "me" ||
			*get.TagCount != 2 || get.ServerSideEncryption != "aws:kms" || get.StorageClass != "STANDARD_IA" || get.ChecksumCRC64NVME == nil || get.VersionId != nil {
			t.Errorf("get answered %+v", get)
		}
		part, err := w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: aws.String("dir/한글 &<>.html"), Range: aws.String("bytes=6-10")})
		must(t, err)
		got, _ = io.ReadAll(part.Body)
		if string(got) != "hello" || *part.ContentRange != "bytes 6-10/6000" || *part.ContentLength != 5 {
			t.Errorf("range answered %q, %+v", got, part)
		}
		_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: aws.String("dir/한글 &<>.html"), Range: aws.String("bytes=9999-")})
		wantCode(t, err, "InvalidRange")
		_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: aws.String("nothing")})
		wantCode(t, err, "NoSuchKey")
		_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: aws.String("nowhere"), Key: aws.String("nothing")})
		wantCode(t, err, "NoSuchBucket")
		_, err = w.root.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("nothing")})
		wantCode(t, err, "NotFound")
		tags, err := w.root.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: &b, Key: aws.String("dir/한글 &<>.html")})
		must(t, err)
		if len(tags.TagSet) != 2 {
			t.Errorf("tags %+v", tags.TagSet)
		}
		_, err = w.root.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &b})
		wantCode(t, err, "BucketNotEmpty")
		_, err = w.root.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: aws.String("dir/한글 &<>.html")})
		must(t, err)
		_, err = w.root.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &b})
		must(t, err)
	})
}

func TestConditionsOverHTTP(t *testing.T) {
	w := one(t)
	ctx, b, k := t.Context(), w.bucket("bucket"), aws.String("key")
	first := w.put(b, "key", "one")
	_, err := w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: k, Body: strings.NewReader("two"), IfNoneMatch: aws.String("*")})
	wantCode(t, err, "PreconditionFailed")
	_, err = w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: k, Body: strings.NewReader("two"), IfMatch: aws.String(`"0"`)})
	wantCode(t, err, "PreconditionFailed")
	_, err = w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: k, Body: strings.NewReader("two"), IfMatch: first.ETag})
	must(t, err)
	if got := w.get(b, "key"); got != "two" {
		t.Errorf("got %q", got)
	}
	head, err := w.root.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &b, Key: k})
	must(t, err)
	_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, IfNoneMatch: head.ETag})
	wantCode(t, err, "NotModified")
	_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, IfModifiedSince: head.LastModified})
	wantCode(t, err, "NotModified")
	_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, IfMatch: first.ETag})
	wantCode(t, err, "PreconditionFailed")
}

func TestChecksums(t *testing.T) {
	w := one(t)
	ctx, b := t.Context(), w.bucket("bucket")
	for _, a := range []types.ChecksumAlgorithm{
		types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
		types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
	} {
		t.Run(string(a), func(t *testing.T) {
			k := aws.String(string(a))
			_, err := w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: k, Body: strings.NewReader("body"), ChecksumAlgorithm: a})
			must(t, err)
			at, err := w.root.GetObjectAttributes(ctx, &sdk.GetObjectAttributesInput{
				Bucket: &b, Key: k, ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesChecksum, types.ObjectAttributesObjectSize},
			})
			must(t, err)
			if at.Checksum == nil || at.Checksum.ChecksumType != types.ChecksumTypeFullObject || *at.ObjectSize != 4 {
				t.Errorf("attributes %+v", at)
			}
			out, err := w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, ChecksumMode: types.ChecksumModeEnabled})
			must(t, err)
			if _, err := io.ReadAll(out.Body); err != nil { // the SDK compares
				t.Error(err)
			}
		})
	}
	_, err := w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: aws.String("bad"), Body: strings.NewReader("body"), ChecksumCRC32: aws.String("AAAAAA==")})
	wantCode(t, err, "BadDigest")
	_, err = w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: aws.String("bad"), Body: strings.NewReader("body"), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA==")})
	wantCode(t, err, "BadDigest")
	_, err = w.root.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("bad")})
	wantCode(t, err, "NotFound")
}

// TestStreamingUploads sends bodies of unknown length, which the SDK signs chunk by chunk or follows with a trailer.
func TestStreamingUploads(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	body := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	for name, opts := range map[string]func(*sdk.Options){
		"unsigned with trailer": func(*sdk.Options) {},
		"signed":                sdk.WithAPIOptions(v4.AddComputePayloadSHA256Middleware),
		"unsigned payload":      sdk.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.root.PutObject(t.Context(), &sdk.PutObjectInput{
				Bucket: &b, Key: &name, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
			}, opts)
			must(t, err)
			if got := w.get(b, name); got != string(body) {
				t.Errorf("%d bytes came back, not %d", len(got), len(body))
			}
		})
	}
}

func TestPresignedURLs(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	p := sdk.NewPresignClient(w.root)
	up, err := p.PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("a b/c")})
	must(t, err)
	if status, body := w.http(http.MethodPut, up.URL, "by url", up.SignedHeader); status != 200 {
		t.Fatalf("put: %d %s", status, body)
	}
	down, err := p.PresignGetObject(t.Context(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("a b/c"), ResponseContentType: aws.String("text/x")})
	must(t, err)
	if status, body := w.http(http.MethodGet, down.URL, "", nil); status != 200 || body != "by url" {
		t.Errorf("get: %d %s", status, body)
	}
	if status, body := w.http(http.MethodGet, strings.Replace(down.URL, "a%20b", "a%20x", 1), "", nil); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("another key: %d %s", status, body)
	}
}

func (w *world) http(method, url, body string, h http.Header, change ...func(*http.Request)) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, url, strings.NewReader(body))
	must(w.t, err)
	for k, v := range h {
		r.Header[k] = v
	}
	for _, f := range change {
		f(r)
	}
	resp, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp.StatusCode, string(got)
}

func TestSignaturesAreChecked(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	w.put(b, "key", "body")
	creds := func(id, secret, token string) func(*sdk.Options) {
		return func(o *sdk.Options) { o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token) }
	}
	get := func(opts ...func(*sdk.Options)) error {
		_, err := w.root.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("key")}, opts...)
		return err
	}
	block := func(opts ...func(*sdk.Options)) error { // answered by the front itself
		_, err := w.root.GetBucketAccelerateConfiguration(t.Context(), &sdk.GetBucketAccelerateConfigurationInput{Bucket: &b}, opts...)
		return err
	}
	for _, path := range []string{"/bucket/key", "/bucket?accelerate=", "/", "/bucket?policy="} {
		if status, body := w.http(http.MethodGet, w.url+path, "", nil); status != 403 || !strings.Contains(body, "<Code>AccessDenied</Code>") {
			t.Errorf("unsigned %s: %d %s", path, status, body)
		}
	}
	for name, call := range map[string]func(...func(*sdk.Options)) error{"gateway": get, "front": block} {
		t.Run(name, func(t *testing.T) {
			must(t, call())
			must(t, call(creds("ASIATEMP", "tempsecret", "token")))
			wantCode(t, call(creds("AKIAROOT", "wrong", "")), "SignatureDoesNotMatch")
			wantCode(t, call(creds("AKIANONE", "wrong", "")), "InvalidAccessKeyId")
			wantCode(t, call(creds("AKIAUSER", "usersecret", "")), "AccessDenied")
			if err := call(creds("ASIATEMP", "tempsecret", "stolen")); err == nil {
				t.Error("a wrong session token was accepted")
			}
		})
	}
}

func TestIdentityPolicies(t *testing.T) {
	w := one(t)
	user := w.client("AKIAUSER")
	for _, b := range []string{"readable", "other", "forbidden"} {
		w.put(w.bucket(b), "key", "body")
	}
	allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/u"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}`
	get := func(b string) error {
		_, err := user.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("key")})
		return err
	}
	must(t, get("readable"))
	wantCode(t, get("other"), "AccessDenied")
	for _, b := range []string{"other", "forbidden"} {
		_, err := w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(fmt.Sprintf(allow, b))})
		must(t, err)
	}
	must(t, get("other"))
	wantCode(t, get("forbidden"), "AccessDenied")
	_, err := user.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("readable"), Key: aws.String("x")})
	wantCode(t, err, "AccessDenied")
	_, err = user.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String("mine")})
	wantCode(t, err, "AccessDenied")
	_, err = user.DeletePublicAccessBlock(t.Context(), &sdk.DeletePublicAccessBlockInput{Bucket: aws.String("readable")})
	wantCode(t, err, "AccessDenied")
}

func TestVirtualHosts(t *testing.T) {
	w := one(t)
	b := w.bucket("my.bucket-1")
	w.put(b, "dir/a b", "by host")
	port := w.url[strings.LastIndex(w.url, ":"):]
	for _, host := range []string{"my.bucket-1.localhost" + port, "my.bucket-1.s3.localhost" + port, "my.bucket-1.s3.us-east-1.localhost"} {
		t.Run(host, func(t *testing.T) {
			for _, c := range []struct{ method, path, body, want string }{
				{"PUT", "/new%20key", "new", ""},
				{"GET", "/new%20key", "", "new"},
				{"GET", "/dir/a%20b", "", "by host"},
				{"GET", "/?list-type=2&prefix=dir%2F", "", "<Key>dir/a b</Key>"},
				{"GET", "/?accelerate=", "", "AccelerateConfiguration"},
				{"HEAD", "/", "", ""},
				{"DELETE", "/new%20key", "", ""},
			} {
				r, err := http.NewRequestWithContext(t.Context(), c.method, w.url+c.path, strings.NewReader(c.body))
				must(t, err)
				r.Host = host
				sum := awsapi.HashPayload([]byte(c.body))
				r.Header.Set("X-Amz-Content-Sha256", sum)
				must(t, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(),
					aws.Credentials{AccessKeyID: "AKIAROOT", SecretAccessKey: "rootsecret"}, r, sum, "s3", "us-east-1", time.Now()))
				resp, err := http.DefaultClient.Do(r)
				must(t, err)
				got, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode >= 300 || !strings.Contains(string(got), c.want) {
					t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, got)
				}
			}
		})
	}
	_, err := w.root.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: &b}, func(o *sdk.Options) {
		o.BaseEndpoint = aws.String("http://localhost" + port) // path style
	})
	must(t, err)
}

func TestVersionsOverHTTP(t *testing.T) {
	w := one(t)
	ctx, b, k := t.Context(), w.bucket("bucket"), aws.String("key")
	if v, err := w.root.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b}); err != nil || v.Status != "" {
		t.Errorf("versioning of a new bucket: %+v, %v", v, err)
	}
	_, err := w.root.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{
		Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	must(t, err)
	v1, v2 := w.put(b, "key", "one"), w.put(b, "key", "two")
	if aws.ToString(v1.VersionId) == "" || *v1.VersionId == *v2.VersionId {
		t.Fatalf("versions %v, %v", v1.VersionId, v2.VersionId)
	}
	old, err := w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, VersionId: v1.VersionId})
	must(t, err)
	if got, _ := io.ReadAll(old.Body); string(got) != "one" || *old.VersionId != *v1.VersionId {
		t.Errorf("old version %q, %v", got, *old.VersionId)
	}
	del, err := w.root.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: k})
	must(t, err)
	if !aws.ToBool(del.DeleteMarker) {
		t.Errorf("delete answered %+v", del)
	}
	_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k})
	wantCode(t, err, "NoSuchKey")
	_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, VersionId: del.VersionId})
	wantCode(t, err, "MethodNotAllowed")
	_, err = w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, VersionId: aws.String("nonsense")})
	wantCode(t, err, "NoSuchVersion")
	list, err := w.root.ListObjectVersions(ctx, &sdk.ListObjectVersionsInput{Bucket: &b})
	must(t, err)
	if len(list.Versions) != 2 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest || *list.Versions[0].VersionId != *v2.VersionId {
		t.Errorf("versions %+v", list)
	}
	// What `terraform destroy` with force_destroy and `aws s3 rb --force` do.
	var all []types.ObjectIdentifier
	for _, v := range list.Versions {
		all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, v := range list.DeleteMarkers {
		all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	gone, err := w.root.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: all}})
	must(t, err)
	if len(gone.Deleted) != 3 || len(gone.Errors) != 0 {
		t.Errorf("deleted %+v", gone)
	}
	_, err = w.root.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &b})
	must(t, err)
}

func TestListingTwentyThousandKeys(t *testing.T) {
	w := one(t)
	ctx, b := t.Context(), w.bucket("bucket")
	var files []objectstore.File
	for i := range 20000 {
		files = append(files, objectstore.File{Key: fmt.Sprintf("d%02d/f%05d", i%20, i), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("")), nil
		}})
	}
	must(t, w.store.Publish(ctx, b, files))
	for name, list := range map[string]func() (int, error){
		"v2": func() (n int, err error) {
			p := sdk.NewListObjectsV2Paginator(w.root, &sdk.ListObjectsV2Input{Bucket: &b})
			for p.HasMorePages() {
				page, err := p.NextPage(ctx)
				if err != nil {
					return 0, err
				}
				n += len(page.Contents)
			}
			return n, nil
		},
		"v1": func() (n int, err error) {
			var marker *string
			for {
				page, err := w.root.ListObjects(ctx, &sdk.ListObjectsInput{Bucket: &b, Marker: marker})
				if err != nil {
					return 0, err
				}
				n += len(page.Contents)
				if !*page.IsTruncated {
					return n, nil
				}
				marker = page.Contents[len(page.Contents)-1].Key
			}
		},
		"versions": func() (n int, err error) {
			p := sdk.NewListObjectVersionsPaginator(w.root, &sdk.ListObjectVersionsInput{Bucket: &b})
			for p.HasMorePages() {
				page, err := p.NextPage(ctx)
				if err != nil {
					return 0, err
				}
				n += len(page.Versions)
			}
			return n, nil
		},
	} {
		start := time.Now()
		n, err := list()
		must(t, err)
		t.Logf("%s: %v", name, time.Since(start))
		if n != 20000 {
			t.Errorf("%s listed %d keys", name, n)
		}
	}
	var got []string
	p := sdk.NewListObjectsV2Paginator(w.root, &sdk.ListObjectsV2Input{Bucket: &b, Delimiter: aws.String("/"), MaxKeys: aws.Int32(7)})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		must(t, err)
		for _, c := range page.CommonPrefixes {
			got = append(got, *c.Prefix)
		}
	}
	if len(got) != 20 || !slices.IsSorted(got) {
		t.Errorf("common prefixes %v", got)
	}
}

func TestCopies(t *testing.T) {
	w := one(t)
	ctx, b := t.Context(), w.bucket("bucket")
	_, err := w.root.PutObject(ctx, &sdk.PutObjectInput{
		Bucket: &b, Key: aws.String("a b"), Body: strings.NewReader("body"), ContentType: aws.String("text/x"), Metadata: map[string]string{"m": "1"}, Tagging: aws.String("t=1"),
	})
	must(t, err)
	_, err = w.root.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("copy"), CopySource: aws.String(b + "/a%20b")})
	must(t, err)
	head, err := w.root.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("copy")})
	must(t, err)
	if *head.ContentType != "text/x" || head.Metadata["m"] != "1" || w.get(b, "copy") != "body" {
		t.Errorf("copy %+v", head)
	}
	_, err = w.root.CopyObject(ctx, &sdk.CopyObjectInput{
		Bucket: &b, Key: aws.String("copy"), CopySource: aws.String(b + "/copy"), MetadataDirective: types.MetadataDirectiveReplace, ContentType: aws.String("text/y"),
	})
	must(t, err)
	head, err = w.root.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("copy")})
	must(t, err)
	if *head.ContentType != "text/y" || len(head.Metadata) != 0 {
		t.Errorf("replaced %+v", head)
	}
	_, err = w.root.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("copy"), CopySource: aws.String(b + "/copy")})
	wantCode(t, err, "InvalidRequest")
	_, err = w.root.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("x"), CopySource: aws.String(b + "/none")})
	wantCode(t, err, "NoSuchKey")
	_, err = w.root.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("x"), CopySource: aws.String("nowhere/none")})
	wantCode(t, err, "NoSuchBucket")
}

func TestMultipartOf100MBInLittleMemory(t *testing.T) {
	w := one(t)
	ctx, b, k := t.Context(), w.bucket("bucket"), aws.String("big")
	const parts, size = 12, 9 << 20
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha256} {
		t.Run("checksum "+string(algorithm), func(t *testing.T) {
			up, err := w.root.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{
				Bucket: &b, Key: k, ChecksumAlgorithm: algorithm, ContentType: aws.String("x/y"), ServerSideEncryption: types.ServerSideEncryptionAwsKms,
			})
			must(t, err)
			before, most := allocated(), uint64(0)
			var done []types.CompletedPart
			part := make([]byte, size)
			n := parts
			if algorithm != "" {
				n = 2
			}
			for i := range n {
				for j := range part {
					part[j] = byte(i + j>>10)
				}
				out, err := w.root.UploadPart(ctx, &sdk.UploadPartInput{
					Bucket: &b, Key: k, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(part), ChecksumAlgorithm: algorithm,
				})
				must(t, err)
				done = append(done, types.CompletedPart{
					PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32,
					ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA256: out.ChecksumSHA256,
				})
				most = max(most, allocated()-min(before, allocated()))
			}
			list, err := w.root.ListParts(ctx, &sdk.ListPartsInput{Bucket: &b, Key: k, UploadId: up.UploadId, MaxParts: aws.Int32(1)})
			must(t, err)
			if len(list.Parts) != 1 || !*list.IsTruncated {
				t.Errorf("parts %+v", list)
			}
			_, err = w.root.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
				Bucket: &b, Key: k, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{done[1], done[0]}},
			})
			wantCode(t, err, "InvalidPartOrder")
			out, err := w.root.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
				Bucket: &b, Key: k, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
			})
			must(t, err)
			if !strings.HasSuffix(*out.ETag, fmt.Sprintf(`-%d"`, n)) {
				t.Errorf("ETag %s", *out.ETag)
			}
			get, err := w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, ChecksumMode: types.ChecksumModeEnabled})
			must(t, err)
			total, err := io.Copy(io.Discard, get.Body)
			must(t, err)
			if total != int64(n)*size || *get.ContentType != "x/y" || get.ServerSideEncryption != "aws:kms" {
				t.Errorf("%d bytes, %+v", total, get)
			}
			second, err := w.root.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: k, PartNumber: aws.Int32(2)})
			must(t, err)
			if got, _ := io.ReadAll(second.Body); len(got) != size || got[0] != 1 || *second.PartsCount != int32(n) {
				t.Errorf("second part: %d bytes, %+v", len(got), second)
			}
			if most > 40<<20 {
				t.Errorf("the upload held %d MB", most>>20)
			}
		})
	}
	_, err := w.root.UploadPart(ctx, &sdk.UploadPartInput{Bucket: &b, Key: k, UploadId: aws.String("none"), PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	wantCode(t, err, "NoSuchUpload")
}

func allocated() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func TestUploadPartCopyAndAbort(t *testing.T) {
	w := one(t)
	ctx, b, k := t.Context(), w.bucket("bucket"), aws.String("big")
	w.put(b, "src", "0123456789")
	up, err := w.root.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: &b, Key: k})
	must(t, err)
	p, err := w.root.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{
		Bucket: &b, Key: k, UploadId: up.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String(b + "/src"), CopySourceRange: aws.String("bytes=2-5"),
	})
	must(t, err)
	_, err = w.root.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
		Bucket: &b, Key: k, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.CopyPartResult.ETag}}},
	})
	must(t, err)
	if got := w.get(b, "big"); got != "2345" {
		t.Errorf("got %q", got)
	}
	up, err = w.root.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: &b, Key: k})
	must(t, err)
	list, err := w.root.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: &b})
	must(t, err)
	if len(list.Uploads) != 1 || *list.Uploads[0].UploadId != *up.UploadId {
		t.Errorf("uploads %+v", list.Uploads)
	}
	_, err = w.root.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId})
	must(t, err)
	_, err = w.root.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId})
	wantCode(t, err, "NoSuchUpload")
}

// TestWhatTerraformReadsOfANewBucket makes the 15 requests that refresh an aws_s3_bucket.
func TestWhatTerraformReadsOfANewBucket(t *testing.T) {
	w := one(t)
	ctx, b := t.Context(), w.bucket("bucket")
	c := w.root
	for name, call := range map[string]struct {
		f    func() error
		code string // "" is success
	}{
		"head":    {func() error { _, err := c.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: &b}); return err }, ""},
		"policy":  {func() error { _, err := c.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: &b}); return err }, "NoSuchBucketPolicy"},
		"acl":     {func() error { _, err := c.GetBucketAcl(ctx, &sdk.GetBucketAclInput{Bucket: &b}); return err }, ""},
		"cors":    {func() error { _, err := c.GetBucketCors(ctx, &sdk.GetBucketCorsInput{Bucket: &b}); return err }, "NoSuchCORSConfiguration"},
		"website": {func() error { _, err := c.GetBucketWebsite(ctx, &sdk.GetBucketWebsiteInput{Bucket: &b}); return err }, "NoSuchWebsiteConfiguration"},
		"versioning": {func() error {
			_, err := c.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b})
			return err
		}, ""},
		"accelerate": {func() error {
			_, err := c.GetBucketAccelerateConfiguration(ctx, &sdk.GetBucketAccelerateConfigurationInput{Bucket: &b})
			return err
		}, ""},
		"requestPayment": {func() error {
			_, err := c.GetBucketRequestPayment(ctx, &sdk.GetBucketRequestPaymentInput{Bucket: &b})
			return err
		}, ""},
		"logging": {func() error { _, err := c.GetBucketLogging(ctx, &sdk.GetBucketLoggingInput{Bucket: &b}); return err }, ""},
		"lifecycle": {func() error {
			_, err := c.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b})
			return err
		}, "NoSuchLifecycleConfiguration"},
		"replication": {func() error {
			_, err := c.GetBucketReplication(ctx, &sdk.GetBucketReplicationInput{Bucket: &b})
			return err
		}, "ReplicationConfigurationNotFoundError"},
		"encryption": {func() error {
			_, err := c.GetBucketEncryption(ctx, &sdk.GetBucketEncryptionInput{Bucket: &b})
			return err
		}, "ServerSideEncryptionConfigurationNotFoundError"},
		"object-lock": {func() error {
			_, err := c.GetObjectLockConfiguration(ctx, &sdk.GetObjectLockConfigurationInput{Bucket: &b})
			return err
		}, "ObjectLockConfigurationNotFoundError"},
		"tagging":  {func() error { _, err := c.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: &b}); return err }, "NoSuchTagSet"},
		"location": {func() error { _, err := c.GetBucketLocation(ctx, &sdk.GetBucketLocationInput{Bucket: &b}); return err }, ""},
		"notification": {func() error {
			_, err := c.GetBucketNotificationConfiguration(ctx, &sdk.GetBucketNotificationConfigurationInput{Bucket: &b})
			return err
		}, ""},
		"access block": {func() error {
			_, err := c.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: &b})
			return err
		}, "NoSuchPublicAccessBlockConfiguration"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := call.f(); call.code != "" {
				wantCode(t, err, call.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	_, err := c.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: aws.String("absent")})
	wantCode(t, err, "NotFound")
}

func TestSubresources(t *testing.T) {
	w := one(t)
	ctx, b, c := t.Context(), w.bucket("bucket"), w.root
	_, err := c.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{Bucket: &b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
	}})
	must(t, err)
	got, err := c.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: &b})
	must(t, err)
	if p := got.PublicAccessBlockConfiguration; !*p.BlockPublicAcls || !*p.RestrictPublicBuckets || *p.IgnorePublicAcls || *p.BlockPublicPolicy {
		t.Errorf("access block %+v", p)
	}
	_, err = c.DeletePublicAccessBlock(ctx, &sdk.DeletePublicAccessBlockInput{Bucket: &b})
	must(t, err)
	_, err = c.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: &b})
	wantCode(t, err, "NoSuchPublicAccessBlockConfiguration")

	_, err = c.GetBucketOwnershipControls(ctx, &sdk.GetBucketOwnershipControlsInput{Bucket: &b})
	must(t, err)
	_, err = c.DeleteBucketOwnershipControls(ctx, &sdk.DeleteBucketOwnershipControlsInput{Bucket: &b})
	must(t, err)
	_, err = c.GetBucketOwnershipControls(ctx, &sdk.GetBucketOwnershipControlsInput{Bucket: &b})
	wantCode(t, err, "OwnershipControlsNotFoundError")

	_, err = c.PutBucketTagging(ctx, &sdk.PutBucketTaggingInput{Bucket: &b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}})
	must(t, err)
	tags, err := c.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: &b})
	must(t, err)
	if len(tags.TagSet) != 1 || *tags.TagSet[0].Value != "1" {
		t.Errorf("tags %+v", tags.TagSet)
	}

	// Nothing that would have no effect is accepted.
	_, err = c.PutBucketLifecycleConfiguration(ctx, &sdk.PutBucketLifecycleConfigurationInput{Bucket: &b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{
		Rules: []types.LifecycleRule{{Status: types.ExpirationStatusEnabled, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")}}},
	}})
	wantCode(t, err, "NotImplemented")
	_, err = c.PutBucketEncryption(ctx, &sdk.PutBucketEncryptionInput{Bucket: &b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}},
	}})
	wantCode(t, err, "NotImplemented")
	_, err = c.PutBucketNotificationConfiguration(ctx, &sdk.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: &types.NotificationConfiguration{
		EventBridgeConfiguration: &types.EventBridgeConfiguration{},
	}})
	wantCode(t, err, "NotImplemented")
	_, err = c.PutBucketNotificationConfiguration(ctx, &sdk.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: &types.NotificationConfiguration{}})
	must(t, err)
	_, err = c.PutBucketAccelerateConfiguration(ctx, &sdk.PutBucketAccelerateConfigurationInput{Bucket: &b, AccelerateConfiguration: &types.AccelerateConfiguration{Status: types.BucketAccelerateStatusEnabled}})
	wantCode(t, err, "NotImplemented")
	_, err = c.PutBucketRequestPayment(ctx, &sdk.PutBucketRequestPaymentInput{Bucket: &b, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: types.PayerBucketOwner}})
	must(t, err)
	_, err = c.PutObjectLegalHold(ctx, &sdk.PutObjectLegalHoldInput{Bucket: &b, Key: aws.String("k"), LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn}})
	if err == nil {
		t.Error("a legal hold was accepted")
	}
	_, err = c.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: aws.String("locked"), ObjectLockEnabledForBucket: aws.Bool(true)})
	wantCode(t, err, "NotImplemented")
	_, err = c.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: aws.Time(time.Now().Add(time.Hour))})
	if err == nil {
		t.Error("object lock was accepted")
	}
	_, err = c.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: aws.String("absent")})
	wantCode(t, err, "NoSuchBucket")
}

func TestMalformedDocumentsNameTheElement(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	for _, c := range []struct{ query, body, want string }{
		{"publicAccessBlock", "<x", "MalformedXML"},
		{"publicAccessBlock", "<Wrong/>", "Wrong"},
		{"publicAccessBlock", "<PublicAccessBlockConfiguration><Surprise>true</Surprise></PublicAccessBlockConfiguration>", "Surprise"},
		{"publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls></PublicAccessBlockConfiguration>", "BlockPublicAcls"},
		{"accelerate", "<AccelerateConfiguration/>", "Status"},
		{"requestPayment", "<RequestPaymentConfiguration><Payer>Nobody</Payer></RequestPaymentConfiguration>", "Payer"},
		{"website", "<WebsiteConfiguration><IndexDocument><Suffix>a/b</Suffix></IndexDocument></WebsiteConfiguration>", "InvalidArgument"},
		{"website", "<WebsiteConfiguration/>", "<Code>"},
	} {
		status, body := w.signed(http.MethodPut, "/"+b+"?"+c.query+"=", c.body)
		if status != 400 || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s, want a 400 with %s", c.query, c.body, status, body, c.want)
		}
	}
	if status, body := w.signed(http.MethodPut, "/"+b+"?publicAccessBlock=", strings.Repeat("x", 200<<10)); status != 400 || !strings.Contains(body, "MaxMessageLengthExceeded") {
		t.Errorf("too long: %d %s", status, body)
	}
}

// signed sends a request signed by root.
func (w *world) signed(method, path, body string) (int, string) {
	w.t.Helper()
	return w.http(method, w.url+path, body, nil, func(r *http.Request) {
		sum := awsapi.HashPayload([]byte(body))
		r.Header.Set("X-Amz-Content-Sha256", sum)
		must(w.t, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(w.t.Context(),
			aws.Credentials{AccessKeyID: "AKIAROOT", SecretAccessKey: "rootsecret"}, r, sum, "s3", "us-east-1", time.Now()))
	})
}

func TestControlTags(t *testing.T) {
	w := one(t)
	w.bucket("bucket")
	path := "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Abucket"
	if status, body := w.signed(http.MethodGet, path, ""); status != 200 || strings.Contains(body, "<Tag>") {
		t.Errorf("no tags: %d %s", status, body)
	}
	status, body := w.signed(http.MethodPost, path, `<TagResourceRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Tags><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></Tags></TagResourceRequest>`)
	if status != 204 {
		t.Errorf("tag: %d %s", status, body)
	}
	if status, body := w.signed(http.MethodDelete, path+"?tagKeys=a", ""); status != 204 {
		t.Errorf("untag: %d %s", status, body)
	}
	if status, body := w.signed(http.MethodGet, path, ""); status != 200 || !strings.Contains(body, "<Key>b</Key><Value>2</Value>") || strings.Contains(body, "<Key>a</Key>") {
		t.Errorf("tags: %d %s", status, body)
	}
	if status, _ := w.http(http.MethodGet, w.url+path, "", nil); status != 403 {
		t.Errorf("unsigned: %d", status)
	}
	if status, body := w.signed(http.MethodGet, "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Aabsent", ""); status != 404 || !strings.Contains(body, "NoSuchBucket") {
		t.Errorf("absent: %d %s", status, body)
	}
}

func TestAnonymousAccess(t *testing.T) {
	w := one(t)
	ctx, b := t.Context(), w.bucket("bucket")
	w.put(b, "by-policy", "policy")
	url := w.url + "/bucket/"
	want := func(key string, status int) {
		t.Helper()
		for _, m := range []string{http.MethodGet, http.MethodHead} {
			if got, body := w.http(m, url+key, "", nil); got != status {
				t.Errorf("%s %s: %d %s, want %d", m, key, got, body, status)
			}
		}
	}
	block := func(c types.PublicAccessBlockConfiguration) {
		t.Helper()
		_, err := w.root.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{Bucket: &b, PublicAccessBlockConfiguration: &c})
		must(t, err)
	}
	want("by-policy", 403)
	want("absent", 403)
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/by-*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/by-nobody"}]}`
	_, err := w.root.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &policy})
	must(t, err)
	back, err := w.root.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: &b})
	must(t, err)
	if *back.Policy != policy {
		t.Errorf("policy came back as %s", *back.Policy)
	}
	want("by-policy", 200)
	if status, _ := w.http(http.MethodPut, url+"by-policy", "x", nil); status != 403 {
		t.Errorf("anonymous put: %d", status)
	}
	if status, _ := w.http(http.MethodGet, url+"by-policy", "", http.Header{"X-Conveyor-Trust": {"guess"}}); status != 200 {
		t.Errorf("a forged header: %d", status)
	}
	if status, _ := w.http(http.MethodGet, url+"?list-type=2", "", http.Header{"X-Conveyor-Trust": {"guess"}}); status != 403 {
		t.Errorf("a forged header: %d", status)
	}
	block(types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)})
	want("by-policy", 403)
	block(types.PublicAccessBlockConfiguration{BlockPublicPolicy: aws.Bool(true), BlockPublicAcls: aws.Bool(true)})
	want("by-policy", 200)
	_, err = w.root.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &policy})
	wantCode(t, err, "AccessDenied")

	publicPut := func(key string) error {
		_, err := w.root.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: &key, Body: strings.NewReader("acl"), ACL: types.ObjectCannedACLPublicRead})
		return err
	}
	wantCode(t, publicPut("acl"), "AccessDenied") // BlockPublicAcls
	block(types.PublicAccessBlockConfiguration{})
	wantCode(t, publicPut("acl"), "AccessControlListNotSupported") // BucketOwnerEnforced
	_, err = w.root.PutBucketOwnershipControls(ctx, &sdk.PutBucketOwnershipControlsInput{Bucket: &b, OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}},
	}})
	must(t, err)
	must(t, publicPut("acl"))
	must(t, publicPut("by-nobody"))
	want("acl", 200)
	want("by-nobody", 403)
	acl, err := w.root.GetObjectAcl(ctx, &sdk.GetObjectAclInput{Bucket: &b, Key: aws.String("acl")})
	must(t, err)
	if len(acl.Grants) != 2 || aws.ToString(acl.Grants[1].Grantee.URI) == "" || acl.Grants[1].Permission != types.PermissionRead {
		t.Errorf("acl %+v", acl.Grants)
	}
	block(types.PublicAccessBlockConfiguration{IgnorePublicAcls: aws.Bool(true)})
	want("acl", 403)
	block(types.PublicAccessBlockConfiguration{})
	_, err = w.root.PutObjectAcl(ctx, &sdk.PutObjectAclInput{Bucket: &b, Key: aws.String("acl"), ACL: types.ObjectCannedACLPrivate})
	must(t, err)
	want("acl", 403)
	_, err = w.root.PutObjectAcl(ctx, &sdk.PutObjectAclInput{Bucket: &b, Key: aws.String("acl"), AccessControlPolicy: &types.AccessControlPolicy{
		Owner: acl.Owner, Grants: acl.Grants,
	}})
	must(t, err)
	want("acl", 200)
}

func TestCORS(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	w.put(b, "key", "body")
	_, err := w.root.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{
		AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://example.com"},
	}}}})
	must(t, err)
	preflight := func(origin string) int {
		status, _ := w.http(http.MethodOptions, w.url+"/bucket/key", "", http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"GET"}})
		return status
	}
	if ok, bad := preflight("https://example.com"), preflight("https://example.org"); ok != 200 || bad != 403 {
		t.Errorf("preflights: %d and %d", ok, bad)
	}
}

func TestStrangeKeysOverHTTP(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	for _, k := range []string{"a", "a/b", "a/b/", "a//b", "x//", "a+b c%20d", "é", "q?x=1&y", "#", "semi;colon", "star*", "dot.", "a/./b", "🙂", strings.Repeat("k", 1024)} {
		w.put(b, k, "body of "+k)
		if got := w.get(b, k); got != "body of "+k {
			t.Errorf("%q holds %q", k, got)
		}
		if _, err := w.store.Head(t.Context(), b, k, ""); err != nil {
			t.Errorf("%q is stored under another key: %v", k, err)
		}
	}
	_, err := w.root.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("")})
	wantCode(t, err, "KeyTooLongError")
	for _, k := range []string{"../up", "../../etc/passwd", "a/../../b", ".", "..", "a/.."} {
		_, err := w.root.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &b, Key: &k, Body: strings.NewReader("")})
		wantCode(t, err, "InvalidURI")
		if !strings.Contains(err.Error(), strconv.Quote(k)) {
			t.Errorf("%q: %v does not name the key", k, err)
		}
	}
}

func TestPoliciesSeeTheClientsAddress(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	w.put(b, "key", "body")
	policy := func(operator, address string) {
		t.Helper()
		_, err := w.root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::bucket/*","arn:aws:s3:::bucket"],
			"Condition":{"` + operator + `":{"aws:SourceIp":"` + address + `"}}}]}`)})
		must(t, err)
	}
	for _, c := range []struct {
		operator, address string
		status            int
	}{
		{"IpAddress", "127.0.0.0/8", 200},
		{"IpAddress", "10.0.0.0/8", 403},
		{"NotIpAddress", "127.0.0.0/8", 403},
		{"NotIpAddress", "10.0.0.0/8", 200},
	} {
		policy(c.operator, c.address)
		for _, path := range []string{"/bucket/key", "/bucket?list-type=2"} {
			if status, body := w.http(http.MethodGet, w.url+path, "", http.Header{"X-Conveyor-Client": {"10.1.1.1:1"}}); status != c.status {
				t.Errorf("%s with %s %s: %d %s, want %d", path, c.operator, c.address, status, body, c.status)
			}
		}
	}
}

// TestATruncatedBodyIsNotStored breaks off uploads in the middle.
func TestATruncatedBodyIsNotStored(t *testing.T) {
	w := one(t)
	b := w.bucket("bucket")
	addr := strings.TrimPrefix(w.url, "http://")
	for _, size := range []int{1000, 3 << 20} {
		url, err := sdk.NewPresignClient(w.root).PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("cut")})
		must(t, err)
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", addr)
		must(t, err)
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", strings.TrimPrefix(url.URL, w.url), addr, size)
		_, err = conn.Write(bytes.Repeat([]byte("x"), size-1))
		must(t, err)
		must(t, conn.(*net.TCPConn).CloseWrite())
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
		if o, err := w.store.Head(t.Context(), b, "cut", ""); !errors.Is(err, objectstore.ErrNoSuchKey) {
			t.Errorf("a body cut off before its end of %d bytes was stored: %+v, %v", size, o, err)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	w := one(t)
	w.bucket("bucket")
	long := strings.Repeat(" ", 10<<20)
	for _, c := range []struct{ method, path string }{
		{"PUT", "/bucket?policy="},
		{"PUT", "/bucket?cors="},
		{"POST", "/bucket?delete="},
		{"PUT", "/other"},
		{"PUT", "/bucket/key?tagging="},
		{"POST", "/bucket/key?uploadId=x"},
		{"PUT", "/bucket?publicAccessBlock="},
		{"GET", "/bucket/key"},
	} {
		if status, body := w.signed(c.method, c.path, long); status != 400 || !strings.Contains(body, "MaxMessageLengthExceeded") {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
		status, body := w.http(c.method, w.url+c.path, "", nil, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(long)), -1
		})
		if status < 400 || status == 500 {
			t.Errorf("%s %s without a length: %d %s", c.method, c.path, status, body)
		}
	}
}
