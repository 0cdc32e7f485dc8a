package objectstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// ListInput asks for a page of a listing, in the byte order of keys.
type ListInput struct {
	Bucket    string
	Prefix    string
	Delimiter string // keys that contain it after Prefix are rolled up into one common prefix
	After     string // the page begins after this key or common prefix
	// AfterVersion, with After set to a key, begins after this version of that key. Only for ListVersions.
	AfterVersion string
	Max          int // most keys and common prefixes in the page; 0 or less makes an empty page
}

// Page is a page of a listing. Prefixes and Objects are each in order; a page holds at most Max of both together.
type Page struct {
	Objects  []Object
	Prefixes []string
	// Truncated says that more follows; the next page is asked for with Next as After (and NextVersion as AfterVersion).
	Truncated         bool
	Next, NextVersion string
}

// List pages through the newest versions of keys, without delete markers.
func (s *Store) List(ctx context.Context, in ListInput) (Page, error) {
	var p Page
	err := s.db.Read(ctx, func(r store.Reader) error {
		l, err := newLister(ctx, r, in)
		if err != nil {
			return err
		}
		l.query = `SELECT ` + rowColumns + ` FROM object_versions v WHERE v.bucket_id = $1 AND v.latest = 1
			AND v.delete_marker = 0 AND v.object_key >= $2 AND v.object_key < $3 ORDER BY v.object_key LIMIT $4`
		p, err = l.run(ctx)
		return err
	})
	return p, err
}

// ListVersions pages through all versions and delete markers, by key and then newest first.
func (s *Store) ListVersions(ctx context.Context, in ListInput) (Page, error) {
	var p Page
	err := s.db.Read(ctx, func(r store.Reader) error {
		l, err := newLister(ctx, r, in)
		if err != nil {
			return err
		}
		if in.AfterVersion != "" {
			if err := l.restOfKey(ctx, in.After, in.AfterVersion); err != nil {
				return err
			}
		}
		// No LIMIT: the page may need one more row than it has room for keys, and rows are read one by one.
		l.query = `SELECT ` + rowColumns + ` FROM object_versions v WHERE v.bucket_id = $1
			AND v.object_key >= $2 AND v.object_key < $3 ORDER BY v.object_key, v.id DESC LIMIT $4`
		l.versions = true
		p, err = l.run(ctx)
		return err
	})
	return p, err
}

// lister builds one page. It reads rows in batches from a cursor and, when a batch ends inside a common prefix, jumps
// over the rest of that prefix: a listing with a delimiter costs as much as what it shows, not as what lies below.
type lister struct {
	r        store.Reader
	in       ListInput
	bucket   bucketRow
	query    string
	versions bool
	cursor   []byte // the smallest key not looked at yet
	end      []byte // the first key after all that have the prefix
	page     Page
	last     string // the last key or prefix in the page, and its version
	lastV    string
	skipping string // the common prefix being skipped
}

func newLister(ctx context.Context, r store.Reader, in ListInput) (*lister, error) {
	l := &lister{r: r, in: in, cursor: []byte(in.Prefix), end: after([]byte(in.Prefix))}
	var err error
	if l.bucket, err = readBucket(ctx, r, in.Bucket); err != nil {
		return nil, err
	}
	if in.After >= in.Prefix && in.After != "" {
		l.cursor = append([]byte(in.After), 0)
		// After a common prefix, everything it stands for has been listed too.
		if d := in.Delimiter; d != "" && strings.HasPrefix(in.After, in.Prefix) &&
			strings.HasSuffix(in.After[len(in.Prefix):], d) && in.AfterVersion == "" {
			if p, ok := commonPrefix(in.After, in.Prefix, d); ok && p == in.After {
				l.skipping = p
				l.cursor = after([]byte(p))
			}
		}
	}
	return l, nil
}

// after is the smallest key that follows all keys beginning with p.
func after(p []byte) []byte {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] < 0xff {
			out := append([]byte{}, p[:i+1]...)
			out[i]++
			return out
		}
	}
	return []byte{0xff, 0xff} // keys are UTF-8, which never contains these bytes
}

func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	before, _, ok := strings.Cut(key[len(prefix):], delimiter)
	if !ok {
		return "", false
	}
	return prefix + before + delimiter, true
}

