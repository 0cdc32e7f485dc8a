package codecommit

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// maxFile is the largest file that is read or written through the API.
const maxFile = 6 << 20

// readPath checks the path of a file to be read. It may begin with the slash of the root.
func readPath(p *string) (string, error) {
	if aws.ToString(p) == "" {
		return "", pathRequired()
	}
	clean, err := gitrepo.CleanPath(strings.TrimPrefix(*p, "/"))
	if err != nil {
		return "", invalidPath(*p, err)
	}
	return clean, nil
}

// folderPath checks the path of a folder to be read; "" and "/" are the root.
func folderPath(p string) (string, error) {
	if p == "" || p == "/" {
		return "", nil
	}
	return readPath(&p)
}

// fileMode is a mode as the API shows it.
func fileMode(mode uint32) types.FileModeTypeEnum {
	switch mode {
	case gitrepo.ModeExecutable:
		return types.FileModeTypeEnumExecutable
	case gitrepo.ModeSymlink:
		return types.FileModeTypeEnumSymlink
	}
	return types.FileModeTypeEnumNormal
}

// GetBlob implements the operation.
func (s *Service) GetBlob(ctx context.Context, in *sdk.GetBlobInput) (*sdk.GetBlobOutput, error) {
	if _, err := repositoryName(in.RepositoryName); err != nil {
		return nil, err
	}
	id := aws.ToString(in.BlobId)
	switch {
	case id == "":
		return nil, &types.BlobIdRequiredException{Message: text("The blob id must be specified.")}
	case !gitrepo.ValidID(id):
		return nil, &types.InvalidBlobIdException{Message: text("%q is not a full blob id.", id)}
	}
	var out sdk.GetBlobOutput
	err := s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		var err error
		out.Content, err = blob(v, id)
		if errors.Is(err, gitrepo.ErrNoPath) {
			err = &types.BlobIdDoesNotExistException{Message: text("Blob %s does not exist", id)}
		}
		return err
	})
	return &out, err
}

// blob reads a blob of a size that may be read through the API.
func blob(v *gitrepo.View, id string) ([]byte, error) {
	data, err := v.Blob(id, maxFile)
	if errors.Is(err, gitrepo.ErrTooLarge) {
		return nil, &types.FileTooLargeException{Message: text("The file is larger than %d bytes; clone the repository to read it.", maxFile)}
	}
	return data, err
}

// GetFile implements the operation.
func (s *Service) GetFile(ctx context.Context, in *sdk.GetFileInput) (*sdk.GetFileOutput, error) {
	if _, err := repositoryName(in.RepositoryName); err != nil {
		return nil, err
	}
	p, err := readPath(in.FilePath)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetFileOutput{FilePath: aws.String(p)}
	err = s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		c, err := resolve(v, aws.ToString(in.CommitSpecifier))
		if err != nil {
			return err
		}
		e, err := v.Lookup(c.Tree, p)
		if errors.Is(err, gitrepo.ErrNoPath) || (err == nil && (e.Mode == gitrepo.ModeFolder || e.Mode == gitrepo.ModeSubmodule)) {
			return fileDoesNotExist(p)
		}
		if err != nil {
			return err
		}
		out.CommitId, out.BlobId, out.FileMode = aws.String(c.ID), aws.String(e.ID), fileMode(e.Mode)
		out.FileContent, err = blob(v, e.ID)
		out.FileSize = int64(len(out.FileContent))
		return err
	})
	return out, err
}

// GetFolder implements the operation.
func (s *Service) GetFolder(ctx context.Context, in *sdk.GetFolderInput) (*sdk.GetFolderOutput, error) {
	if _, err := repositoryName(in.RepositoryName); err != nil {
		return nil, err
	}
	if in.FolderPath == nil {
		return nil, pathRequired()
	}
	p, err := folderPath(*in.FolderPath)
	if err != nil {
		return nil, err
	}
	var out *sdk.GetFolderOutput
	err = s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		c, err := resolve(v, aws.ToString(in.CommitSpecifier))
		if err != nil {
			return err
		}
		e, err := v.Lookup(c.Tree, p)
		if errors.Is(err, gitrepo.ErrNoPath) || (err == nil && e.Mode != gitrepo.ModeFolder) {
			return &types.FolderDoesNotExistException{Message: text("Could not find path %s", p)}
		}
		if err != nil {
			return err
		}
		entries, err := v.Folder(e.ID)
		out = folder(p, entries)
		out.CommitId, out.TreeId = aws.String(c.ID), aws.String(e.ID)
		return err
	})
	return out, err
}

// folder is a folder's content as the API shows it.
func folder(at string, entries []gitrepo.Entry) *sdk.GetFolderOutput {
	out := &sdk.GetFolderOutput{
		FolderPath: aws.String(at), Files: []types.File{}, SubFolders: []types.Folder{}, SubModules: []types.SubModule{}, SymbolicLinks: []types.SymbolicLink{},
	}
	for _, e := range entries {
		absolute, relative, id := aws.String(path.Join(at, e.Name)), aws.String(e.Name), aws.String(e.ID)
		switch e.Mode {
		case gitrepo.ModeFolder:
			out.SubFolders = append(out.SubFolders, types.Folder{AbsolutePath: absolute, RelativePath: relative, TreeId: id})
		case gitrepo.ModeSubmodule:
			out.SubModules = append(out.SubModules, types.SubModule{AbsolutePath: absolute, RelativePath: relative, CommitId: id})
		case gitrepo.ModeSymlink:
			out.SymbolicLinks = append(out.SymbolicLinks, types.SymbolicLink{AbsolutePath: absolute, RelativePath: relative, BlobId: id, FileMode: fileMode(e.Mode)})
		default:
			out.Files = append(out.Files, types.File{AbsolutePath: absolute, RelativePath: relative, BlobId: id, FileMode: fileMode(e.Mode)})
		}
	}
	return out
}
