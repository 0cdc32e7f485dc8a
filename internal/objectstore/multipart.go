package objectstore

import (
	"context"
	"crypto/md5" // ETags are MD5 by definition
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Upload is a multipart upload that has not ended.
type Upload struct {
	ID, Bucket, Key string
	Initiated       time.Time
	// ChecksumAlgorithm and ChecksumType are what the client chose at the start; both "" if it did not.
	ChecksumAlgorithm, ChecksumType string
	Attributes                      Attributes
}

// Part is an uploaded part.
type Part struct {
	Number       int
	ETag         string // MD5 in hex
	Size         int64
	Checksum     string // of the upload's algorithm, CRC64NVME if it has none
	LastModified time.Time
	blob         int64
	file, hash   string
}

// CreateUpload begins a multipart upload; u.ID and u.Initiated are filled in.
func (s *Store) CreateUpload(ctx context.Context, u Upload) (Upload, error) {
	if err := CheckKey(u.Key); err != nil {
		return u, err
	}
	attributes, err := json.Marshal(u.Attributes)
	if err != nil {
		return u, err
	}
	tags, err := encodeUnlessZero(u.Attributes.Tags, len(u.Attributes.Tags) == 0)
	if err != nil {
		return u, err
	}
	u.ID, u.Initiated = s.newID(), s.now()
	err = s.inTx(ctx, func(tx store.Tx) error {
		b, err := lockBucket(ctx, tx, u.Bucket, false)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO multipart_uploads (id, bucket_id, object_key, initiated_at, checksum_algorithm,
			checksum_type, attributes, acl, tags) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			u.ID, b.id, []byte(u.Key), store.Micros(u.Initiated), u.ChecksumAlgorithm, u.ChecksumType,
			string(attributes), u.Attributes.CannedACL, tags)
		return err
	})
	return u, err
}

const uploadColumns = `u.id, u.object_key, u.initiated_at, u.checksum_algorithm, u.checksum_type, u.attributes, u.acl, u.tags`

func scanUpload(scan func(...any) error, bucket string) (Upload, error) {
	u := Upload{Bucket: bucket}
	var key []byte
	var initiated int64
	var attributes, acl, tags string
	if err := scan(&u.ID, &key, &initiated, &u.ChecksumAlgorithm, &u.ChecksumType, &attributes, &acl, &tags); err != nil {
		return u, err
	}
	u.Key, u.Initiated = string(key), store.FromMicros(initiated)
	if err := json.Unmarshal([]byte(attributes), &u.Attributes); err != nil {
		return u, err
	}
	if tags != "" {
		if err := json.Unmarshal([]byte(tags), &u.Attributes.Tags); err != nil {
			return u, err
		}
	}
	u.Attributes.CannedACL = acl
	return u, nil
}

func findUpload(ctx context.Context, r store.Reader, b bucketRow, key, id, lock string) (Upload, error) {
	u, err := scanUpload(r.QueryRow(ctx, `SELECT `+uploadColumns+` FROM multipart_uploads u
		WHERE u.id = $1 AND u.bucket_id = $2 AND u.object_key = $3`+lock, id, b.id, []byte(key)).Scan, b.name)
	if errors.Is(err, sql.ErrNoRows) {
		return u, fmt.Errorf("upload %q of %q in bucket %q: %w", id, key, b.name, ErrNoSuchUpload)
	}
	return u, err
}

// Upload finds an unfinished upload.
func (s *Store) Upload(ctx context.Context, bucket, key, id string) (Upload, error) {
	var u Upload
	err := s.db.Read(ctx, func(r store.Reader) error {
		b, err := readBucket(ctx, r, bucket)
		if err == nil {
			u, err = findUpload(ctx, r, b, key, id, "")
		}
		return err
	})
	return u, err
}

