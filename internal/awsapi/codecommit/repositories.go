package codecommit

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

const (
	maxDescription = 1000
	maxNames       = 100  // of BatchGetRepositories and BatchGetCommits
	namesPerPage   = 1000 // of ListRepositories and ListBranches
)

var kmsKeyPattern = regexp.MustCompile(`^[a-zA-Z0-9:/_-]+$`)

// metadata is a repository as the API shows it. There is no address for SSH.
func (s *Service) metadata(r gitrepo.Repository) *types.RepositoryMetadata {
	return &types.RepositoryMetadata{
		AccountId:             aws.String(s.opts.Place.Account),
		Arn:                   aws.String(s.opts.Place.ARN("codecommit", r.Name)),
		CloneUrlHttp:          aws.String(s.opts.PublicURL + gitrepo.URLPrefix + r.Name),
		CreationDate:          aws.Time(r.Created),
		DefaultBranch:         filled(r.DefaultBranch),
		KmsKeyId:              filled(r.KMSKey),
		LastModifiedDate:      aws.Time(r.Modified),
		RepositoryDescription: filled(r.Description),
		RepositoryId:          aws.String(r.ID),
		RepositoryName:        aws.String(r.Name),
	}
}

// filled is nil for "".
func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// CreateRepository implements the operation.
func (s *Service) CreateRepository(ctx context.Context, in *sdk.CreateRepositoryInput) (*sdk.CreateRepositoryOutput, error) {
	name, err := repositoryName(in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkDescription(in.RepositoryDescription), checkKey(in.KmsKeyId), checkTags(in.Tags)); err != nil {
		return nil, firstOf(err)
	}
	r, err := s.repos.Create(ctx, gitrepo.Repository{
		Name: name, Description: aws.ToString(in.RepositoryDescription), KMSKey: aws.ToString(in.KmsKeyId), Tags: in.Tags,
	})
	if errors.Is(err, gitrepo.ErrRepositoryExists) {
		return nil, repositoryNameExists(name)
	}
	if err != nil {
		return nil, err
	}
	return &sdk.CreateRepositoryOutput{RepositoryMetadata: s.metadata(r)}, nil
}

func checkDescription(d *string) error {
	if utf8.RuneCountInString(aws.ToString(d)) > maxDescription || !utf8.ValidString(aws.ToString(d)) {
		return &types.InvalidRepositoryDescriptionException{Message: text("The description is longer than %d characters.", maxDescription)}
	}
	return nil
}

func checkKey(id *string) error {
	if id != nil && !kmsKeyPattern.MatchString(*id) {
		return &types.EncryptionKeyInvalidIdException{Message: text("The key id %q is not valid.", *id)}
	}
	return nil
}

// GetRepository implements the operation.
func (s *Service) GetRepository(ctx context.Context, in *sdk.GetRepositoryInput) (*sdk.GetRepositoryOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetRepositoryOutput{RepositoryMetadata: s.metadata(r)}, nil
}

// DeleteRepository implements the operation. Deleting what does not exist works, and returns no id.
func (s *Service) DeleteRepository(ctx context.Context, in *sdk.DeleteRepositoryInput) (*sdk.DeleteRepositoryOutput, error) {
	name, err := repositoryName(in.RepositoryName)
	if err != nil {
		return nil, err
	}
	id, err := s.repos.Delete(ctx, name)
	if err != nil && !errors.Is(err, gitrepo.ErrNoRepository) {
		return nil, err
	}
	return &sdk.DeleteRepositoryOutput{RepositoryId: filled(id)}, nil
}

