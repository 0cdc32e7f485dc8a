package build_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func TestCloneHostedRepository(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	first, second := s.repository("site")
	const url = "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site"
	const spec = "version: 0.2\nphases: {build: {commands: ['cat file; echo; git rev-parse HEAD; echo $CODEBUILD_RESOLVED_SOURCE_VERSION; git rev-list --count HEAD; git remote get-url origin; git status --porcelain']}}"
	s.project("clone", spec, func(p *types.Project) {
		p.Source.Type, p.Source.Location = types.SourceTypeCodecommit, aws.String(url)
	})
	for version, want := range map[string]struct {
		commit, text string
		count        int
	}{
		"": {second, "two", 2}, "main": {second, "two", 2}, "refs/heads/main": {second, "two", 2},
		"feature/x": {first, "one", 1}, "v1": {first, "one", 1}, first: {first, "one", 1}, first[:10]: {first, "one", 1},
	} {
		r := request("clone")
		if version != "" {
			r.Input.SourceVersion = aws.String(version)
		}
		b := s.expect(s.wait(*s.start(r).Id), types.StatusTypeSucceeded)
		if got, want := s.said(b), fmt.Sprintf("%s\n%s\n%s\n%d\n%s\n", want.text, want.commit, want.commit, want.count, url); got != want {
			t.Errorf("version %q printed\n%s\nwant\n%s", version, got, want)
		}
		if aws.ToString(b.ResolvedSourceVersion) != want.commit {
			t.Errorf("version %q resolved to %s", version, aws.ToString(b.ResolvedSourceVersion))
		}
	}
	for _, version := range []string{"nowhere", "--upload-pack=touch x", strings.Repeat("0", 40)} {
		r := request("clone")
		r.Input.SourceVersion = aws.String(version)
		expectFailure(t, s.expect(s.wait(*s.start(r).Id), types.StatusTypeFailed), "DOWNLOAD_SOURCE", "CLIENT_ERROR")
	}
	r := request("clone")
	r.Input.SourceLocationOverride = aws.String("http://127.0.0.1:4566/v1/repos/none")
	expectFailure(t, s.wait(*s.start(r).Id), "DOWNLOAD_SOURCE", "the repository none cannot be cloned")
}

// remoteDirs are repositories elsewhere: their last two names, and where they are.
type remoteDirs map[string]string

func (d remoteDirs) Fetch(_ context.Context, src types.ProjectSource, version string) (build.RemoteCommit, error) {
	from, ok := d[path.Base(aws.ToString(src.Location))]
	if !ok {
		return build.RemoteCommit{}, &build.Failure{Code: "CLIENT_ERROR", Message: "no such repository"}
	}
	if version == "" {
		version = "main"
	}
	out, err := exec.Command("git", "-C", from, "rev-parse", version).Output()
	return build.RemoteCommit{Path: from, Commit: strings.TrimSpace(string(out))}, err
}

func TestCloneDepth(t *testing.T) {
	t.Parallel()
	remotes := remoteDirs{}
	s := serve(t, options{remotes: remotes})
	first, second := s.repository("site")
	remotes["site.git"] = filepath.Join(s.dir, "git", "site.git")
	const spec = "version: 0.2\nphases: {build: {commands: ['cat file; echo; git rev-list --count HEAD; git remote get-url origin']}}"
	for kind, url := range map[types.SourceType]string{
		types.SourceTypeCodecommit: "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site",
		types.SourceTypeGithub:     "https://github.com/acme/site.git",
	} {
		name := strings.ToLower(string(kind))
		s.project(name, spec, func(p *types.Project) {
			p.Source.Type, p.Source.Location, p.Source.GitCloneDepth = kind, aws.String(url), aws.Int32(1)
		})
		for version, text := range map[string]string{"": "two", first: "one", second: "two"} {
			r := request(name)
			r.Input.SourceVersion = aws.String(version)
			b := s.expect(s.wait(*s.start(r).Id), types.StatusTypeSucceeded)
			if got, want := s.said(b), text+"\n1\n"+url+"\n"; got != want {
				t.Errorf("%s %q printed\n%s\nwant\n%s", kind, version, got, want)
			}
		}
	}
}

