package objectstore_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func benchStore(b *testing.B) *objectstore.Store {
	b.Helper()
	s, err := objectstore.Open(b.Context(), sqltest.SQLite(b), b.TempDir(), objectstore.Options{})
	must(b, err)
	must(b, s.EnsureBucket(b.Context(), "bucket"))
	return s
}

func BenchmarkPut1KiB(b *testing.B) {
	s := benchStore(b)
	body := make([]byte, 1024)
	n := 0
	for b.Loop() {
		n++
		copy(body, fmt.Sprint(n))
		_, err := s.Put(b.Context(), "bucket", fmt.Sprint("key", n), bytes.NewReader(body), objectstore.Attributes{})
		must(b, err)
	}
}

func benchPublish(b *testing.B, count, size int) {
	s := benchStore(b)
	release := 0
	for b.Loop() {
		release++
		var files []objectstore.File
		for i := range count {
			body := bytes.Repeat([]byte(fmt.Sprintf("%d of release %d\n", i, release)), size/20)
			files = append(files, objectstore.File{
				Key:        fmt.Sprintf("assets/%03d/file%05d.html", i/100, i),
				Open:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
				Attributes: objectstore.Attributes{ContentType: "text/html", CannedACL: "public-read"},
			})
		}
		must(b, s.Publish(b.Context(), "bucket", files))
	}
}

func BenchmarkPublish1000Files(b *testing.B)  { benchPublish(b, 1000, 10<<10) }
func BenchmarkPublish20000Files(b *testing.B) { benchPublish(b, 20000, 10<<10) }

func BenchmarkList20000Keys(b *testing.B) {
	s := benchStore(b)
	var files []objectstore.File
	for i := range 20000 {
		files = append(files, objectstore.File{
			Key:  fmt.Sprintf("assets/%03d/file%05d.html", i/100, i),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(nil)), nil },
		})
	}
	must(b, s.Publish(b.Context(), "bucket", files))
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			after, n := "", 0
			for {
				p, err := s.List(b.Context(), objectstore.ListInput{Bucket: "bucket", After: after, Max: 1000})
				must(b, err)
				n += len(p.Objects)
				if after = p.Next; !p.Truncated {
					break
				}
			}
			if n != 20000 {
				b.Fatal(n)
			}
		}
	})
	b.Run("prefixes", func(b *testing.B) {
		for b.Loop() {
			p, err := s.List(b.Context(), objectstore.ListInput{Bucket: "bucket", Prefix: "assets/", Delimiter: "/", Max: 1000})
			must(b, err)
			if len(p.Prefixes) != 200 {
				b.Fatal(len(p.Prefixes))
			}
		}
	})
}
