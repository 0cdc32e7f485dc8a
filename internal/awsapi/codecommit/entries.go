package codecommit

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// What requests that make commits and requests that resolve the conflicts of merges say of files in the same way.

// writtenFile checks a file that a request gives content.
func writtenFile(path *string, m types.FileModeTypeEnum, content []byte) (string, uint32, error) {
	p, err := writePath(path)
	mode, merr := modeOf(m)
	if err = errors.Join(err, merr, checkSize(content)); err != nil {
		return "", 0, firstOf(err)
	}
	return p, mode, nil
}

// deletionsAndModes are the changes that delete files and that only set their modes.
func deletionsAndModes(deletions []types.DeleteFileEntry, modes []types.SetFileModeEntry) ([]gitrepo.Change, error) {
	var all []gitrepo.Change
	for _, f := range deletions {
		p, err := writePath(f.FilePath)
		if err != nil {
			return nil, err
		}
		all = append(all, gitrepo.Change{Path: p, Delete: true})
	}
	for _, f := range modes {
		p, err := writePath(f.FilePath)
		if err != nil {
			return nil, err
		}
		if f.FileMode == "" {
			return nil, &types.FileModeRequiredException{Message: text("The mode of the file %s must be specified.", p)}
		}
		mode, err := modeOf(f.FileMode)
		if err != nil {
			return nil, err
		}
		all = append(all, gitrepo.Change{Path: p, Mode: mode})
	}
	return all, nil
}

// writePath checks the path of a file to be written. Unlike one to be read, it must be relative.
func writePath(p *string) (string, error) {
	if aws.ToString(p) == "" {
		return "", pathRequired()
	}
	clean, err := gitrepo.CleanPath(*p)
	if err == nil && clean != *p {
		err = errors.New("it must not end in a slash")
	}
	if err != nil {
		return "", invalidPath(*p, err)
	}
	return clean, nil
}

// modeOf reads a file mode, 0 when none is given.
func modeOf(m types.FileModeTypeEnum) (uint32, error) {
	switch m {
	case "":
		return 0, nil
	case types.FileModeTypeEnumNormal:
		return gitrepo.ModeFile, nil
	case types.FileModeTypeEnumExecutable:
		return gitrepo.ModeExecutable, nil
	case types.FileModeTypeEnumSymlink:
		return gitrepo.ModeSymlink, nil
	}
	return 0, &types.InvalidFileModeException{Message: text("%q is not a file mode; use EXECUTABLE, NORMAL or SYMLINK.", m)}
}

func checkSize(content []byte) error {
	if len(content) > maxFile {
		return &types.FileContentSizeLimitExceededException{Message: text("The file is larger than %d bytes; push it with git.", maxFile)}
	}
	return nil
}

// firstOf is the first of joined errors: a request is told one thing at a time.
func firstOf(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()[0]
	}
	return err
}