// ListRepositories implements the operation.
func (s *Service) ListRepositories(ctx context.Context, in *sdk.ListRepositoriesInput) (*sdk.ListRepositoriesOutput, error) {
	if in.SortBy != "" && !slices.Contains(in.SortBy.Values(), in.SortBy) {
		return nil, &types.InvalidSortByException{Message: text("%q is not something to sort by.", in.SortBy)}
	}
	if in.Order != "" && !slices.Contains(in.Order.Values(), in.Order) {
		return nil, &types.InvalidOrderException{Message: text("%q is not an order.", in.Order)}
	}
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	if in.SortBy == types.SortByEnumModifiedDate {
		slices.SortStableFunc(all, func(a, b gitrepo.Repository) int { return a.Modified.Compare(b.Modified) })
	}
	if in.Order == types.OrderEnumDescending {
		slices.Reverse(all)
	}
	all, next, err := page(all, "repositories", in.NextToken, namesPerPage)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListRepositoriesOutput{NextToken: next, Repositories: []types.RepositoryNameIdPair{}}
	for _, r := range all {
		out.Repositories = append(out.Repositories, types.RepositoryNameIdPair{RepositoryId: aws.String(r.ID), RepositoryName: aws.String(r.Name)})
	}
	return out, nil
}

// all lists every repository by name.
func (s *Service) all(ctx context.Context) ([]gitrepo.Repository, error) {
	var all []gitrepo.Repository
	for after := ""; ; after = all[len(all)-1].Name {
		some, err := s.repos.List(ctx, after, 1000)
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
	}
}

// BatchGetRepositories implements the operation.
func (s *Service) BatchGetRepositories(ctx context.Context, in *sdk.BatchGetRepositoriesInput) (*sdk.BatchGetRepositoriesOutput, error) {
	switch {
	case len(in.RepositoryNames) == 0:
		return nil, &types.RepositoryNamesRequiredException{Message: text("At least one repository name must be specified.")}
	case len(in.RepositoryNames) > maxNames:
		return nil, &types.MaximumRepositoryNamesExceededException{Message: text("At most %d repository names may be specified.", maxNames)}
	}
	out := &sdk.BatchGetRepositoriesOutput{Repositories: []types.RepositoryMetadata{}, RepositoriesNotFound: []string{}, Errors: []types.BatchGetRepositoriesError{}}
	for _, n := range in.RepositoryNames {
		r, err := s.repository(ctx, &n)
		var gone *types.RepositoryDoesNotExistException
		switch {
		case errors.As(err, &gone):
			out.RepositoriesNotFound = append(out.RepositoriesNotFound, n)
			out.Errors = append(out.Errors, types.BatchGetRepositoriesError{
				RepositoryName: aws.String(n), ErrorCode: types.BatchGetRepositoriesErrorCodeEnumRepositoryDoesNotExistException, ErrorMessage: gone.Message,
			})
		case err != nil:
			return nil, err
		default:
			out.Repositories = append(out.Repositories, *s.metadata(r))
		}
	}
	return out, nil
}

// UpdateRepositoryDescription implements the operation.
func (s *Service) UpdateRepositoryDescription(ctx context.Context, in *sdk.UpdateRepositoryDescriptionInput) (*sdk.UpdateRepositoryDescriptionOutput, error) {
	if err := checkDescription(in.RepositoryDescription); err != nil {
		return nil, err
	}
	_, err := s.update(ctx, in.RepositoryName, func(r *gitrepo.Repository) error {
		r.Description = aws.ToString(in.RepositoryDescription)
		return nil
	})
	return &sdk.UpdateRepositoryDescriptionOutput{}, err
}

// UpdateRepositoryName implements the operation.
func (s *Service) UpdateRepositoryName(ctx context.Context, in *sdk.UpdateRepositoryNameInput) (*sdk.UpdateRepositoryNameOutput, error) {
	to, err := repositoryName(in.NewName)
	if err != nil {
		return nil, err
	}
	_, err = s.update(ctx, in.OldName, func(r *gitrepo.Repository) error {
		if r.Name == to {
			return gitrepo.ErrRepositoryExists
		}
		r.Name = to
		return nil
	})
	if errors.Is(err, gitrepo.ErrRepositoryExists) {
		err = repositoryNameExists(to)
	}
	return &sdk.UpdateRepositoryNameOutput{}, err
}

