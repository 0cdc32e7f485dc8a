package codecommit

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

const (
	maxEntries      = 100      // files of one commit
	maxCommitFiles  = 20 << 20 // bytes of all files of one commit
	maxMessage      = 100 << 10
	maxName         = 256
	defaultMailHost = "codecommit.invalid"
)

// PutFile implements the operation.
func (s *Service) PutFile(ctx context.Context, in *sdk.PutFileInput) (*sdk.PutFileOutput, error) {
	p, mode, err := writtenFile(in.FilePath, in.FileMode, in.FileContent)
	if err == nil && in.FileContent == nil {
		err = &types.FileContentRequiredException{Message: text("The content of the file must be specified.")}
	}
	if err != nil {
		return nil, err
	}
	e, err := s.edit(ctx, target{in.RepositoryName, in.BranchName, in.ParentCommitId}, author{in.Name, in.Email, in.CommitMessage})
	if err != nil {
		return nil, err
	}
	if e.Message == "" {
		e.Message = "Edited " + p
	}
	e.Changes = []gitrepo.Change{{Path: p, Mode: mode, Content: in.FileContent}}
	made, err := s.apply(ctx, in.RepositoryName, e)
	if errors.Is(err, gitrepo.ErrNoChange) {
		return nil, &types.SameFileContentException{Message: text("The file %s has this content already.", p)}
	}
	if err != nil {
		return nil, err
	}
	return &sdk.PutFileOutput{CommitId: aws.String(made.Commit), TreeId: aws.String(made.Tree), BlobId: aws.String(made.File(p).ID)}, nil
}

// DeleteFile implements the operation.
func (s *Service) DeleteFile(ctx context.Context, in *sdk.DeleteFileInput) (*sdk.DeleteFileOutput, error) {
	p, err := writePath(in.FilePath)
	if err != nil {
		return nil, err
	}
	e, err := s.edit(ctx, target{in.RepositoryName, in.BranchName, in.ParentCommitId}, author{in.Name, in.Email, in.CommitMessage})
	if err != nil {
		return nil, err
	}
	if e.Message == "" {
		e.Message = "Deleted " + p
	}
	e.KeepFolders = in.KeepEmptyFolders
	e.Changes = []gitrepo.Change{{Path: p, Delete: true}}
	made, err := s.apply(ctx, in.RepositoryName, e)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteFileOutput{
		CommitId: aws.String(made.Commit), TreeId: aws.String(made.Tree), BlobId: aws.String(made.File(p).ID), FilePath: aws.String(p),
	}, nil
}

// CreateCommit implements the operation.
func (s *Service) CreateCommit(ctx context.Context, in *sdk.CreateCommitInput) (*sdk.CreateCommitOutput, error) {
	if err := checkEntries(in); err != nil {
		return nil, err
	}
	e, err := s.edit(ctx, target{in.RepositoryName, in.BranchName, in.ParentCommitId}, author{in.AuthorName, in.Email, in.CommitMessage})
	if err != nil {
		return nil, err
	}
	if e.Message == "" {
		e.Message = "Changed files"
	}
	e.KeepFolders = in.KeepEmptyFolders
	if e.Changes, err = s.changes(ctx, in); err != nil {
		return nil, err
	}
	made, err := s.apply(ctx, in.RepositoryName, e)
	if errors.Is(err, gitrepo.ErrNoChange) {
		return nil, &types.NoChangeException{Message: text("The commit would not change any file.")}
	}
	if err != nil {
		return nil, err
	}
	out := &sdk.CreateCommitOutput{
		CommitId: aws.String(made.Commit), TreeId: aws.String(made.Tree),
		FilesAdded: []types.FileMetadata{}, FilesUpdated: []types.FileMetadata{}, FilesDeleted: []types.FileMetadata{},
	}
	for _, f := range made.Files {
		m := types.FileMetadata{AbsolutePath: aws.String(f.Path), BlobId: aws.String(f.ID), FileMode: fileMode(f.Mode)}
		switch {
		case f.Deleted:
			out.FilesDeleted = append(out.FilesDeleted, m)
		case f.Added:
			out.FilesAdded = append(out.FilesAdded, m)
		default:
			out.FilesUpdated = append(out.FilesUpdated, m)
		}
	}
	return out, nil
}

// target is where a commit goes, author who makes it, in the words of the request.
type (
	target struct{ repository, branch, parent *string }
	author struct{ name, email, message *string }
)