func TestSubmodules(t *testing.T) {
	t.Parallel()
	remotes := remoteDirs{}
	s := serve(t, options{remotes: remotes})
	s.repository("library")
	dir := filepath.Join(s.dir, "git")
	remotes["library.git"], remotes["site.git"], remotes["elsewhere.git"] = filepath.Join(dir, "library.git"), filepath.Join(dir, "site.git"), filepath.Join(dir, "library.git")
	script := `git init -q -b main work; cd work; git -c protocol.file.allow=always submodule --quiet add -b main ../library.git lib/near
		git -c protocol.file.allow=always submodule --quiet add --name 'a b' ../library.git far
		git config -f .gitmodules submodule.lib/near.url ../library.git; git config -f .gitmodules 'submodule.a b.url' https://git.example.com/other/elsewhere.git
		echo hi > own; git add -A; git commit -q -m site; git clone -q --bare . ../site.git`
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	submodules := func(p *types.Project) {
		p.Source.Type, p.Source.Location = types.SourceTypeGithub, aws.String("https://github.com/acme/site.git")
		p.Source.GitSubmodulesConfig = &types.GitSubmodulesConfig{FetchSubmodules: aws.Bool(true)}
	}
	b := s.expect(s.run("version: 0.2\nphases: {build: {commands: ['cat lib/near/file far/file own; git status --porcelain; git submodule status | cut -c1']}}", submodules), types.StatusTypeSucceeded)
	if got, want := s.said(b), "twotwohi\n \n \n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	delete(remotes, "elsewhere.git")
	expectFailure(t, s.run("version: 0.2\nphases: {build: {commands: ['true']}}", submodules), "DOWNLOAD_SOURCE", "no such repository")
}

func TestCloneRefArtifact(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	first, _ := s.repository("site")
	doc, err := gitrepo.CloneRef{Repository: "site", Branch: "main", Commit: first, CloneURL: "http://host/v1/repos/site"}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b := s.expect(s.inPipeline("version: 0.2\nphases: {build: {commands: ['git rev-parse HEAD; git log --format=%s; git remote get-url origin']}}",
		[]pipeline.Artifact{s.put("App", doc)}, nil), types.StatusTypeSucceeded)
	if got := s.said(b); got != first+"\nfirst\nhttp://host/v1/repos/site\n" {
		t.Errorf("printed %q", got)
	}
	bad := bytes.Replace(doc, []byte(first), []byte("--upload-pack=x"), 1)
	expectFailure(t, s.inPipeline("", []pipeline.Artifact{s.put("App", bad)}, nil), "DOWNLOAD_SOURCE", "damaged")
}

func TestS3Source(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	zipped := s.putZip("src", map[string]string{"d/f": "from zip", "buildspec.yml": "version: 0.2\nphases: {build: {commands: [cat d/f; echo; echo $CODEBUILD_SOURCE_REPO_URL]}}"})
	object := s.put("hello.txt", []byte("just text"))
	at := func(key string) func(*types.Project) {
		return func(p *types.Project) {
			p.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(bucket + "/" + key)}
		}
	}
	b := s.expect(s.run("", at(zipped.Key)), types.StatusTypeSucceeded)
	if got := s.said(b); got != "from zip\ns3://"+bucket+"/"+zipped.Key+"\n" {
		t.Errorf("printed %q", got)
	}
	b = s.expect(s.run("", at(object.Key), func(p *types.Project) {
		p.Source.Buildspec = aws.String("version: 0.2\nphases: {build: {commands: ['cat *']}}")
	}), types.StatusTypeSucceeded)
	if got := s.said(b); got != "just text" && got != "just text\n" {
		t.Errorf("printed %q", got)
	}
	expectFailure(t, s.run("", at("nothing.zip")), "DOWNLOAD_SOURCE", "the object nothing.zip does not exist in the bucket artifacts")
}

