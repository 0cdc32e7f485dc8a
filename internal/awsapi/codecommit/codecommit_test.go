package codecommit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/codecommit"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pull"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/repotrigger"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// oneKey knows one access key, that of root.
type oneKey iam.AccessKey

func (k oneKey) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if id != k.ID {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return iam.AccessKey(k), nil
}

const rootArn = "arn:aws:iam::000000000000:root"

// topics are all there but one.
type topics struct{}

func (topics) Send(_ context.Context, destination, _ string, _ []byte) error {
	if strings.HasSuffix(destination, ":gone") {
		return fmt.Errorf("%w: %s", repotrigger.ErrGone, destination)
	}
	return nil
}

// serve is one server of the repositories in dir.
func serve(t *testing.T, db store.Store, dir string) (*codecommit.Service, *gitrepo.Store) {
	t.Helper()
	repos, err := gitrepo.Open(dir, db, gitrepo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repos.Close() })
	jobs := queue.New(db, queue.Config{})
	pulls := pull.New(db, repos, jobs, pull.Options{})
	triggers := repotrigger.New(db, jobs, topics{}, repotrigger.Options{Region: "us-east-1"})
	repos.OnPush(func(ctx context.Context, tx store.Tx, p gitrepo.Push) error {
		if err := triggers.Pushed(ctx, tx, p); err != nil {
			return err
		}
		return pulls.Pushed(ctx, tx, p)
	})
	if err := jobs.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = jobs.Stop(context.Background()) })
	return codecommit.New(repos, pulls, triggers, codecommit.Options{PublicURL: "http://127.0.0.1:4566/"}), repos
}

// each runs a test against the service in process and through the SDK's client over HTTP.
func each(t *testing.T, test func(t *testing.T, c operations, repos *gitrepo.Store)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		s, repos := serve(t, sqltest.SQLite(t), filepath.Join(t.TempDir(), "repos"))
		test(t, s, repos)
	})
	t.Run("over HTTP", func(t *testing.T) {
		s, repos := serve(t, sqltest.SQLite(t), filepath.Join(t.TempDir(), "repos"))
		key := oneKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "secret", Principal: iam.Principal{Arn: rootArn, Root: true}}
		mux := awsapi.NewMux(awsapi.MuxOptions{Verifier: awsapi.NewVerifier(key, awsapi.Place{})})
		mux.Add(s.API())
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		test(t, overHTTP{sdk.New(sdk.Options{
			Region: "us-east-1", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
		})}, repos)
	})
}

// is checks that an error is the exception of that name.
func is(t *testing.T, what string, err error, exception string) {
	t.Helper()
	var api smithy.APIError
	switch {
	case exception == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case exception == "":
	case !errors.As(err, &api) || api.ErrorCode() != exception+"Exception":
		t.Errorf("%s: %v, want %sException", what, err, exception)
	case api.ErrorMessage() == "":
		t.Errorf("%s: %s without a message", what, exception)
	}
}

func str(s string) *string { return &s }