// edit checks where a commit goes and who makes it.
func (s *Service) edit(ctx context.Context, to target, by author) (gitrepo.Edit, error) {
	r, branch, err := s.branch(ctx, to.repository, to.branch)
	if err != nil {
		return gitrepo.Edit{}, err
	}
	name, email, err := by.signature(ctx)
	if err != nil {
		return gitrepo.Edit{}, err
	}
	if err := s.checkParent(ctx, r, branch, aws.ToString(to.parent)); err != nil {
		return gitrepo.Edit{}, err
	}
	return gitrepo.Edit{
		Branch: branch, Parent: aws.ToString(to.parent), AuthorName: name, AuthorEmail: email,
		Message: aws.ToString(by.message), At: s.opts.Now(), PusherArn: caller(ctx),
	}, nil
}

// signature checks an author, and is the name and the address that the commit gets: the caller's where the request gives none.
func (a author) signature(ctx context.Context) (name, email string, err error) {
	name, email = aws.ToString(a.name), aws.ToString(a.email)
	switch message := aws.ToString(a.message); {
	case utf8.RuneCountInString(name) > maxName:
		return "", "", &types.NameLengthExceededException{Message: text("The name is longer than %d characters.", maxName)}
	case utf8.RuneCountInString(email) > maxName || strings.ContainsAny(email, "<>\n\r\x00"):
		return "", "", &types.InvalidEmailException{Message: text("The email address is not valid.")}
	case len(message) > maxMessage:
		return "", "", &types.CommitMessageLengthExceededException{Message: text("The commit message is longer than %d bytes.", maxMessage)}
	}
	if name == "" {
		arn := awsapi.Caller(ctx).Arn
		name = arn[strings.LastIndexAny(arn, ":/")+1:]
	}
	if email == "" {
		email = name + "@" + defaultMailHost
	}
	return name, email, nil
}

// checkParent checks the commit to build upon: it must be the tip of the branch, and absent only for the first commit of
// an empty repository.
func (s *Service) checkParent(ctx context.Context, r gitrepo.Repository, branch, parent string) error {
	if parent != "" && !gitrepo.ValidID(parent) {
		return &types.InvalidParentCommitIdException{Message: text("%q is not a full commit id.", parent)}
	}
	tip, err := s.repos.Head(ctx, r.Name, branch)
	if errors.Is(err, gitrepo.ErrNoRef) {
		return s.checkNewBranch(ctx, r, branch, parent)
	}
	switch {
	case err != nil:
		return missing(err, r.Name)
	case parent == "":
		return &types.ParentCommitIdRequiredException{Message: text("The parent commit id must be specified, because the branch %s exists.", branch)}
	case parent == tip.ID:
		return nil
	}
	if _, err := s.repos.Commit(ctx, r.Name, parent); errors.Is(err, gitrepo.ErrNoRef) {
		return &types.ParentCommitDoesNotExistException{Message: text("The parent commit %s does not exist", parent)}
	}
	return parentOutdated(branch, parent)
}

// checkNewBranch allows a commit on a branch that does not exist only as the first of a repository.
func (s *Service) checkNewBranch(ctx context.Context, r gitrepo.Repository, branch, parent string) error {
	all, err := s.repos.Branches(ctx, r.Name)
	switch {
	case err != nil:
		return missing(err, r.Name)
	case len(all) > 0:
		var tagged bool
		err := s.repos.View(ctx, r.Name, func(v *gitrepo.View) error {
			_, err := v.Resolve("refs/tags/" + branch)
			tagged = err == nil
			return nil
		})
		if err == nil && tagged {
			return &types.BranchNameIsTagNameException{Message: text("%s is the name of a tag.", branch)}
		}
		return branchDoesNotExist(branch)
	case parent != "":
		return &types.ParentCommitDoesNotExistException{Message: text("The parent commit %s does not exist", parent)}
	}
	return nil
}

func parentOutdated(branch, parent string) error {
	return &types.ParentCommitIdOutdatedException{Message: text("The parent commit %s is not the tip of the branch %s; the branch has moved on.", parent, branch)}
}

// apply makes the commit.
func (s *Service) apply(ctx context.Context, repository *string, e gitrepo.Edit) (gitrepo.Edited, error) {
	made, err := s.repos.Apply(ctx, *repository, e)
	if err == nil {
		return made, nil
	}
	var at *gitrepo.PathError
	switch {
	case errors.Is(err, gitrepo.ErrOutdated):
		return made, parentOutdated(e.Branch, e.Parent)
	case errors.Is(err, gitrepo.ErrBadBranch):
		return made, &types.InvalidBranchNameException{Message: text("The branch %s cannot be written: %v", e.Branch, err)}
	case errors.Is(err, gitrepo.ErrBusy):
		return made, &types.ConcurrentReferenceUpdateException{Message: text("Another update of the branch %s was under way. Try again.", e.Branch)}
	case errors.As(err, &at):
		return made, pathException(at)
	}
	return made, missing(err, *repository)
}