// A source whose key ends with a slash is all objects below it.
func TestFolderSource(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	const spec = "version: 0.2\nphases: {build: {commands: ['find . -type f | sort', cat deep/er/f]}}"
	for key, body := range map[string]string{
		"plain/": "", "plain/buildspec.yml": spec, "plain/deep/er/f": "deep\n", "plain/empty/": "", "plainer/no": "no", "other": "no",
		"twice/a": "", "twice/a/b": "", "up/../../x": "", "hidden//x": "", "long/" + strings.Repeat("n", 300): "",
	} {
		if _, err := s.objects.Put(s.ctx, bucket, key, strings.NewReader(body), objectstore.Attributes{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1005 { // more than a page of the object store
		if _, err := s.objects.Put(s.ctx, bucket, fmt.Sprintf("many/%d", i), strings.NewReader(""), objectstore.Attributes{}); err != nil {
			t.Fatal(err)
		}
	}
	at := func(key, spec string) func(*types.Project) {
		return func(p *types.Project) {
			p.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(bucket + "/" + key), Buildspec: aws.String(spec)}
		}
	}
	const list = "./buildspec.yml\n./deep/er/f\ndeep\n"
	if got := s.said(s.expect(s.run("", at("plain/", "")), types.StatusTypeSucceeded)); got != list {
		t.Errorf("printed %q", got)
	}
	const count = "version: 0.2\nphases: {build: {commands: ['ls | wc -l']}}"
	if got := s.said(s.expect(s.run("", at("many/", count)), types.StatusTypeSucceeded)); strings.TrimSpace(got) != "1005" {
		t.Errorf("printed %q", got)
	}
	for key, want := range map[string]string{
		"nothing/": "there is no object below artifacts/nothing/", "twice/": "another object makes its name a directory", "up/": "leads elsewhere",
		"hidden/": "leads elsewhere", "long/": "too long",
	} {
		expectFailure(t, s.run("", at(key, count)), "DOWNLOAD_SOURCE", want)
	}
	s.project("versioned", "", at("plain/", ""))
	r := request("versioned")
	r.Input.SourceVersion = aws.String("v1")
	expectFailure(t, s.wait(*s.start(r).Id), "DOWNLOAD_SOURCE", "leave sourceVersion out")

	const fan = "version: 0.2\nbatch: {build-fanout: {parallelism: 2}}\nphases: {build: {commands: ['true']}}"
	if _, err := s.objects.Put(s.ctx, bucket, "plain/ci/fan.yml", strings.NewReader(fan), objectstore.Attributes{}); err != nil {
		t.Fatal(err)
	}
	s.expectBatch(s.batch("", at("plain/", "ci/fan.yml")), types.StatusTypeSucceeded, "build_1 SUCCEEDED, build_2 SUCCEEDED")
	if got := stages(s.batch("", at("plain/", "none.yml"))); !strings.Contains(got, "the object plain/none.yml does not exist") {
		t.Errorf("%s", got)
	}
}

func TestBuildspecPlaces(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	say := func(what string) string { return "version: 0.2\nphases: {build: {commands: [echo " + what + "]}}" }
	inS3 := s.put("spec", []byte(say("s3")))
	src := s.putZip("src", map[string]string{"buildspec.yml": say("default"), "ci/other.yml": say("other")})
	for setting, want := range map[string]string{
		"": "default\n", "ci/other.yml": "other\n", say("inline"): "inline\n", "arn:aws:s3:::" + bucket + "/" + inS3.Key: "s3\n",
	} {
		b := s.run(setting, func(p *types.Project) {
			p.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(bucket + "/" + src.Key), Buildspec: aws.String(setting)}
		})
		if got := s.said(s.expect(b, types.StatusTypeSucceeded)); got != want {
			t.Errorf("setting %q printed %q", setting, got)
		}
	}
	for setting, want := range map[string]string{
		"none.yml": "YAML_FILE_ERROR: YAML file does not exist", "../../../etc/passwd": "YAML_FILE_ERROR", "/etc/passwd": "YAML_FILE_ERROR",
		"ci": "YAML_FILE_ERROR", "arn:aws:s3:::" + bucket + "/gone": "does not exist", "arn:aws:sns:x": "is not the ARN of an S3 object",
	} {
		b := s.run(setting, func(p *types.Project) {
			p.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(bucket + "/" + src.Key), Buildspec: aws.String(setting)}
		})
		expectFailure(t, b, "DOWNLOAD_SOURCE", want)
	}
}