// PartInput is one part of an upload.
type PartInput struct {
	Bucket, Key, UploadID string
	Number                int
	Body                  io.Reader
	Algorithm             string // of the checksum to compute
	// Verify may refuse the part once it has been read, from its checksum and its MD5 in hex.
	Verify func(sum Checksum, md5 string) error
}

// PutPart stores a part, replacing one of the same number.
func (s *Store) PutPart(ctx context.Context, in PartInput) (Part, error) {
	b, err := s.stage(ctx, in.Body, in.Algorithm)
	if err != nil {
		return Part{}, err
	}
	if in.Verify != nil {
		if err := in.Verify(Checksum{Algorithm: in.Algorithm, Type: FullObject, Value: b.sum}, b.md5); err != nil {
			discard(b)
			return Part{}, err
		}
	}
	p := Part{Number: in.Number, ETag: b.md5, Size: b.size, Checksum: b.sum}
	err = s.withBodies(ctx, []*body{b}, func(tx store.Tx, ids map[string]int64) error {
		bucket, err := lockBucket(ctx, tx, in.Bucket, false)
		if err != nil {
			return err
		}
		if _, err := findUpload(ctx, tx, bucket, in.Key, in.UploadID, lockRow(tx)); err != nil {
			return err
		}
		var old int64
		err = tx.QueryRow(ctx, `SELECT blob_id FROM multipart_parts WHERE upload_id = $1 AND number = $2`,
			in.UploadID, in.Number).Scan(&old)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		p.LastModified = s.now()
		_, err = tx.Exec(ctx, `INSERT INTO multipart_parts (upload_id, number, blob_id, size, etag, checksum, modified_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (upload_id, number) DO UPDATE SET blob_id = excluded.blob_id,
			size = excluded.size, etag = excluded.etag, checksum = excluded.checksum, modified_at = excluded.modified_at`,
			in.UploadID, in.Number, ids[b.hash], p.Size, p.ETag, p.Checksum, store.Micros(p.LastModified))
		if err != nil || old == 0 || old == ids[b.hash] {
			return err
		}
		return s.suspect(ctx, tx, old)
	})
	return p, err
}

// lockRow lets one transaction at a time change an upload and its parts.
func lockRow(tx store.Tx) string {
	if tx.Dialect() == store.Postgres {
		return ` FOR UPDATE`
	}
	return ""
}

// Parts lists the parts of an upload by number, after a number, limit at most (0: all).
func (s *Store) Parts(ctx context.Context, uploadID string, after, limit int) ([]Part, error) {
	var out []Part
	err := s.db.Read(ctx, func(r store.Reader) error {
		var err error
		out, err = readParts(ctx, r, uploadID, after, limit)
		return err
	})
	return out, err
}

