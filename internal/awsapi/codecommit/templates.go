package codecommit

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
)

const templatesPerPage = 50

// ruleTemplate is a template as the API shows it.
func ruleTemplate(t pull.Template) *types.ApprovalRuleTemplate {
	return &types.ApprovalRuleTemplate{
		ApprovalRuleTemplateId: aws.String(t.ID), ApprovalRuleTemplateName: aws.String(t.Name), ApprovalRuleTemplateDescription: filled(t.Description),
		ApprovalRuleTemplateContent: aws.String(t.Content), RuleContentSha256: aws.String(pull.SHA256(t.Content)),
		CreationDate: aws.Time(t.Created), LastModifiedDate: aws.Time(t.Modified), LastModifiedUser: aws.String(t.ModifiedBy),
	}
}

func templateName(name *string) (string, error) {
	switch n := aws.ToString(name); {
	case n == "":
		return "", &types.ApprovalRuleTemplateNameRequiredException{Message: text("The name of the approval rule template must be specified.")}
	case !ruleNamePattern.MatchString(n) || !isText(n):
		return "", &types.InvalidApprovalRuleTemplateNameException{Message: text("The name of an approval rule template has 1 to 100 characters.")}
	default:
		return n, nil
	}
}

func templateContent(content *string) (string, error) {
	c := aws.ToString(content)
	if c == "" {
		return "", &types.ApprovalRuleTemplateContentRequiredException{Message: text("The content of the approval rule template must be specified.")}
	}
	if _, err := pull.ParseContent(c, true); err != nil || !isText(c) {
		return "", &types.InvalidApprovalRuleTemplateContentException{Message: text("The content of the approval rule template is not valid: %v.", err)}
	}
	return c, nil
}

func templateDescription(d *string) (string, error) {
	if utf8.RuneCountInString(aws.ToString(d)) > maxDescription || !isText(aws.ToString(d)) {
		return "", &types.InvalidApprovalRuleTemplateDescriptionException{Message: text("The description is longer than %d characters.", maxDescription)}
	}
	return aws.ToString(d), nil
}

func templateException(err error, name string) error {
	switch {
	case errors.Is(err, pull.ErrNoTemplate):
		return &types.ApprovalRuleTemplateDoesNotExistException{Message: text("Approval rule template %s does not exist", name)}
	case errors.Is(err, pull.ErrTemplateExists):
		return &types.ApprovalRuleTemplateNameAlreadyExistsException{Message: text("An approval rule template of that name exists already")}
	case errors.Is(err, pull.ErrOtherContent):
		return otherContent()
	}
	return err
}

// CreateApprovalRuleTemplate implements the operation.
func (s *Service) CreateApprovalRuleTemplate(ctx context.Context, in *sdk.CreateApprovalRuleTemplateInput) (*sdk.CreateApprovalRuleTemplateOutput, error) {
	name, err := templateName(in.ApprovalRuleTemplateName)
	content, cerr := templateContent(in.ApprovalRuleTemplateContent)
	description, derr := templateDescription(in.ApprovalRuleTemplateDescription)
	if err = errors.Join(err, cerr, derr); err != nil {
		return nil, firstOf(err)
	}
	t, err := s.pulls.AddTemplate(ctx, pull.Template{Name: name, Description: description, Content: content, ModifiedBy: caller(ctx)})
	if errors.Is(err, pull.ErrTooManyTemplate) {
		return nil, &types.NumberOfRuleTemplatesExceededException{Message: text("There are too many approval rule templates; delete some.")}
	}
	if err != nil {
		return nil, templateException(err, name)
	}
	return &sdk.CreateApprovalRuleTemplateOutput{ApprovalRuleTemplate: ruleTemplate(t)}, nil
}

