package build_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// tree is what every case of TestArtifacts starts with; files hold their own path.
var tree = []string{
	"index.html", "README", "src/a.js", "src/b.ts", "src/deep/c.js", "dist-1/one", "dist-2/two", "dist-2/sub/three",
	"node_modules/x/y.js", "pages/[id].html", ".hidden", "same/index.html",
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	files := map[string]string{}
	for _, f := range tree {
		files[f] = f
	}
	in := s.putZip("App", files)
	outside := filepath.Join(s.dir, "outside")
	if err := os.MkdirAll(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, artifacts string
		prepare         string // command run before
		want            []string
		fails           string
	}{
		{"one file", "{files: [index.html]}", "", []string{"index.html"}, ""},
		{"dot slash", "{files: [./index.html]}", "", []string{"index.html"}, ""},
		{"one level", "{files: ['src/*']}", "", []string{"src/a.js", "src/b.ts"}, ""},
		{"all levels", "{files: ['src/**/*']}", "", []string{"src/a.js", "src/b.ts", "src/deep/c.js"}, ""},
		{
			"everything but", "{files: ['**/*'], exclude-paths: ['node_modules/**/*', 'dist-*/**', same, 'src/**/*.js']}", "",
			[]string{".hidden", "README", "index.html", "pages/[id].html", "src/b.ts"},
			"",
		},
		{"by ending", "{files: ['**/*.js'], exclude-paths: ['node_modules/**/*']}", "", []string{"src/a.js", "src/deep/c.js"}, ""},
		{"directory name", "{files: [src]}", "", []string{"src/a.js", "src/b.ts", "src/deep/c.js"}, ""},
		{"base directory", "{files: ['**/*'], base-directory: src}", "", []string{"a.js", "b.ts", "deep/c.js"}, ""},
		{"excludes are relative to it", "{files: ['**/*'], base-directory: src, exclude-paths: [deep/**]}", "", []string{"a.js", "b.ts"}, ""},
		{"base directory pattern", "{files: ['**/*'], base-directory: 'dist-*'}", "", []string{"one", "sub/three", "two"}, ""},
		{"discard paths", "{files: ['src/**/*', '**/one'], discard-paths: yes}", "", []string{"a.js", "b.ts", "c.js", "one"}, ""},
		{"name with brackets", "{files: ['pages/[id].html']}", "", []string{"pages/[id].html"}, ""},
		{"absolute inside", "{files: ['**/*'], base-directory: $CODEBUILD_SRC_DIR/src/deep}", "", []string{"c.js"}, ""},
		{"absolute file inside", "{files: [$CODEBUILD_SRC_DIR/src/a.js]}", "", []string{"src/a.js"}, ""},
		{"variable", "{files: ['$D/*'], base-directory: '${B}'}", "export D=deep B=src", []string{"deep/c.js"}, ""},
		{"working directory does not matter", "{files: [README]}", "cd src", []string{"README"}, ""},
		{"home", "{files: ['**/*'], base-directory: $HOME/out}", "mkdir ~/out && echo x > ~/out/made", []string{"made"}, ""},
		{"link to a file", "{files: ['l/*']}", "mkdir l && ln -s ../README l/r", []string{"l/r=README"}, ""},
		{"absolute link inside", "{files: ['l/*']}", "mkdir l && ln -s $PWD/README l/r", []string{"l/r=README"}, ""},
		{"link to a directory", "{files: ['l/**/*']}", "mkdir l && ln -s ../src/deep l/d", []string{"l/d/c.js=src/deep/c.js"}, ""},
		{"links kept", "{files: ['l/**/*'], enable-symlinks: yes}", "mkdir l && ln -s ../README l/r && ln -s ../src l/d", []string{"l/d=-> ../src", "l/r=-> ../README"}, ""},
		{"link in a circle", "{files: ['l/**/*']}", "mkdir l && ln -s . l/self && echo l/f > l/f", []string{"l/f"}, ""},
		{"special file", "{files: ['l/*']}", "mkdir l && mkfifo l/pipe && echo l/f > l/f", []string{"l/f"}, ""},

		{"nothing matches", "{files: ['*.none']}", "", nil, "no matching artifact paths found for *.none"},
		{"no base directory", "{files: ['**/*'], base-directory: nowhere}", "", nil, "no matching base directory path found for nowhere"},
		{"no base directory by pattern", "{files: ['**/*'], base-directory: 'no*'}", "rm -rf node_modules", nil, "no matching base directory path found for no*"},
		{"base is a file", "{files: ['**/*'], base-directory: README}", "", nil, "no matching base directory"},
		{"climbing file", "{files: ['../../*']}", "", nil, `contains ".."`},
		{"climbing exclude", "{files: ['*'], exclude-paths: ['../x']}", "", nil, `contains ".."`},
		{"climbing in the middle", "{files: ['src/../../outside/secret']}", "", nil, `contains ".."`},
		{"climbing base", "{files: ['**/*'], base-directory: ../../..}", "", nil, `contains ".."`},
		{"climbing by variable", "{files: ['$UP/secret']}", "export UP=../..", nil, `contains ".."`},
		{"absolute file", "{files: [/etc/passwd]}", "", nil, "is absolute"},
		{"absolute base", "{files: ['*'], base-directory: OUTSIDE}", "", nil, "outside the build's workspace"},
		{"absolute base by variable", "{files: ['*'], base-directory: $O}", "export O=OUTSIDE", nil, "outside the build's workspace"},
		{"root", "{files: ['etc/passwd'], base-directory: /}", "", nil, "outside the build's workspace"},
		{"link to a file outside", "{files: ['l/*']}", "mkdir l && ln -s OUTSIDE/secret l/s", nil, "leads out of the build's workspace"},
		{"link to a directory outside", "{files: ['l/**/*']}", "mkdir l && ln -s OUTSIDE l/d", nil, "leads out of the build's workspace"},
		{"link in the middle", "{files: [l/d/secret]}", "mkdir l && ln -s OUTSIDE l/d", nil, "leads out of the build's workspace"},
		{"base is a link outside", "{files: ['**/*'], base-directory: l}", "ln -s OUTSIDE l", nil, "leads out of the build's workspace"},
		{"base below a link outside", "{files: ['**/*'], base-directory: l/x}", "mkdir -p OUTSIDE/x && ln -s OUTSIDE l", nil, "leads out of the build's workspace"},
		{"base pattern over a link outside", "{files: ['**/*'], base-directory: 'l*'}", "ln -s OUTSIDE l1", nil, "leads out of the build's workspace"},
		{"kept link that leads outside", "{files: ['l/*'], enable-symlinks: yes}", "mkdir l && ln -s OUTSIDE/secret l/s", nil, "unsafe symbolic link"},
		{"source directory replaced", "{files: ['**/*']}", "cd .. && rm -rf src && ln -s OUTSIDE src", nil, "leads out of the build's workspace"},
		{"dangling link", "{files: ['l/*']}", "mkdir l && ln -s nowhere l/s", nil, "points at nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := s.out("X")
			prepare := c.prepare
			if prepare == "" {
				prepare = "true"
			}
			spec := "version: 0.2\nphases: {build: {commands: [\"" + prepare + "\"]}}\nartifacts: " + c.artifacts
			spec = strings.ReplaceAll(spec, "OUTSIDE", outside)
			b := s.inPipeline(spec, []pipeline.Artifact{in}, []pipeline.Artifact{out})
			if c.fails != "" {
				s.expect(b, types.StatusTypeFailed)
				expectFailure(t, b, "UPLOAD_ARTIFACTS", c.fails)
				if s.object(out.Key) != nil {
					t.Error("an artifact was stored all the same")
				}
				return
			}
			s.expect(b, types.StatusTypeSucceeded)
			got := s.unzip(out.Key)
			var names []string
			for n, content := range got {
				if strings.TrimSpace(content) != n && slices.ContainsFunc(c.want, func(w string) bool { return strings.HasPrefix(w, n+"=") }) {
					n += "=" + strings.TrimSpace(content)
				}
				names = append(names, n)
			}
			slices.Sort(names)
			if !slices.Equal(names, c.want) {
				t.Errorf("the artifact holds %q, want %q", names, c.want)
			}
		})
	}
}