// UpdateRepositoryEncryptionKey implements the operation.
func (s *Service) UpdateRepositoryEncryptionKey(ctx context.Context, in *sdk.UpdateRepositoryEncryptionKeyInput) (*sdk.UpdateRepositoryEncryptionKeyOutput, error) {
	if aws.ToString(in.KmsKeyId) == "" {
		return nil, &types.EncryptionKeyRequiredException{Message: text("The key id must be specified.")}
	}
	if err := checkKey(in.KmsKeyId); err != nil {
		return nil, err
	}
	var before string
	r, err := s.update(ctx, in.RepositoryName, func(r *gitrepo.Repository) error {
		before, r.KMSKey = r.KMSKey, *in.KmsKeyId
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateRepositoryEncryptionKeyOutput{RepositoryId: aws.String(r.ID), KmsKeyId: in.KmsKeyId, OriginalKmsKeyId: filled(before)}, nil
}

// update changes the repository that a request names.
func (s *Service) update(ctx context.Context, name *string, change func(*gitrepo.Repository) error) (gitrepo.Repository, error) {
	n, err := repositoryName(name)
	if err != nil {
		return gitrepo.Repository{}, err
	}
	r, err := s.repos.Update(ctx, n, change)
	return r, missing(err, n)
}

// tagged finds the name of the repository that an ARN names.
func (s *Service) tagged(arn *string) (*string, error) {
	if aws.ToString(arn) == "" {
		return nil, &types.ResourceArnRequiredException{Message: text("The resource ARN must be specified.")}
	}
	name, ok := strings.CutPrefix(*arn, s.opts.Place.ARN("codecommit", ""))
	if !ok {
		return nil, &types.InvalidResourceArnException{Message: text("%q is not the ARN of a repository here.", *arn)}
	}
	return &name, nil
}

// TagResource implements the operation.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	name, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if in.Tags == nil {
		return nil, &types.TagsMapRequiredException{Message: text("The tags must be specified.")}
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	_, err = s.update(ctx, name, func(r *gitrepo.Repository) error {
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		for k, v := range in.Tags {
			r.Tags[k] = v
		}
		return checkTags(r.Tags)
	})
	return &sdk.TagResourceOutput{}, err
}

// UntagResource implements the operation.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	name, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, &types.TagKeysListRequiredException{Message: text("The tag keys must be specified.")}
	}
	for _, k := range in.TagKeys {
		if !validTagKey(k) {
			return nil, &types.InvalidTagKeysListException{Message: text("%q is not a valid tag key.", k)}
		}
	}
	_, err = s.update(ctx, name, func(r *gitrepo.Repository) error {
		for _, k := range in.TagKeys {
			delete(r.Tags, k)
		}
		return nil
	})
	return &sdk.UntagResourceOutput{}, err
}

// ListTagsForResource implements the operation. All tags fit on one page.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	name, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	r, err := s.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	if r.Tags == nil {
		r.Tags = map[string]string{}
	}
	return &sdk.ListTagsForResourceOutput{Tags: r.Tags}, nil
}

const maxTags = 50

// checkTags applies AWS's rules for tags.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return &types.TooManyTagsException{Message: text("A repository can have at most %d tags.", maxTags)}
	}
	for k, v := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return &types.InvalidSystemTagUsageException{Message: text("The tag key %q begins with aws:, which is reserved.", k)}
		case !validTagKey(k) || utf8.RuneCountInString(v) > 256 || !utf8.ValidString(v):
			return &types.InvalidTagsMapException{Message: text("The tag %q is not valid: a key has 1 to 128 characters, a value at most 256.", k)}
		}
	}
	return nil
}

func validTagKey(k string) bool {
	n := utf8.RuneCountInString(k)
	return n >= 1 && n <= 128 && utf8.ValidString(k)
}