// GetApprovalRuleTemplate implements the operation.
func (s *Service) GetApprovalRuleTemplate(ctx context.Context, in *sdk.GetApprovalRuleTemplateInput) (*sdk.GetApprovalRuleTemplateOutput, error) {
	name, err := templateName(in.ApprovalRuleTemplateName)
	if err != nil {
		return nil, err
	}
	t, err := s.pulls.Template(ctx, name)
	if err != nil {
		return nil, templateException(err, name)
	}
	return &sdk.GetApprovalRuleTemplateOutput{ApprovalRuleTemplate: ruleTemplate(t)}, nil
}

// ListApprovalRuleTemplates implements the operation.
func (s *Service) ListApprovalRuleTemplates(ctx context.Context, in *sdk.ListApprovalRuleTemplatesInput) (*sdk.ListApprovalRuleTemplatesOutput, error) {
	all, err := s.pulls.Templates(ctx)
	if err != nil {
		return nil, err
	}
	names, next, err := somePage(all, "templates", in.NextToken, in.MaxResults)
	return &sdk.ListApprovalRuleTemplatesOutput{ApprovalRuleTemplateNames: names, NextToken: next}, err
}

// somePage is page for names of which a client wants that many.
func somePage(all []string, kind string, token *string, wanted *int32) ([]string, *string, error) {
	size, err := pageSize(wanted, templatesPerPage, 1000)
	if err != nil {
		return nil, nil, err
	}
	names, next, err := page(all, kind, token, size)
	return append([]string{}, names...), next, err
}

// UpdateApprovalRuleTemplateContent implements the operation.
func (s *Service) UpdateApprovalRuleTemplateContent(ctx context.Context, in *sdk.UpdateApprovalRuleTemplateContentInput) (*sdk.UpdateApprovalRuleTemplateContentOutput, error) {
	name, err := templateName(in.ApprovalRuleTemplateName)
	content, cerr := templateContent(in.NewRuleContent)
	if err = errors.Join(err, cerr, checkSHA256(in.ExistingRuleContentSha256)); err != nil {
		return nil, firstOf(err)
	}
	t, err := s.pulls.UpdateTemplate(ctx, name, caller(ctx), func(t *pull.Template) error {
		if was := aws.ToString(in.ExistingRuleContentSha256); was != "" && was != pull.SHA256(t.Content) {
			return pull.ErrOtherContent
		}
		t.Content = content
		return nil
	})
	if err != nil {
		return nil, templateException(err, name)
	}
	return &sdk.UpdateApprovalRuleTemplateContentOutput{ApprovalRuleTemplate: ruleTemplate(t)}, nil
}

// UpdateApprovalRuleTemplateDescription implements the operation.
func (s *Service) UpdateApprovalRuleTemplateDescription(ctx context.Context, in *sdk.UpdateApprovalRuleTemplateDescriptionInput) (*sdk.UpdateApprovalRuleTemplateDescriptionOutput, error) {
	name, err := templateName(in.ApprovalRuleTemplateName)
	description, derr := templateDescription(in.ApprovalRuleTemplateDescription)
	if err = errors.Join(err, derr); err != nil {
		return nil, firstOf(err)
	}
	t, err := s.pulls.UpdateTemplate(ctx, name, caller(ctx), func(t *pull.Template) error {
		t.Description = description
		return nil
	})
	if err != nil {
		return nil, templateException(err, name)
	}
	return &sdk.UpdateApprovalRuleTemplateDescriptionOutput{ApprovalRuleTemplate: ruleTemplate(t)}, nil
}

// UpdateApprovalRuleTemplateName implements the operation.
func (s *Service) UpdateApprovalRuleTemplateName(ctx context.Context, in *sdk.UpdateApprovalRuleTemplateNameInput) (*sdk.UpdateApprovalRuleTemplateNameOutput, error) {
	from, err := templateName(in.OldApprovalRuleTemplateName)
	if err != nil {
		return nil, err
	}
	to, err := templateName(in.NewApprovalRuleTemplateName)
	if err != nil {
		return nil, err
	}
	t, err := s.pulls.UpdateTemplate(ctx, from, caller(ctx), func(t *pull.Template) error {
		t.Name = to
		return nil
	})
	if err != nil {
		return nil, templateException(err, from)
	}
	return &sdk.UpdateApprovalRuleTemplateNameOutput{ApprovalRuleTemplate: ruleTemplate(t)}, nil
}