func (l *lister) size() int { return len(l.page.Objects) + len(l.page.Prefixes) }

func (l *lister) run(ctx context.Context) (Page, error) {
	if l.in.Max <= 0 {
		return Page{}, nil
	}
	for !l.page.Truncated {
		more, err := l.batch(ctx)
		if err != nil {
			return Page{}, err
		}
		if !more {
			break
		}
	}
	return l.page, nil
}

// batch reads one run of rows; it reports whether there may be more behind it.
func (l *lister) batch(ctx context.Context) (bool, error) {
	if string(l.cursor) >= string(l.end) {
		return false, nil
	}
	limit := min(l.in.Max-l.size()+1, 1000)
	if l.in.Delimiter != "" {
		limit = min(limit, 100) // most rows of a batch may belong to one common prefix, and be skipped
	}
	if l.versions {
		// Versions of one key are read together, so that the cursor can stay a key.
		return l.versionBatch(ctx)
	}
	rows, err := l.r.Query(ctx, l.query, l.bucket.id, l.cursor, l.end, limit)
	if err != nil {
		return false, err
	}
	n := 0
	err = each(rows, func() error {
		var scan rowScan
		if err := rows.Scan(scan.targets()...); err != nil {
			return err
		}
		n++
		if err := l.take(&scan); err != nil {
			return err
		}
		if l.page.Truncated {
			return errEnough
		}
		l.cursor = append(append([]byte{}, scan.key...), 0)
		return nil
	})
	if err != nil || l.page.Truncated {
		return false, err
	}
	if l.skipping != "" && string(l.cursor) > l.skipping {
		if next := after([]byte(l.skipping)); string(next) > string(l.cursor) {
			l.cursor = next
		}
	}
	return n == limit, nil
}

// versionBatch is batch for all versions: it streams until the page is full or a common prefix can be jumped over.
func (l *lister) versionBatch(ctx context.Context) (bool, error) {
	rows, err := l.r.Query(ctx, l.query, l.bucket.id, l.cursor, l.end, int64(1)<<40)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	skipped := 0
	for rows.Next() {
		var scan rowScan
		if err := rows.Scan(scan.targets()...); err != nil {
			return false, err
		}
		if l.skipping != "" && strings.HasPrefix(string(scan.key), l.skipping) {
			if skipped++; skipped > 100 {
				l.cursor = after([]byte(l.skipping))
				return true, nil
			}
			continue
		}
		if err := l.take(&scan); err != nil {
			return false, err
		}
		if l.page.Truncated {
			return false, nil
		}
	}
	return false, rows.Err()
}

// take adds a row to the page, as itself or as its common prefix, or finds that the page is full.
func (l *lister) take(scan *rowScan) error {
	key := string(scan.key)
	if l.skipping != "" && strings.HasPrefix(key, l.skipping) {
		return nil
	}
	if l.size() >= l.in.Max {
		l.page.Truncated, l.page.Next, l.page.NextVersion = true, l.last, l.lastV
		return nil
	}
	if p, ok := commonPrefix(key, l.in.Prefix, l.in.Delimiter); ok {
		l.page.Prefixes = append(l.page.Prefixes, p)
		l.skipping, l.last, l.lastV = p, p, ""
		return nil
	}
	r, err := scan.row(l.in.Bucket)
	if err != nil {
		return err
	}
	l.page.Objects = append(l.page.Objects, r.Object)
	l.last, l.lastV = key, r.VersionID
	return nil
}

// restOfKey takes the versions of key that are older than version.
func (l *lister) restOfKey(ctx context.Context, key, version string) error {
	v, err := versionRow(ctx, l.r, l.bucket, key, version)
	if err != nil {
		return fmt.Errorf("version %q of %q to list after: %w", version, key, ErrNoSuchVersion)
	}
	rows, err := l.r.Query(ctx, `SELECT `+rowColumns+` FROM object_versions v
		WHERE v.bucket_id = $1 AND v.object_key = $2 AND v.id < $3 ORDER BY v.id DESC LIMIT $4`,
		l.bucket.id, []byte(key), v.id, l.in.Max+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() && !l.page.Truncated {
		var scan rowScan
		if err := rows.Scan(scan.targets()...); err != nil {
			return err
		}
		if err := l.take(&scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
