package objectstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Kinds of configuration documents.
const (
	ACL               = "acl"               // JSON, as versitygw keeps it
	CORS              = "cors"              // XML
	Ownership         = "ownership"         // BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter
	Policy            = "policy"            // JSON, as it was put
	PublicAccessBlock = "publicAccessBlock" // JSON of AccessBlock
	Tagging           = "tagging"           // JSON object
	Website           = "website"           // XML
)

// AccessBlock is a bucket's public access block.
type AccessBlock struct {
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

// ParsePublicAccessBlock reads a PublicAccessBlock document. None blocks nothing; one that cannot be read blocks all.
func ParsePublicAccessBlock(doc []byte) AccessBlock {
	var b AccessBlock
	if doc == nil {
		return b
	}
	if err := json.Unmarshal(doc, &b); err != nil {
		return AccessBlock{true, true, true, true}
	}
	return b
}

// PublicACL tells whether a canned ACL lets everybody read an object.
func PublicACL(canned string) bool { return canned == "public-read" || canned == "public-read-write" }

// OwnerEnforced is the ownership under which a bucket's objects have no ACLs.
const OwnerEnforced = "BucketOwnerEnforced"

// checkACL refuses ACLs in a bucket whose objects can have none.
func checkACL(ctx context.Context, tx store.Tx, b bucketRow, canned string) error {
	if canned == "" || canned == "private" || canned == "bucket-owner-full-control" {
		return nil
	}
	var ownership []byte
	err := tx.QueryRow(ctx, `SELECT body FROM bucket_documents WHERE bucket_id = $1 AND kind = $2`, b.id, Ownership).Scan(&ownership)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if string(ownership) == OwnerEnforced {
		return fmt.Errorf("%w: bucket %q has the object ownership %s; set another one to use the ACL %s, or allow reading with "+
			"a bucket policy", ErrACLNotSupported, b.name, OwnerEnforced, canned)
	}
	return nil
}