func TestRepositories(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		made, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("site"), RepositoryDescription: str("words"), Tags: map[string]string{"a": "1"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetRepository(ctx, &sdk.GetRepositoryInput{RepositoryName: str("site")})
		if err != nil {
			t.Fatal(err)
		}
		m := got.RepositoryMetadata
		if *m.RepositoryName != "site" || *m.RepositoryDescription != "words" || *m.RepositoryId != *made.RepositoryMetadata.RepositoryId || *m.AccountId != "000000000000" ||
			aws.ToString(m.Arn) != "arn:aws:codecommit:us-east-1:000000000000:site" || aws.ToString(m.CloneUrlHttp) != "http://127.0.0.1:4566/v1/repos/site" ||
			m.CloneUrlSsh != nil || m.DefaultBranch != nil || m.CreationDate.IsZero() {
			t.Errorf("%+v", m)
		}
		for name, exception := range map[string]string{
			"": "RepositoryNameRequired", "a/b": "InvalidRepositoryName", "..": "InvalidRepositoryName", "x.git": "InvalidRepositoryName",
			strings.Repeat("x", 101): "InvalidRepositoryName", "site": "RepositoryNameExists",
		} {
			_, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str(name)})
			is(t, "create "+name, err, exception)
		}
		_, err = c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("b"), RepositoryDescription: str(strings.Repeat("x", 1001))})
		is(t, "long description", err, "InvalidRepositoryDescription")
		_, err = c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("b"), Tags: map[string]string{"aws:x": "1"}})
		is(t, "system tag", err, "InvalidSystemTagUsage")
		_, err = c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("b"), KmsKeyId: str("a b")})
		is(t, "bad key", err, "EncryptionKeyInvalidId")
		_, err = c.GetRepository(ctx, &sdk.GetRepositoryInput{RepositoryName: str("nowhere")})
		is(t, "get nothing", err, "RepositoryDoesNotExist")

		_, err = c.UpdateRepositoryDescription(ctx, &sdk.UpdateRepositoryDescriptionInput{RepositoryName: str("site")})
		is(t, "remove the description", err, "")
		key, err := c.UpdateRepositoryEncryptionKey(ctx, &sdk.UpdateRepositoryEncryptionKeyInput{RepositoryName: str("site"), KmsKeyId: str("alias/k")})
		is(t, "set the key", err, "")
		if err == nil && (aws.ToString(key.KmsKeyId) != "alias/k" || key.OriginalKmsKeyId != nil) {
			t.Errorf("%+v", key)
		}
		_, err = c.UpdateRepositoryName(ctx, &sdk.UpdateRepositoryNameInput{OldName: str("site"), NewName: str("page")})
		is(t, "rename", err, "")
		_, err = c.UpdateRepositoryName(ctx, &sdk.UpdateRepositoryNameInput{OldName: str("site"), NewName: str("other")})
		is(t, "rename nothing", err, "RepositoryDoesNotExist")
		_, err = c.UpdateRepositoryName(ctx, &sdk.UpdateRepositoryNameInput{OldName: str("page"), NewName: str("page")})
		is(t, "rename to itself", err, "RepositoryNameExists")
		got, err = c.GetRepository(ctx, &sdk.GetRepositoryInput{RepositoryName: str("page")})
		if err != nil || got.RepositoryMetadata.RepositoryDescription != nil || *got.RepositoryMetadata.KmsKeyId != "alias/k" || *got.RepositoryMetadata.RepositoryId != *m.RepositoryId {
			t.Errorf("%+v, %v", got, err)
		}

		batch, err := c.BatchGetRepositories(ctx, &sdk.BatchGetRepositoriesInput{RepositoryNames: []string{"page", "nowhere"}})
		if err != nil || len(batch.Repositories) != 1 || !slices.Equal(batch.RepositoriesNotFound, []string{"nowhere"}) {
			t.Errorf("%+v, %v", batch, err)
		}
		_, err = c.BatchGetRepositories(ctx, &sdk.BatchGetRepositoriesInput{RepositoryNames: []string{}})
		is(t, "batch of nothing", err, "RepositoryNamesRequired")

		gone, err := c.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: str("page")})
		if err != nil || aws.ToString(gone.RepositoryId) != *m.RepositoryId {
			t.Errorf("%+v, %v", gone, err)
		}
		gone, err = c.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: str("page")})
		if err != nil || gone.RepositoryId != nil {
			t.Errorf("deleting again: %+v, %v", gone, err)
		}
	})
}

func TestListRepositories(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		for _, n := range []string{"b", "a", "c"} {
			if _, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str(n)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, q := range []struct {
			by    types.SortByEnum
			order types.OrderEnum
			want  string
		}{{"", "", "a b c"}, {types.SortByEnumRepositoryName, types.OrderEnumDescending, "c b a"}, {types.SortByEnumModifiedDate, types.OrderEnumAscending, "b a c"}} {
			out, err := c.ListRepositories(ctx, &sdk.ListRepositoriesInput{SortBy: q.by, Order: q.order})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range out.Repositories {
				got = append(got, *r.RepositoryName)
			}
			if strings.Join(got, " ") != q.want || out.NextToken != nil {
				t.Errorf("by %q %q: %q, want %q", q.by, q.order, got, q.want)
			}
		}
		_, err := c.ListRepositories(ctx, &sdk.ListRepositoriesInput{SortBy: "size"})
		is(t, "sort by size", err, "InvalidSortBy")
		_, err = c.ListRepositories(ctx, &sdk.ListRepositoriesInput{Order: "random"})
		is(t, "random order", err, "InvalidOrder")
		for _, token := range []string{"x", "!", "YnJhbmNoZXM6MQ"} {
			_, err = c.ListRepositories(ctx, &sdk.ListRepositoriesInput{NextToken: str(token)})
			is(t, "token "+token, err, "InvalidContinuationToken")
		}
	})
}