func readParts(ctx context.Context, r store.Reader, uploadID string, after, limit int) ([]Part, error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := r.Query(ctx, `SELECT p.number, p.etag, p.size, p.checksum, p.modified_at, p.blob_id, b.file, b.hash
		FROM multipart_parts p JOIN blobs b ON b.id = p.blob_id
		WHERE p.upload_id = $1 AND p.number > $2 ORDER BY p.number LIMIT $3`, uploadID, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Part
	for rows.Next() {
		var p Part
		var modified int64
		if err := rows.Scan(&p.Number, &p.ETag, &p.Size, &p.Checksum, &modified, &p.blob, &p.file, &p.hash); err != nil {
			return nil, err
		}
		p.LastModified = store.FromMicros(modified)
		out = append(out, p)
	}
	return out, rows.Err()
}

// CompleteInput makes an object of an upload.
type CompleteInput struct {
	Bucket, Key, UploadID string
	// Choose picks the parts that make the object from those uploaded, in ascending order, and says what the object's
	// checksum is. It may refuse.
	Choose func(u Upload, uploaded []Part) (chosen []Part, sum Checksum, err error)
	// Check may refuse the put given the newest version of Key, nil when there is none. It runs in the transaction.
	Check func(current *Object) error
}

// CompleteUpload makes an object of an upload. Doing so again after it succeeded gives the same answer.
func (s *Store) CompleteUpload(ctx context.Context, in CompleteInput) (Object, error) {
	u, err := s.Upload(ctx, in.Bucket, in.Key, in.UploadID)
	if errors.Is(err, ErrNoSuchUpload) {
		if done, e := s.Head(ctx, in.Bucket, in.Key, ""); e == nil && done.UploadID == in.UploadID {
			return done, nil
		}
	}
	if err != nil {
		return Object{}, err
	}
	uploaded, err := s.Parts(ctx, u.ID, 0, 0)
	if err != nil {
		return Object{}, err
	}
	chosen, sum, err := in.Choose(u, uploaded)
	if err != nil {
		return Object{}, err
	}
	if len(chosen) == 0 {
		return Object{}, fmt.Errorf("upload %q has no parts: %w", u.ID, ErrInvalidPart)
	}
	r := row{Object: Object{Bucket: in.Bucket, Key: in.Key, ETag: multipartETag(chosen), Checksum: sum, Attributes: u.Attributes}}
	r.UploadID = u.ID
	for _, p := range chosen {
		r.Size += p.Size
		r.Parts = append(r.Parts, ObjectPart{Number: p.Number, Size: p.Size, Checksum: p.Checksum})
	}
	var out Object
	finish := func(tx store.Tx, blob int64) error {
		b, err := lockBucket(ctx, tx, in.Bucket, false)
		if err != nil {
			return err
		}
		if err := s.endUpload(ctx, tx, b, u, uploaded); err != nil {
			return err
		}
		r.blob = blob
		out, err = s.commitPut(ctx, tx, r, in.Check)
		return err
	}
	if len(chosen) == 1 {
		err = s.inTx(ctx, func(tx store.Tx) error {
			if err := finish(tx, chosen[0].blob); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `UPDATE blobs SET suspect_at = 0 WHERE id = $1`, chosen[0].blob)
			return err
		})
		return out, err
	}
	joined, err := s.join(ctx, chosen)
	if err != nil {
		return Object{}, err
	}
	err = s.withBodies(ctx, []*body{joined}, func(tx store.Tx, ids map[string]int64) error {
		return finish(tx, ids[joined.hash])
	})
	return out, err
}

// endUpload removes an upload whose parts are still the ones given.
func (s *Store) endUpload(ctx context.Context, tx store.Tx, b bucketRow, u Upload, parts []Part) error {
	if _, err := findUpload(ctx, tx, b, u.Key, u.ID, lockRow(tx)); err != nil {
		return err
	}
	now, err := readParts(ctx, tx, u.ID, 0, 0)
	if err != nil {
		return err
	}
	same := func(a, b Part) bool { return a.Number == b.Number && a.blob == b.blob }
	if !slices.EqualFunc(now, parts, same) {
		return fmt.Errorf("the parts of upload %q changed while it was completed: %w", u.ID, ErrInvalidPart)
	}
	return s.removeUpload(ctx, tx, u.ID, now)
}

