package build_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// BenchmarkBuild measures a pipeline's trivial build with a small source on a database that waits for the disk: from the
// moment StartBuild is asked for until its first command runs, and until its end is stored.
func BenchmarkBuild(b *testing.B) {
	s := serve(b, options{st: sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{})})
	fifo := filepath.Join(s.dir, "first")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		b.Fatal(err)
	}
	files := map[string]string{"buildspec.yml": "version: 0.2\nphases: {build: {commands: ['echo >" + fifo + "']}}\nartifacts: {files: ['**/*']}"}
	for i := range 20 {
		files[filepath.Join("site", string(rune('a'+i)))] = "content"
	}
	in := s.putZip("App", files)
	s.project("bench", "", func(p *types.Project) {
		p.Source.Type, p.Artifacts.Type = types.SourceTypeCodepipeline, types.ArtifactsTypeCodepipeline
	})
	var first, whole []time.Duration
	for b.Loop() {
		begin := time.Now()
		bd := s.start(build.Request{
			Input:    codebuild.StartBuildInput{ProjectName: aws.String("bench")},
			Pipeline: &build.Pipeline{Name: "p", Inputs: []pipeline.Artifact{in}, Primary: "App", Outputs: []pipeline.Artifact{s.out("Out")}},
		})
		f, err := os.Open(fifo) // returns when the command opens it for writing
		if err != nil {
			b.Fatal(err)
		}
		first = append(first, time.Since(begin))
		if _, err := f.Read(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		f.Close()
		s.expect(s.wait(*bd.Id), types.StatusTypeSucceeded)
		whole = append(whole, time.Since(begin))
	}
	slices.Sort(first)
	slices.Sort(whole)
	b.ReportMetric(float64(first[len(first)/2].Microseconds())/1000, "ms-first-command-p50")
	b.ReportMetric(float64(whole[len(whole)/2].Microseconds())/1000, "ms-whole-p50")
}

// BenchmarkLog measures a build that prints a hundred megabytes, with its log in the log store.
func BenchmarkLog(b *testing.B) {
	s := serve(b, options{st: sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{})})
	b.SetBytes(100_000_000)
	for b.Loop() {
		s.expect(s.run(`
version: 0.2
phases:
  build:
    commands: ["seq 1 10000000 | sed 's|$| CC src/module/file.c -O2 -Wall|' | head -c 100000000"]
`), types.StatusTypeSucceeded)
	}
}