func TestTags(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		made, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("site"), Tags: map[string]string{"a": "1", "b": "2"}})
		if err != nil {
			t.Fatal(err)
		}
		arn := made.RepositoryMetadata.Arn
		_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "3", "c": ""}})
		is(t, "tag", err, "")
		_, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "nope"}})
		is(t, "untag", err, "")
		out, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn})
		if err != nil || fmt.Sprint(out.Tags) != "map[b:3 c:]" {
			t.Errorf("%v, %v", out, err)
		}
		many := map[string]string{}
		for i := range 49 {
			many[fmt.Sprint("k", i)] = "v"
		}
		_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: many})
		is(t, "too many", err, "TooManyTags")
		_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{strings.Repeat("k", 129): ""}})
		is(t, "long key", err, "InvalidTagsMap")
		_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: str("")})
		is(t, "no ARN", err, "ResourceArnRequired")
		_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: str("arn:aws:s3:::site")})
		is(t, "another ARN", err, "InvalidResourceArn")
		_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: str(*arn + "x")})
		is(t, "nothing's ARN", err, "RepositoryDoesNotExist")
	})
}

// site makes a repository with one commit on main and returns the commit's id.
func site(t *testing.T, c operations) string {
	t.Helper()
	if _, err := c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: str("site")}); err != nil {
		t.Fatal(err)
	}
	out, err := c.PutFile(t.Context(), &sdk.PutFileInput{
		RepositoryName: str("site"), BranchName: str("main"), FilePath: str("docs/index.html"), FileContent: []byte("hello"),
		Name: str("Ada"), Email: str("ada@example.com"), CommitMessage: str("first"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.CommitId
}

func TestBranches(t *testing.T) {
	each(t, func(t *testing.T, c operations, repos *gitrepo.Store) {
		ctx := t.Context()
		id := site(t, c)
		create := func(branch, commit string) error {
			_, err := c.CreateBranch(ctx, &sdk.CreateBranchInput{RepositoryName: str("site"), BranchName: str(branch), CommitId: str(commit)})
			return err
		}
		is(t, "create", create("dev", id), "")
		is(t, "again", create("dev", id), "BranchNameExists")
		is(t, "below", create("dev/x", id), "InvalidBranchName")
		is(t, "no name", create("", id), "BranchNameRequired")
		is(t, "bad name", create("a..b", id), "InvalidBranchName")
		is(t, "no commit", create("x", ""), "CommitIdRequired")
		is(t, "bad commit", create("x", "HEAD"), "InvalidCommitId")
		is(t, "unknown commit", create("x", strings.Repeat("e", 40)), "CommitDoesNotExist")
		got, err := c.GetBranch(ctx, &sdk.GetBranchInput{RepositoryName: str("site"), BranchName: str("dev")})
		if err != nil || *got.Branch.CommitId != id || *got.Branch.BranchName != "dev" {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = c.GetBranch(ctx, &sdk.GetBranchInput{RepositoryName: str("site"), BranchName: str("nope")})
		is(t, "get nothing", err, "BranchDoesNotExist")
		list, err := c.ListBranches(ctx, &sdk.ListBranchesInput{RepositoryName: str("site")})
		if err != nil || !slices.Equal(list.Branches, []string{"dev", "main"}) {
			t.Errorf("%+v, %v", list, err)
		}
		_, err = c.DeleteBranch(ctx, &sdk.DeleteBranchInput{RepositoryName: str("site"), BranchName: str("main")})
		is(t, "delete the default", err, "DefaultBranchCannotBeDeleted")
		_, err = c.UpdateDefaultBranch(ctx, &sdk.UpdateDefaultBranchInput{RepositoryName: str("site"), DefaultBranchName: str("nope")})
		is(t, "default to nothing", err, "BranchDoesNotExist")
		_, err = c.UpdateDefaultBranch(ctx, &sdk.UpdateDefaultBranchInput{RepositoryName: str("site"), DefaultBranchName: str("dev")})
		is(t, "default", err, "")
		gone, err := c.DeleteBranch(ctx, &sdk.DeleteBranchInput{RepositoryName: str("site"), BranchName: str("main")})
		if err != nil || *gone.DeletedBranch.CommitId != id {
			t.Errorf("%+v, %v", gone, err)
		}
		gone, err = c.DeleteBranch(ctx, &sdk.DeleteBranchInput{RepositoryName: str("site"), BranchName: str("main")})
		if err != nil || gone.DeletedBranch != nil {
			t.Errorf("deleting again: %+v, %v", gone, err)
		}
		pushes, err := repos.Pushes(ctx, "site", 0, 10)
		if err != nil || len(pushes) != 3 || !pushes[2].Deleted {
			t.Errorf("push events %+v, %v", pushes, err)
		}
	})
}

func TestReading(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		id := site(t, c)
		got, err := c.GetCommit(ctx, &sdk.GetCommitInput{RepositoryName: str("site"), CommitId: str(id)})
		if err != nil {
			t.Fatal(err)
		}
		if m := got.Commit; *m.CommitId != id || *m.Message != "first\n" || *m.Author.Name != "Ada" || *m.Committer.Email != "ada@example.com" ||
			!strings.HasSuffix(*m.Author.Date, " +0000") || len(m.Parents) != 0 || aws.ToString(m.AdditionalData) != "" {
			t.Errorf("%+v", m)
		}
		for commit, exception := range map[string]string{"": "CommitIdRequired", "main": "InvalidCommitId", strings.Repeat("e", 40): "CommitIdDoesNotExist"} {
			_, err := c.GetCommit(ctx, &sdk.GetCommitInput{RepositoryName: str("site"), CommitId: str(commit)})
			is(t, "get commit "+commit, err, exception)
		}
		batch, err := c.BatchGetCommits(ctx, &sdk.BatchGetCommitsInput{RepositoryName: str("site"), CommitIds: []string{id, "x", strings.Repeat("e", 40)}})
		if err != nil || len(batch.Commits) != 1 || len(batch.Errors) != 2 {
			t.Errorf("%+v, %v", batch, err)
		}
		for _, spec := range []*string{nil, str("HEAD"), str("main"), str("refs/heads/main"), str(id)} {
			f, err := c.GetFile(ctx, &sdk.GetFileInput{RepositoryName: str("site"), CommitSpecifier: spec, FilePath: str("/docs/index.html")})
			if err != nil || string(f.FileContent) != "hello" || f.FileSize != 5 || f.FileMode != types.FileModeTypeEnumNormal || *f.CommitId != id || *f.FilePath != "docs/index.html" {
				t.Errorf("get file at %q: %+v, %v", aws.ToString(spec), f, err)
			}
		}
		for path, exception := range map[string]string{
			"": "PathRequired", "docs": "FileDoesNotExist", "nope": "FileDoesNotExist", "docs/index.html/x": "FileDoesNotExist", "../x": "InvalidPath",
			".git/config": "InvalidPath", "a\x00b": "InvalidPath", "a\\b": "InvalidPath", "//x": "InvalidPath",
		} {
			_, err := c.GetFile(ctx, &sdk.GetFileInput{RepositoryName: str("site"), FilePath: str(path)})
			is(t, "get file "+path, err, exception)
		}
		for spec, exception := range map[string]string{"nope": "CommitDoesNotExist", strings.Repeat("e", 40): "CommitDoesNotExist", "main~1": "InvalidCommit", "main:docs": "InvalidCommit", "--all": "CommitDoesNotExist"} {
			_, err := c.GetFile(ctx, &sdk.GetFileInput{RepositoryName: str("site"), CommitSpecifier: str(spec), FilePath: str("docs/index.html")})
			is(t, "get file at "+spec, err, exception)
		}
		for _, root := range []string{"", "/"} {
			f, err := c.GetFolder(ctx, &sdk.GetFolderInput{RepositoryName: str("site"), FolderPath: str(root)})
			if err != nil || len(f.SubFolders) != 1 || *f.SubFolders[0].AbsolutePath != "docs" || len(f.Files) != 0 || aws.ToString(f.TreeId) == "" {
				t.Errorf("get folder %q: %+v, %v", root, f, err)
			}
		}
		f, err := c.GetFolder(ctx, &sdk.GetFolderInput{RepositoryName: str("site"), FolderPath: str("docs")})
		if err != nil || len(f.Files) != 1 || *f.Files[0].AbsolutePath != "docs/index.html" || *f.Files[0].RelativePath != "index.html" {
			t.Fatalf("%+v, %v", f, err)
		}
		_, err = c.GetFolder(ctx, &sdk.GetFolderInput{RepositoryName: str("site"), FolderPath: str("docs/index.html")})
		is(t, "a file as folder", err, "FolderDoesNotExist")
		blob, err := c.GetBlob(ctx, &sdk.GetBlobInput{RepositoryName: str("site"), BlobId: f.Files[0].BlobId})
		if err != nil || string(blob.Content) != "hello" {
			t.Errorf("%+v, %v", blob, err)
		}
		_, err = c.GetBlob(ctx, &sdk.GetBlobInput{RepositoryName: str("site"), BlobId: str(id)})
		is(t, "a commit as blob", err, "BlobIdDoesNotExist")
		_, err = c.GetBlob(ctx, &sdk.GetBlobInput{RepositoryName: str("site"), BlobId: str("x")})
		is(t, "bad blob id", err, "InvalidBlobId")
	})
}

func TestPutFile(t *testing.T) {
	each(t, func(t *testing.T, c operations, repos *gitrepo.Store) {
		ctx := t.Context()
		first := site(t, c)
		put := func(change func(*sdk.PutFileInput)) (*sdk.PutFileOutput, error) {
			in := &sdk.PutFileInput{RepositoryName: str("site"), BranchName: str("main"), ParentCommitId: str(first), FilePath: str("x"), FileContent: []byte("x")}
			change(in)
			return c.PutFile(ctx, in)
		}
		for name, bad := range map[string]struct {
			change    func(*sdk.PutFileInput)
			exception string
		}{
			"no parent":         {func(in *sdk.PutFileInput) { in.ParentCommitId = nil }, "ParentCommitIdRequired"},
			"bad parent":        {func(in *sdk.PutFileInput) { in.ParentCommitId = str("main") }, "InvalidParentCommitId"},
			"unknown parent":    {func(in *sdk.PutFileInput) { in.ParentCommitId = str(strings.Repeat("e", 40)) }, "ParentCommitDoesNotExist"},
			"unknown branch":    {func(in *sdk.PutFileInput) { in.BranchName = str("nope") }, "BranchDoesNotExist"},
			"same content":      {func(in *sdk.PutFileInput) { in.FilePath, in.FileContent = str("docs/index.html"), []byte("hello") }, "SameFileContent"},
			"file over folder":  {func(in *sdk.PutFileInput) { in.FilePath = str("docs") }, "FileNameConflictsWithDirectoryName"},
			"folder over file":  {func(in *sdk.PutFileInput) { in.FilePath = str("docs/index.html/x") }, "DirectoryNameConflictsWithFileName"},
			"up":                {func(in *sdk.PutFileInput) { in.FilePath = str("../x") }, "InvalidPath"},
			"absolute":          {func(in *sdk.PutFileInput) { in.FilePath = str("/x") }, "InvalidPath"},
			"dot git":           {func(in *sdk.PutFileInput) { in.FilePath = str(".git/hooks/post-update") }, "InvalidPath"},
			"no path":           {func(in *sdk.PutFileInput) { in.FilePath = str("") }, "PathRequired"},
			"too large":         {func(in *sdk.PutFileInput) { in.FileContent = make([]byte, 6<<20+1) }, "FileContentSizeLimitExceeded"},
			"bad mode":          {func(in *sdk.PutFileInput) { in.FileMode = "SETUID" }, "InvalidFileMode"},
			"bad email":         {func(in *sdk.PutFileInput) { in.Email = str("a>b") }, "InvalidEmail"},
			"long name":         {func(in *sdk.PutFileInput) { in.Name = str(strings.Repeat("x", 300)) }, "NameLengthExceeded"},
			"long message":      {func(in *sdk.PutFileInput) { in.CommitMessage = str(strings.Repeat("x", 200<<10)) }, "CommitMessageLengthExceeded"},
			"missing site":      {func(in *sdk.PutFileInput) { in.RepositoryName = str("nowhere") }, "RepositoryDoesNotExist"},
			"branch like flags": {func(in *sdk.PutFileInput) { in.BranchName = str("--stdin") }, "InvalidBranchName"},
		} {
			_, err := put(bad.change)
			is(t, name, err, bad.exception)
		}
		out, err := put(func(in *sdk.PutFileInput) { in.FileMode = types.FileModeTypeEnumExecutable })
		if err != nil {
			t.Fatal(err)
		}
		_, err = put(func(*sdk.PutFileInput) {})
		is(t, "outdated", err, "ParentCommitIdOutdated")
		file, err := c.GetFile(ctx, &sdk.GetFileInput{RepositoryName: str("site"), FilePath: str("x")})
		if err != nil || *file.BlobId != *out.BlobId || file.FileMode != types.FileModeTypeEnumExecutable {
			t.Errorf("%+v, %v", file, err)
		}
		commit, err := repos.Head(ctx, "site", "main")
		if err != nil || commit.ID != *out.CommitId || commit.Tree != *out.TreeId || commit.Message != "Edited x\n" {
			t.Errorf("%+v, %v", commit, err)
		}
		gone, err := c.DeleteFile(ctx, &sdk.DeleteFileInput{RepositoryName: str("site"), BranchName: str("main"), ParentCommitId: out.CommitId, FilePath: str("x")})
		if err != nil || *gone.BlobId != *out.BlobId || *gone.FilePath != "x" {
			t.Errorf("%+v, %v", gone, err)
		}
	})
}

func TestCreateCommitAndDifferences(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		first := site(t, c)
		commit := func(change func(*sdk.CreateCommitInput)) (*sdk.CreateCommitOutput, error) {
			in := &sdk.CreateCommitInput{RepositoryName: str("site"), BranchName: str("main"), ParentCommitId: str(first), AuthorName: str("Ada")}
			change(in)
			return c.CreateCommit(ctx, in)
		}
		entry := func(path, content string) types.PutFileEntry {
			return types.PutFileEntry{FilePath: str(path), FileContent: []byte(content)}
		}
		for name, bad := range map[string]struct {
			change    func(*sdk.CreateCommitInput)
			exception string
		}{
			"nothing":        {func(*sdk.CreateCommitInput) {}, "FileEntryRequired"},
			"no content":     {func(in *sdk.CreateCommitInput) { in.PutFiles = []types.PutFileEntry{{FilePath: str("x")}} }, "SourceFileOrContentRequired"},
			"same path":      {func(in *sdk.CreateCommitInput) { in.PutFiles = []types.PutFileEntry{entry("x", "1"), entry("x", "2")} }, "SamePathRequest"},
			"no change":      {func(in *sdk.CreateCommitInput) { in.PutFiles = []types.PutFileEntry{entry("docs/index.html", "hello")} }, "NoChange"},
			"delete nothing": {func(in *sdk.CreateCommitInput) { in.DeleteFiles = []types.DeleteFileEntry{{FilePath: str("nope")}} }, "FileDoesNotExist"},
			"bad mode": {func(in *sdk.CreateCommitInput) {
				in.SetFileModes = []types.SetFileModeEntry{{FilePath: str("docs/index.html"), FileMode: "ALL"}}
			}, "InvalidFileMode"},
			"up": {func(in *sdk.CreateCommitInput) { in.PutFiles = []types.PutFileEntry{entry("a/../../x", "1")} }, "InvalidPath"},
			"no source": {func(in *sdk.CreateCommitInput) {
				in.PutFiles = []types.PutFileEntry{{FilePath: str("x"), SourceFile: &types.SourceFileSpecifier{FilePath: str("nope")}}}
			}, "FileDoesNotExist"},
			"too many": {func(in *sdk.CreateCommitInput) {
				for i := range 101 {
					in.PutFiles = append(in.PutFiles, entry(fmt.Sprint(i), "x"))
				}
			}, "MaximumFileEntriesExceeded"},
		} {
			_, err := commit(bad.change)
			is(t, name, err, bad.exception)
		}
		out, err := commit(func(in *sdk.CreateCommitInput) {
			in.PutFiles = []types.PutFileEntry{
				entry("new.txt", "new"), {FilePath: str("moved.html"), SourceFile: &types.SourceFileSpecifier{FilePath: str("docs/index.html"), IsMove: true}},
			}
			in.KeepEmptyFolders = true
		})
		if err != nil {
			t.Fatal(err)
		}
		paths := func(files []types.FileMetadata) string {
			var all []string
			for _, f := range files {
				all = append(all, *f.AbsolutePath)
			}
			return strings.Join(all, " ")
		}
		if paths(out.FilesAdded) != "docs/.gitkeep moved.html new.txt" || paths(out.FilesDeleted) != "docs/index.html" || len(out.FilesUpdated) != 0 {
			t.Errorf("%+v", out)
		}
		differ := func(change func(*sdk.GetDifferencesInput)) (string, *sdk.GetDifferencesOutput, error) {
			in := &sdk.GetDifferencesInput{RepositoryName: str("site"), BeforeCommitSpecifier: str(first), AfterCommitSpecifier: str("main")}
			change(in)
			out, err := c.GetDifferences(ctx, in)
			if err != nil {
				return "", nil, err
			}
			var all []string
			for _, d := range out.Differences {
				path := ""
				if d.AfterBlob != nil {
					path = *d.AfterBlob.Path
				} else {
					path = *d.BeforeBlob.Path
				}
				all = append(all, fmt.Sprintf("%s:%s", d.ChangeType, path))
			}
			return strings.Join(all, " "), out, nil
		}
		for _, q := range []struct {
			name   string
			change func(*sdk.GetDifferencesInput)
			want   string
		}{
			{"all", func(*sdk.GetDifferencesInput) {}, "A:docs/.gitkeep D:docs/index.html A:moved.html A:new.txt"},
			{"from nothing", func(in *sdk.GetDifferencesInput) { in.BeforeCommitSpecifier = nil }, "A:docs/.gitkeep A:moved.html A:new.txt"},
			{"in a folder", func(in *sdk.GetDifferencesInput) { in.AfterPath = str("docs") }, "A:docs/.gitkeep D:docs/index.html"},
			{"of a file", func(in *sdk.GetDifferencesInput) { in.AfterPath = str("new.txt") }, "A:new.txt"},
			{"of a removed file", func(in *sdk.GetDifferencesInput) { in.BeforePath = str("docs/index.html") }, "D:docs/index.html"},
			{"of two files", func(in *sdk.GetDifferencesInput) {
				in.BeforePath, in.AfterPath = str("docs/index.html"), str("new.txt")
			}, "M:new.txt"},
		} {
			if got, _, err := differ(q.change); err != nil || got != q.want {
				t.Errorf("%s: %s, %v; want %s", q.name, got, err, q.want)
			}
		}
		var paged []string
		token := (*string)(nil)
		for {
			got, out, err := differ(func(in *sdk.GetDifferencesInput) { in.MaxResults, in.NextToken = aws.Int32(3), token })
			if err != nil {
				t.Fatal(err)
			}
			paged = append(paged, got)
			if token = out.NextToken; token == nil {
				break
			}
		}
		if strings.Join(paged, "|") != "A:docs/.gitkeep D:docs/index.html A:moved.html|A:new.txt" {
			t.Errorf("pages %q", paged)
		}
		_, _, err = differ(func(in *sdk.GetDifferencesInput) { in.AfterPath = str("nope") })
		is(t, "no path", err, "PathDoesNotExist")
		_, _, err = differ(func(in *sdk.GetDifferencesInput) { in.MaxResults = aws.Int32(0) })
		is(t, "no results", err, "InvalidMaxResults")
		_, _, err = differ(func(in *sdk.GetDifferencesInput) { in.AfterCommitSpecifier = str("nope") })
		is(t, "no commit", err, "CommitDoesNotExist")
		_, _, err = differ(func(in *sdk.GetDifferencesInput) { in.NextToken = str("x") })
		is(t, "bad token", err, "InvalidContinuationToken")
	})
}

// Whoever commits without saying who they are is known by their identity; the push event names them.
func TestWhoCommits(t *testing.T) {
	each(t, func(t *testing.T, c operations, repos *gitrepo.Store) {
		if _, process := c.(overHTTP); !process {
			t.Skip("there is no caller in process")
		}
		ctx := t.Context()
		first := site(t, c)
		if _, err := c.PutFile(ctx, &sdk.PutFileInput{RepositoryName: str("site"), BranchName: str("main"), ParentCommitId: str(first), FilePath: str("f"), FileContent: []byte{}}); err != nil {
			t.Fatal(err)
		}
		head, err := repos.Head(ctx, "site", "main")
		if err != nil || head.AuthorName != "root" {
			t.Errorf("author %q, %v", head.AuthorName, err)
		}
		pushes, err := repos.Pushes(ctx, "site", 0, 10)
		if err != nil || pushes[1].PusherArn != rootArn {
			t.Errorf("%+v, %v", pushes, err)
		}
	})
}