func pathException(at *gitrepo.PathError) error {
	switch {
	case errors.Is(at, gitrepo.ErrNoPath):
		return fileDoesNotExist(at.Path)
	case errors.Is(at, gitrepo.ErrIsFolder):
		return &types.FileNameConflictsWithDirectoryNameException{Message: text("%s is a folder.", at.Path)}
	case errors.Is(at, gitrepo.ErrUnderFile):
		return &types.DirectoryNameConflictsWithFileNameException{Message: text("A folder of the path %s is a file.", at.Path)}
	case errors.Is(at, gitrepo.ErrIsSubmodule):
		return &types.FilePathConflictsWithSubmodulePathException{Message: text("%s is, or lies in, a submodule.", at.Path)}
	case errors.Is(at, gitrepo.ErrTwice):
		return &types.SamePathRequestException{Message: text("The path %s is given more than once.", at.Path)}
	case errors.Is(at, gitrepo.ErrBadPath):
		return invalidPath(at.Path, at.Err)
	}
	return at
}

// checkEntries checks a CreateCommit request as far as it can be judged by itself.
func checkEntries(in *sdk.CreateCommitInput) error {
	n := len(in.PutFiles) + len(in.DeleteFiles) + len(in.SetFileModes)
	switch {
	case n == 0:
		return &types.FileEntryRequiredException{Message: text("At least one file must be put, deleted or given a mode.")}
	case n > maxEntries:
		return &types.MaximumFileEntriesExceededException{Message: text("A commit can change at most %d files.", maxEntries)}
	}
	total := 0
	for _, f := range in.PutFiles {
		if _, _, err := writtenFile(f.FilePath, f.FileMode, f.FileContent); err != nil {
			return err
		}
		switch {
		case f.FileContent == nil && f.SourceFile == nil:
			return &types.SourceFileOrContentRequiredException{Message: text("The file %s needs content or a source file.", *f.FilePath)}
		case f.FileContent != nil && f.SourceFile != nil:
			return &types.FileContentAndSourceFileSpecifiedException{Message: text("The file %s has both content and a source file.", *f.FilePath)}
		}
		total += len(f.FileContent)
	}
	if total > maxCommitFiles {
		return &types.FolderContentSizeLimitExceededException{Message: text("The files of the commit are larger than %d bytes together; push them with git.", maxCommitFiles)}
	}
	return nil
}

// changes turns a CreateCommit request into the changes of an edit.
func (s *Service) changes(ctx context.Context, in *sdk.CreateCommitInput) ([]gitrepo.Change, error) {
	all, err := deletionsAndModes(in.DeleteFiles, in.SetFileModes)
	if err != nil {
		return nil, err
	}
	for _, f := range in.PutFiles {
		mode, _ := modeOf(f.FileMode)
		c := gitrepo.Change{Path: *f.FilePath, Mode: mode, Content: f.FileContent}
		if f.SourceFile != nil {
			source, err := s.source(ctx, in, f.SourceFile)
			if err != nil {
				return nil, err
			}
			c.Blob = source.ID
			if c.Mode == 0 {
				c.Mode = source.Mode
			}
			if f.SourceFile.IsMove {
				all = append(all, gitrepo.Change{Path: *f.SourceFile.FilePath, Delete: true})
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// source finds the file that is copied or moved.
func (s *Service) source(ctx context.Context, in *sdk.CreateCommitInput, f *types.SourceFileSpecifier) (gitrepo.Entry, error) {
	p, err := writePath(f.FilePath)
	if err != nil {
		return gitrepo.Entry{}, err
	}
	if aws.ToString(in.ParentCommitId) == "" {
		return gitrepo.Entry{}, fileDoesNotExist(p)
	}
	var e gitrepo.Entry
	err = s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		c, err := resolve(v, *in.ParentCommitId)
		if err != nil {
			return err
		}
		e, err = v.Lookup(c.Tree, p)
		if errors.Is(err, gitrepo.ErrNoPath) || (err == nil && (e.Mode == gitrepo.ModeFolder || e.Mode == gitrepo.ModeSubmodule)) {
			return fileDoesNotExist(p)
		}
		return err
	})
	return e, err
}
