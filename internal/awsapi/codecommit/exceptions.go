package codecommit

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
)

// text is the message of an exception.
func text(format string, args ...any) *string { return aws.String(fmt.Sprintf(format, args...)) }

// The exceptions that several operations answer with.

func repositoryNameRequired() error {
	return &types.RepositoryNameRequiredException{Message: text("The repository name must be specified.")}
}

func invalidRepositoryName(name string) error {
	return &types.InvalidRepositoryNameException{Message: text("The repository name %q is not valid. A name is 1 to 100 letters, digits, periods, underscores and dashes, and does not end with .git.", name)}
}

func repositoryDoesNotExist(name string) error {
	return &types.RepositoryDoesNotExistException{Message: text("%s does not exist", name)}
}

func repositoryNameExists(name string) error {
	return &types.RepositoryNameExistsException{Message: text("Repository named %s already exists", name)}
}

func branchNameRequired() error {
	return &types.BranchNameRequiredException{Message: text("The branch name must be specified.")}
}

func invalidBranchName(name string) error {
	return &types.InvalidBranchNameException{Message: text("The branch name %q is not valid.", name)}
}

func branchDoesNotExist(name string) error {
	return &types.BranchDoesNotExistException{Message: text("Branch %s does not exist", name)}
}

func commitDoesNotExist(spec string) error {
	return &types.CommitDoesNotExistException{Message: text("Commit %s does not exist", spec)}
}

func pathRequired() error {
	return &types.PathRequiredException{Message: text("The path must be specified.")}
}

func invalidPath(path string, why error) error {
	return &types.InvalidPathException{Message: text("The path %q is not valid: %v", path, why)}
}

func fileDoesNotExist(path string) error {
	return &types.FileDoesNotExistException{Message: text("Could not find path %s", path)}
}

func invalidToken() error {
	return &types.InvalidContinuationTokenException{Message: text("The continuation token is not valid.")}
}