// DeleteApprovalRuleTemplate implements the operation. Deleting what does not exist works, and returns an empty id.
func (s *Service) DeleteApprovalRuleTemplate(ctx context.Context, in *sdk.DeleteApprovalRuleTemplateInput) (*sdk.DeleteApprovalRuleTemplateOutput, error) {
	name, err := templateName(in.ApprovalRuleTemplateName)
	if err != nil {
		return nil, err
	}
	id, err := s.pulls.DeleteTemplate(ctx, name, caller(ctx))
	if errors.Is(err, pull.ErrTemplateInUse) {
		return nil, &types.ApprovalRuleTemplateInUseException{Message: text("Approval rule template %s is associated with repositories; disassociate it first.", name)}
	}
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteApprovalRuleTemplateOutput{ApprovalRuleTemplateId: aws.String(id)}, nil
}

// templateAndRepository reads the template and the repository that a request names.
func (s *Service) templateAndRepository(ctx context.Context, template, repository *string) (string, gitrepo.Repository, error) {
	name, err := templateName(template)
	if err != nil {
		return "", gitrepo.Repository{}, err
	}
	r, err := s.repository(ctx, repository)
	return name, r, err
}

// AssociateApprovalRuleTemplateWithRepository implements the operation.
func (s *Service) AssociateApprovalRuleTemplateWithRepository(ctx context.Context, in *sdk.AssociateApprovalRuleTemplateWithRepositoryInput) (*sdk.AssociateApprovalRuleTemplateWithRepositoryOutput, error) {
	name, r, err := s.templateAndRepository(ctx, in.ApprovalRuleTemplateName, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := s.pulls.Associate(ctx, name, r.ID, caller(ctx)); err != nil {
		return nil, associateException(err, name)
	}
	return &sdk.AssociateApprovalRuleTemplateWithRepositoryOutput{}, nil
}

func associateException(err error, name string) error {
	if errors.Is(err, pull.ErrTooManyOfRepo) {
		return &types.MaximumRuleTemplatesAssociatedWithRepositoryException{Message: text("The repository has as many approval rule templates as it can.")}
	}
	return templateException(err, name)
}

// DisassociateApprovalRuleTemplateFromRepository implements the operation.
func (s *Service) DisassociateApprovalRuleTemplateFromRepository(ctx context.Context, in *sdk.DisassociateApprovalRuleTemplateFromRepositoryInput) (*sdk.DisassociateApprovalRuleTemplateFromRepositoryOutput, error) {
	name, r, err := s.templateAndRepository(ctx, in.ApprovalRuleTemplateName, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := s.pulls.Disassociate(ctx, name, r.ID, caller(ctx)); err != nil {
		return nil, templateException(err, name)
	}
	return &sdk.DisassociateApprovalRuleTemplateFromRepositoryOutput{}, nil
}

// BatchAssociateApprovalRuleTemplateWithRepositories implements the operation.
func (s *Service) BatchAssociateApprovalRuleTemplateWithRepositories(ctx context.Context, in *sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesInput) (*sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesOutput, error) {
	out := &sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesOutput{
		AssociatedRepositoryNames: []string{}, Errors: []types.BatchAssociateApprovalRuleTemplateWithRepositoriesError{},
	}
	done, failed, err := s.eachRepository(ctx, in.ApprovalRuleTemplateName, in.RepositoryNames, func(name string, r gitrepo.Repository) error {
		return associateException(s.pulls.Associate(ctx, name, r.ID, caller(ctx)), name)
	})
	out.AssociatedRepositoryNames = append(out.AssociatedRepositoryNames, done...)
	for _, f := range failed {
		out.Errors = append(out.Errors, types.BatchAssociateApprovalRuleTemplateWithRepositoriesError{
			RepositoryName: aws.String(f.name), ErrorCode: aws.String(f.code), ErrorMessage: aws.String(f.text),
		})
	}
	return out, err
}

// BatchDisassociateApprovalRuleTemplateFromRepositories implements the operation.
func (s *Service) BatchDisassociateApprovalRuleTemplateFromRepositories(ctx context.Context, in *sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesInput) (*sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesOutput, error) {
	out := &sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesOutput{
		DisassociatedRepositoryNames: []string{}, Errors: []types.BatchDisassociateApprovalRuleTemplateFromRepositoriesError{},
	}
	done, failed, err := s.eachRepository(ctx, in.ApprovalRuleTemplateName, in.RepositoryNames, func(name string, r gitrepo.Repository) error {
		return templateException(s.pulls.Disassociate(ctx, name, r.ID, caller(ctx)), name)
	})
	out.DisassociatedRepositoryNames = append(out.DisassociatedRepositoryNames, done...)
	for _, f := range failed {
		out.Errors = append(out.Errors, types.BatchDisassociateApprovalRuleTemplateFromRepositoriesError{
			RepositoryName: aws.String(f.name), ErrorCode: aws.String(f.code), ErrorMessage: aws.String(f.text),
		})
	}
	return out, err
}

// failure is what went wrong with one of several repositories.
type failure struct{ name, code, text string }

// eachRepository calls do for a template and every repository of a list. Exceptions about one repository are failures of
// that one; a template that does not exist is an error.
func (s *Service) eachRepository(ctx context.Context, template *string, names []string, do func(string, gitrepo.Repository) error) (done []string, failed []failure, err error) {
	name, err := templateName(template)
	switch {
	case err != nil:
		return nil, nil, err
	case len(names) == 0:
		return nil, nil, &types.RepositoryNamesRequiredException{Message: text("At least one repository name must be specified.")}
	case len(names) > maxNames:
		return nil, nil, &types.MaximumRepositoryNamesExceededException{Message: text("At most %d repository names may be specified.", maxNames)}
	}
	if _, err := s.pulls.Template(ctx, name); err != nil {
		return nil, nil, templateException(err, name)
	}
	for _, n := range names {
		r, err := s.repository(ctx, &n)
		if err == nil {
			err = do(name, r)
		}
		var api interface {
			ErrorCode() string
			ErrorMessage() string
		}
		switch {
		case err == nil:
			done = append(done, n)
		case errors.As(err, &api):
			failed = append(failed, failure{n, api.ErrorCode(), api.ErrorMessage()})
		default:
			return nil, nil, err
		}
	}
	return done, failed, nil
}

// ListAssociatedApprovalRuleTemplatesForRepository implements the operation.
func (s *Service) ListAssociatedApprovalRuleTemplatesForRepository(ctx context.Context, in *sdk.ListAssociatedApprovalRuleTemplatesForRepositoryInput) (*sdk.ListAssociatedApprovalRuleTemplatesForRepositoryOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	all, err := s.pulls.TemplatesOf(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	names, next, err := somePage(all, "templates", in.NextToken, in.MaxResults)
	return &sdk.ListAssociatedApprovalRuleTemplatesForRepositoryOutput{ApprovalRuleTemplateNames: names, NextToken: next}, err
}

// ListRepositoriesForApprovalRuleTemplate implements the operation.
func (s *Service) ListRepositoriesForApprovalRuleTemplate(ctx context.Context, in *sdk.ListRepositoriesForApprovalRuleTemplateInput) (*sdk.ListRepositoriesForApprovalRuleTemplateOutput, error) {
	name, err := templateName(in.ApprovalRuleTemplateName)
	if err != nil {
		return nil, err
	}
	all, err := s.pulls.RepositoriesOf(ctx, name)
	if err != nil {
		return nil, templateException(err, name)
	}
	names, next, err := somePage(all, "repositories", in.NextToken, in.MaxResults)
	return &sdk.ListRepositoriesForApprovalRuleTemplateOutput{RepositoryNames: names, NextToken: next}, err
}