func TestHostileArchives(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	pack := func(fill func(*zip.Writer)) pipeline.Artifact {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		fill(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return s.put("evil", buf.Bytes())
	}
	entry := func(name, content string) func(*zip.Writer) {
		return func(w *zip.Writer) {
			f, err := w.Create(name)
			if err == nil {
				_, err = f.Write([]byte(content))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	bomb := func(w *zip.Writer) {
		f, err := w.Create("zeros")
		zeros := make([]byte, 1<<20)
		for range 200 {
			if err == nil {
				_, err = f.Write(zeros)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	link := func(w *zip.Writer) {
		h := &zip.FileHeader{Name: "link"}
		h.SetMode(0o777 | 1<<27) // a symbolic link
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte("../../../../etc"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, a := range map[string]pipeline.Artifact{
		"climbing":  pack(entry("../../escaped", "x")),
		"absolute":  pack(entry("/tmp/escaped", "x")),
		"bomb":      pack(bomb),
		"link":      pack(link),
		"not a zip": s.put("evil", []byte("hello")),
		"empty":     s.put("evil", nil),
	} {
		b := s.inPipeline("version: 0.2\nphases: {build: {commands: [echo]}}", []pipeline.Artifact{a}, nil)
		s.expect(b, types.StatusTypeFailed)
		if !strings.Contains(strings.Join(phases(b), "\n"), "DOWNLOAD_SOURCE FAILED CLIENT_ERROR: arn:aws:s3:::artifacts/"+a.Key+" cannot be unpacked") {
			t.Errorf("%s: %s", name, strings.Join(phases(b), "\n"))
		}
	}
	gone := pipeline.Artifact{Name: "gone", Bucket: bucket, Key: "pipe/gone"}
	expectFailure(t, s.inPipeline("", []pipeline.Artifact{gone}, nil), "DOWNLOAD_SOURCE", "does not exist")
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("plain", plain)
	s.project("piped", plain, func(p *types.Project) {
		p.Source.Type, p.Artifacts.Type = types.SourceTypeCodepipeline, types.ArtifactsTypeCodepipeline
	})
	for name, c := range map[string]struct {
		in   codebuild.StartBuildInput
		want string
	}{
		"pipeline source": {codebuild.StartBuildInput{ProjectName: aws.String("piped")}, "can only be built by a pipeline"},
		"github": {codebuild.StartBuildInput{
			ProjectName: aws.String("plain"), SourceTypeOverride: types.SourceTypeGithub,
			SourceLocationOverride: aws.String("file:///etc"),
		}, "is not a URL like"},
		"no buildspec":    {codebuild.StartBuildInput{ProjectName: aws.String("plain"), BuildspecOverride: aws.String("")}, "NO_SOURCE needs a buildspec"},
		"bad repository":  {codebuild.StartBuildInput{ProjectName: aws.String("plain"), SourceTypeOverride: types.SourceTypeCodecommit, SourceLocationOverride: aws.String("x")}, "not the clone URL"},
		"bad bucket":      {codebuild.StartBuildInput{ProjectName: aws.String("plain"), SourceTypeOverride: types.SourceTypeS3, SourceLocationOverride: aws.String("x")}, "not of the form"},
		"piped artifacts": {codebuild.StartBuildInput{ProjectName: aws.String("plain"), ArtifactsOverride: &types.ProjectArtifacts{Type: types.ArtifactsTypeCodepipeline}}, "type CODEPIPELINE"},
		"no project":      {codebuild.StartBuildInput{ProjectName: aws.String("nobody")}, build.ErrNoProject.Error()},
	} {
		if _, err := s.tryStart(build.Request{Input: c.in}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	b := s.start(request("plain"))
	if *b.BuildNumber != 1 {
		t.Errorf("refused requests used up build numbers: %d", *b.BuildNumber)
	}
	s.wait(*b.Id)
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("over", plain)
	r := request("over")
	r.Input.BuildspecOverride = aws.String("version: 0.2\nphases: {build: {commands: [echo overridden $CODEBUILD_BUILD_IMAGE; echo x > f]}}\nartifacts: {files: [f]}")
	r.Input.ImageOverride = aws.String("other/image")
	r.Input.TimeoutInMinutesOverride = aws.Int32(7)
	r.Input.ArtifactsOverride = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String(bucket), Name: aws.String("over")}
	b := s.expect(s.wait(*s.start(r).Id), types.StatusTypeSucceeded)
	if got := s.said(b); got != "overridden other/image\n" {
		t.Errorf("printed %q", got)
	}
	if s.object("over/f") == nil || *b.TimeoutInMinutes != 7 || *b.Environment.Image != "other/image" {
		t.Errorf("build %+v", b)
	}
	var again types.Build
	text, err := json.Marshal(b)
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if err != nil {
		t.Fatal(err)
	}
}
