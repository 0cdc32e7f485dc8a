package s3

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzSubresourceDocuments(f *testing.F) {
	for _, s := range []string{
		"", "<a/>", "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
		"<AccessControlPolicy><AccessControlList><Grant><Grantee><URI>x</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
		"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a><a><a>",
	} {
		f.Add(s)
	}
	h := &Handler{}
	f.Fuzz(func(t *testing.T, body string) {
		if e, err := parse([]byte(body), "PublicAccessBlockConfiguration"); err == nil && e.XMLName.Local != "PublicAccessBlockConfiguration" {
			t.Errorf("the root is %s", e.XMLName.Local)
		}
		r := httptest.NewRequest(http.MethodPut, "/b/k?acl", strings.NewReader(body))
		if canned, err := h.cannedOf(r, []byte(body)); err == nil && !cannedACLs[canned] {
			t.Errorf("the ACL %q came out", canned)
		}
	})
}

func FuzzBucketOfHost(f *testing.F) {
	for _, s := range []string{"b.localhost:4566", "s3.localhost", "a.b.s3.us-east-1.localhost.", "[::1]:80", ".localhost", "x"} {
		f.Add(s)
	}
	d := newDomains("us-east-1", nil)
	f.Fuzz(func(t *testing.T, host string) {
		if b := d.bucket(host); b != "" && !strings.HasPrefix(strings.ToLower(host), b) {
			t.Errorf("%q names bucket %q", host, b)
		}
	})
}