func (s *Store) removeUpload(ctx context.Context, tx store.Tx, id string, parts []Part) error {
	if _, err := tx.Exec(ctx, `DELETE FROM multipart_parts WHERE upload_id = $1`, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM multipart_uploads WHERE id = $1`, id); err != nil {
		return err
	}
	blobs := make([]int64, len(parts))
	for i, p := range parts {
		blobs[i] = p.blob
	}
	slices.Sort(blobs)
	return s.suspect(ctx, tx, slices.Compact(blobs)...)
}

// AbortUpload forgets an upload and its parts.
func (s *Store) AbortUpload(ctx context.Context, bucket, key, id string) error {
	return s.inTx(ctx, func(tx store.Tx) error {
		b, err := lockBucket(ctx, tx, bucket, false)
		if err != nil {
			return err
		}
		if _, err := findUpload(ctx, tx, b, key, id, lockRow(tx)); err != nil {
			return err
		}
		parts, err := readParts(ctx, tx, id, 0, 0)
		if err != nil {
			return err
		}
		return s.removeUpload(ctx, tx, id, parts)
	})
}

// dropUploads forgets all uploads of a bucket that is about to be deleted.
func (s *Store) dropUploads(ctx context.Context, tx store.Tx, b bucketRow) error {
	ids, err := store.Strings(ctx, tx, `SELECT id FROM multipart_uploads WHERE bucket_id = $1`, b.id)
	if err != nil {
		return err
	}
	for _, id := range ids {
		parts, err := readParts(ctx, tx, id, 0, 0)
		if err != nil {
			return err
		}
		if err := s.removeUpload(ctx, tx, id, parts); err != nil {
			return err
		}
	}
	return nil
}

// UploadPage is a page of unfinished uploads.
type UploadPage struct {
	Uploads             []Upload
	Prefixes            []string
	Truncated           bool
	NextKey, NextUpload string
}

// Uploads lists unfinished uploads by key and age, after a key (and an upload of that key, if given).
func (s *Store) Uploads(ctx context.Context, bucket, prefix, delimiter, afterKey, afterID string, limit int) (UploadPage, error) {
	var page UploadPage
	err := s.db.Read(ctx, func(r store.Reader) error {
		page = UploadPage{}
		b, err := readBucket(ctx, r, bucket)
		if err != nil {
			return err
		}
		rows, err := r.Query(ctx, `SELECT `+uploadColumns+` FROM multipart_uploads u WHERE u.bucket_id = $1
			AND u.object_key >= $2 AND u.object_key < $3 ORDER BY u.object_key, u.id`, b.id, []byte(prefix), after([]byte(prefix)))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			u, err := scanUpload(rows.Scan, bucket)
			if err != nil {
				return err
			}
			common, rolled := commonPrefix(u.Key, prefix, delimiter)
			switch {
			case u.Key < afterKey, u.Key == afterKey && (afterID == "" || u.ID <= afterID):
				continue
			case rolled && (common == afterKey || slices.Contains(page.Prefixes, common)):
				continue
			case len(page.Uploads)+len(page.Prefixes) >= limit:
				page.Truncated = true
				return nil
			case rolled:
				page.Prefixes = append(page.Prefixes, common)
				page.NextKey, page.NextUpload = common, ""
			default:
				page.Uploads = append(page.Uploads, u)
				page.NextKey, page.NextUpload = u.Key, u.ID
			}
		}
		return rows.Err()
	})
	return page, err
}

// multipartETag is the MD5 of the parts' MD5s and the number of parts.
func multipartETag(parts []Part) string {
	h := md5.New() // see the import
	for _, p := range parts {
		sum, _ := hex.DecodeString(p.ETag)
		_, _ = h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}

// join copies parts behind each other into one file. The kernel does the copying where it can; the bytes are not hashed
// again: the new body is addressed by the hash of its parts' hashes.
func (s *Store) join(ctx context.Context, parts []Part) (b *body, err error) {
	f, err := os.CreateTemp(s.stageDir, "join-")
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name())
			b = nil
		}
	}()
	address := sha256.New()
	var size int64
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := appendFile(f, s.bodyPath(p.file))
		if err != nil {
			return nil, err
		}
		if n != p.Size {
			return nil, fmt.Errorf("part %d has %d bytes on disk, not %d", p.Number, n, p.Size)
		}
		size += n
		fmt.Fprintf(address, "%s %d\n", strings.TrimSpace(p.hash), p.Size)
	}
	return &body{path: f.Name(), hash: "m" + hex.EncodeToString(address.Sum(nil)), size: size, temp: true}, nil
}

func appendFile(to *os.File, path string) (int64, error) {
	from, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	return io.Copy(to, from)
}
