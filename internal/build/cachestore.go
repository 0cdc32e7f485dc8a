package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// objectCache keeps caches as objects of a bucket: [FOLDER/]PROJECT/NAME.zip.
type objectCache struct {
	r              *run
	bucket, folder string
}

func (c *objectCache) String() string { return "the bucket " + c.bucket }

func (c *objectCache) find(ctx context.Context, name string, prefixes []string) (string, Object, error) {
	objects := c.r.s.cfg.Objects
	o, err := objects.Open(ctx, c.bucket, c.folder+name+".zip", "")
	if !errors.Is(err, ErrNoObject) {
		return name, o, noBucket(c.bucket, err)
	}
	for _, p := range prefixes {
		key, err := newest(ctx, objects, c.bucket, c.folder+p)
		if err != nil {
			return "", Object{}, err
		}
		if key == "" {
			continue
		}
		o, err := objects.Open(ctx, c.bucket, key, "")
		return strings.TrimSuffix(strings.TrimPrefix(key, c.folder), ".zip"), o, err
	}
	return "", Object{}, nil
}

// newest is the key, among those with a prefix, of the object that was stored last; "" when there is none.
func newest(ctx context.Context, objects Objects, bucket, prefix string) (string, error) {
	const pages = 10 // of a prefix that begins more keys than they hold not all are looked at
	var last Listed
	after := ""
	for range pages {
		page, next, err := objects.List(ctx, bucket, prefix, after)
		if err != nil {
			return "", err
		}
		for _, o := range page {
			if o.Stored.After(last.Stored) {
				last = o
			}
		}
		if after = next; after == "" {
			break
		}
	}
	return last.Key, nil
}

func (c *objectCache) put(ctx context.Context, name string, files []archive.Entry) error {
	return c.r.storeZip(ctx, files, archive.Options{Links: archive.KeepLinks}, c.bucket, c.folder+name+".zip", c.r.attributes(), nil)
}

// localCache keeps caches on this machine.
type localCache struct {
	r       *run
	shelf   *Shelf
	project string
}

func (c *localCache) String() string { return "the server's data directory" }

func (c *localCache) find(_ context.Context, name string, prefixes []string) (string, Object, error) {
	found, f, err := c.shelf.find(c.project, name, prefixes)
	if err != nil || f == nil {
		return "", Object{}, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return "", Object{}, err
	}
	return found, Object{Size: st.Size(), Body: f}, nil
}

func (c *localCache) put(ctx context.Context, name string, files []archive.Entry) error {
	return c.shelf.put(c.project, name, func(f *os.File) error {
		if err := archive.Zip(ctx, f, c.r.ws.Root(), files, archive.Options{Links: archive.KeepLinks}); err != nil {
			return fmt.Errorf("the cache cannot be packed: %w", err)
		}
		return nil
	})
}