func TestArtifactsAreReproducible(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	in := s.putZip("App", map[string]string{"b": "B", "a/c": "C", "run.sh": "x"})
	var zips [][]byte
	for range 2 {
		out := s.out("X")
		s.expect(s.inPipeline("version: 0.2\nphases: {build: {commands: ['chmod +x run.sh; touch b']}}\nartifacts: {files: ['**/*']}",
			[]pipeline.Artifact{in}, []pipeline.Artifact{out}), types.StatusTypeSucceeded)
		zips = append(zips, s.object(out.Key))
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("the same files made two different artifacts")
	}
}

func TestStandAloneArtifacts(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	const spec = `
version: 0.2
phases: {build: {commands: [mkdir out, 'echo hi > out/a.html', 'echo deep > out/b', 'export N=7']}}
artifacts: {base-directory: out, files: ['**/*'], name: 'site-$N-$(echo x)', s3-prefix: pre}
`
	uid := func(b types.Build) string { _, id, _ := build.ParseID(*b.Id); return id }
	for _, c := range []struct {
		name string
		art  types.ProjectArtifacts
		want func(id string) []string // keys
	}{
		{"folder named like the project", types.ProjectArtifacts{}, func(string) []string { return []string{"PROJECT/a.html", "PROJECT/b"} }},
		{"folder", types.ProjectArtifacts{Name: aws.String("n"), Path: aws.String("/p/q/")}, func(string) []string { return []string{"p/q/n/a.html", "p/q/n/b"} }},
		{"root", types.ProjectArtifacts{Name: aws.String("/")}, func(string) []string { return []string{"a.html", "b"} }},
		{"zip", types.ProjectArtifacts{Name: aws.String("n.zip"), Packaging: types.ArtifactPackagingZip}, func(string) []string { return []string{"n.zip"} }},
		{
			"build id",
			types.ProjectArtifacts{Name: aws.String("n.zip"), Path: aws.String("p"), Packaging: types.ArtifactPackagingZip, NamespaceType: types.ArtifactNamespaceBuildId},
			func(id string) []string { return []string{"pre/" + id + "/n.zip"} },
		},
		{"name from the buildspec", types.ProjectArtifacts{Name: aws.String("n"), OverrideArtifactName: aws.Bool(true)}, func(string) []string { return []string{"site-7-x/a.html", "site-7-x/b"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.art.Type, c.art.Location = types.ArtifactsTypeS3, aws.String(bucket)
			b := s.expect(s.run(spec, func(p *types.Project) { p.Artifacts = &c.art }), types.StatusTypeSucceeded)
			for _, key := range c.want(uid(b)) {
				key = strings.ReplaceAll(key, "PROJECT", *b.ProjectName)
				if s.object(key) == nil {
					t.Errorf("%s is missing; the artifact is at %s", key, aws.ToString(b.Artifacts.Location))
				}
			}
			if zip := c.art.Packaging == types.ArtifactPackagingZip; zip != (b.Artifacts.Sha256sum != nil) {
				t.Errorf("sha256 is %q", aws.ToString(b.Artifacts.Sha256sum))
			}
		})
	}
	o, err := s.objects.Head(s.ctx, bucket, "a.html", "")
	if err != nil || !strings.HasPrefix(o.ContentType, "text/html") || o.Metadata["codebuild-buildarn"] == "" {
		t.Errorf("attributes %+v, %v", o, err)
	}
	for name, art := range map[string]types.ProjectArtifacts{
		"no such bucket": {Location: aws.String("nobody")},
		`contains ".."`:  {Location: aws.String(bucket), Name: aws.String("../x")},
	} {
		art.Type = types.ArtifactsTypeS3
		b := s.expect(s.run(spec, func(p *types.Project) { p.Artifacts = &art }), types.StatusTypeFailed)
		want := name
		if name == "no such bucket" {
			want = "the bucket nobody for the artifact does not exist"
		}
		expectFailure(t, b, "UPLOAD_ARTIFACTS", want)
	}
}

func TestStandAloneSecondaryArtifacts(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run("version: 0.2\nphases: {build: {commands: ['echo 1 > a', 'echo 2 > b']}}\nartifacts: {files: [a], secondary-artifacts: {two: {files: [b]}}}",
		func(p *types.Project) {
			zip := types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String(bucket), Packaging: types.ArtifactPackagingZip}
			one, two := zip, zip
			one.Name = aws.String("one.zip")
			two.Name, two.ArtifactIdentifier = aws.String("two.zip"), aws.String("two")
			p.Artifacts, p.SecondaryArtifacts = &one, []types.ProjectArtifacts{two}
		}), types.StatusTypeSucceeded)
	if got := s.unzip("one.zip"); !maps.Equal(got, map[string]string{"a": "1\n"}) {
		t.Errorf("primary %v", got)
	}
	if got := s.unzip("two.zip"); !maps.Equal(got, map[string]string{"b": "2\n"}) {
		t.Errorf("secondary %v", got)
	}
	if len(b.SecondaryArtifacts) != 1 || *b.SecondaryArtifacts[0].ArtifactIdentifier != "two" {
		t.Errorf("reported %+v", b.SecondaryArtifacts)
	}
}

func TestPackedWhenNothingRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	in, out := s.putZip("App", map[string]string{"a": "A"}), s.out("X")
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(s.inPipeline(strings.ReplaceAll(`
version: 0.2
phases: {build: {commands: ["(while :; do rm -f a; ln -s OUTSIDE a; rm -f a; echo A >a; done) >/dev/null 2>&1 &", "setsid sh -c 'while :; do date >>grows; done' >/dev/null 2>&1 &", "sleep 0.1"]}}
artifacts: {files: ['**/*'], exclude-paths: [a]}
`, "OUTSIDE", outside), []pipeline.Artifact{in}, []pipeline.Artifact{out}), types.StatusTypeSucceeded)
	if text, err := os.ReadFile(outside); err != nil || string(text) != "kept" {
		t.Errorf("the file outside holds %q, %v", text, err)
	}
}
