package codecommit

import (
	"context"
	"errors"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/pull"
)

var (
	revisionPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// ruleNamePattern is for names of approval rules and of templates.
	ruleNamePattern = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,100}$`)
)

// approvalRule is a rule as the API shows it.
func approvalRule(u pull.Rule) *types.ApprovalRule {
	out := &types.ApprovalRule{
		ApprovalRuleId: aws.String(u.ID), ApprovalRuleName: aws.String(u.Name), ApprovalRuleContent: aws.String(u.Content),
		RuleContentSha256: aws.String(pull.SHA256(u.Content)), CreationDate: aws.Time(u.Created), LastModifiedDate: aws.Time(u.Modified),
		LastModifiedUser: aws.String(u.ModifiedBy),
	}
	if u.TemplateID != "" {
		out.OriginApprovalRuleTemplate = &types.OriginApprovalRuleTemplate{ApprovalRuleTemplateId: aws.String(u.TemplateID), ApprovalRuleTemplateName: aws.String(u.TemplateName)}
	}
	return out
}

// ruleName checks the name of an approval rule and returns it.
func ruleName(name *string) (string, error) {
	switch n := aws.ToString(name); {
	case n == "":
		return "", &types.ApprovalRuleNameRequiredException{Message: text("The name of the approval rule must be specified.")}
	case !ruleNamePattern.MatchString(n) || !isText(n):
		return "", &types.InvalidApprovalRuleNameException{Message: text("The name of an approval rule has 1 to 100 characters.")}
	default:
		return n, nil
	}
}

// ruleContent checks the content of an approval rule and returns it.
func ruleContent(content *string) (string, error) {
	c := aws.ToString(content)
	if c == "" {
		return "", &types.ApprovalRuleContentRequiredException{Message: text("The content of the approval rule must be specified.")}
	}
	if _, err := pull.ParseContent(c, false); err != nil || !isText(c) {
		return "", &types.InvalidApprovalRuleContentException{Message: text("The content of the approval rule is not valid: %v.", err)}
	}
	return c, nil
}

// ruleOf reads the pull request and the rule that a request names.
func ruleOf(id, name *string) (int64, string, error) {
	n, err := pullID(id)
	if err != nil {
		return 0, "", err
	}
	rule, err := ruleName(name)
	return n, rule, err
}

// CreatePullRequestApprovalRule implements the operation.
func (s *Service) CreatePullRequestApprovalRule(ctx context.Context, in *sdk.CreatePullRequestApprovalRuleInput) (*sdk.CreatePullRequestApprovalRuleOutput, error) {
	id, name, err := ruleOf(in.PullRequestId, in.ApprovalRuleName)
	if err != nil {
		return nil, err
	}
	content, err := ruleContent(in.ApprovalRuleContent)
	if err != nil {
		return nil, err
	}
	u, err := s.pulls.AddRule(ctx, id, name, content, caller(ctx))
	switch {
	case errors.Is(err, pull.ErrRuleExists):
		return nil, &types.ApprovalRuleNameAlreadyExistsException{Message: text("The pull request has an approval rule named %s already.", name)}
	case errors.Is(err, pull.ErrTooManyRules):
		return nil, &types.NumberOfRulesExceededException{Message: text("The pull request has too many approval rules.")}
	case err != nil:
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.CreatePullRequestApprovalRuleOutput{ApprovalRule: approvalRule(u)}, nil
}

// UpdatePullRequestApprovalRuleContent implements the operation.
func (s *Service) UpdatePullRequestApprovalRuleContent(ctx context.Context, in *sdk.UpdatePullRequestApprovalRuleContentInput) (*sdk.UpdatePullRequestApprovalRuleContentOutput, error) {
	id, name, err := ruleOf(in.PullRequestId, in.ApprovalRuleName)
	if err != nil {
		return nil, err
	}
	content, err := ruleContent(in.NewRuleContent)
	if err = errors.Join(err, checkSHA256(in.ExistingRuleContentSha256)); err != nil {
		return nil, firstOf(err)
	}
	u, err := s.pulls.UpdateRule(ctx, id, name, content, aws.ToString(in.ExistingRuleContentSha256), caller(ctx))
	switch {
	case errors.Is(err, pull.ErrNoRule):
		return nil, &types.ApprovalRuleDoesNotExistException{Message: text("The pull request has no approval rule named %s.", name)}
	case errors.Is(err, pull.ErrFromTemplate):
		return nil, &types.CannotModifyApprovalRuleFromTemplateException{Message: text("The approval rule %s was made from a template and cannot be changed.", name)}
	case errors.Is(err, pull.ErrOtherContent):
		return nil, otherContent()
	case err != nil:
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.UpdatePullRequestApprovalRuleContentOutput{ApprovalRule: approvalRule(u)}, nil
}

func checkSHA256(sum *string) error {
	if sum != nil && !revisionPattern.MatchString(*sum) {
		return &types.InvalidRuleContentSha256Exception{Message: text("%q is not a SHA-256 hash.", *sum)}
	}
	return nil
}

func otherContent() error {
	return &types.InvalidRuleContentSha256Exception{Message: text("The content has another hash; it was changed meanwhile.")}
}

// DeletePullRequestApprovalRule implements the operation.
func (s *Service) DeletePullRequestApprovalRule(ctx context.Context, in *sdk.DeletePullRequestApprovalRuleInput) (*sdk.DeletePullRequestApprovalRuleOutput, error) {
	id, name, err := ruleOf(in.PullRequestId, in.ApprovalRuleName)
	if err != nil {
		return nil, err
	}
	u, err := s.pulls.DeleteRule(ctx, id, name, caller(ctx))
	switch {
	case errors.Is(err, pull.ErrNoRule): // deleting what does not exist works
		return &sdk.DeletePullRequestApprovalRuleOutput{ApprovalRuleId: aws.String("")}, nil
	case errors.Is(err, pull.ErrFromTemplate):
		return nil, &types.CannotDeleteApprovalRuleFromTemplateException{Message: text("The approval rule %s was made from a template and cannot be deleted.", name)}
	case err != nil:
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.DeletePullRequestApprovalRuleOutput{ApprovalRuleId: aws.String(u.ID)}, nil
}

// revisionOf reads the pull request and the revision that a request names.
func revisionOf(id, revision *string) (int64, string, error) {
	n, err := pullID(id)
	if err != nil {
		return 0, "", err
	}
	switch r := aws.ToString(revision); {
	case r == "":
		return 0, "", &types.RevisionIdRequiredException{Message: text("The revision id must be specified; GetPullRequest shows it.")}
	case !revisionPattern.MatchString(r):
		return 0, "", &types.InvalidRevisionIdException{Message: text("%q is not a revision id; GetPullRequest shows it.", r)}
	default:
		return n, r, nil
	}
}

// UpdatePullRequestApprovalState implements the operation.
func (s *Service) UpdatePullRequestApprovalState(ctx context.Context, in *sdk.UpdatePullRequestApprovalStateInput) (*sdk.UpdatePullRequestApprovalStateOutput, error) {
	id, revision, err := revisionOf(in.PullRequestId, in.RevisionId)
	if err != nil {
		return nil, err
	}
	switch in.ApprovalState {
	case types.ApprovalStateApprove, types.ApprovalStateRevoke:
	case "":
		return nil, &types.ApprovalStateRequiredException{Message: text("The approval state must be specified.")}
	default:
		return nil, &types.InvalidApprovalStateException{Message: text("%q is not an approval state; use APPROVE or REVOKE.", in.ApprovalState)}
	}
	err = s.pulls.Approve(ctx, id, revision, caller(ctx), in.ApprovalState == types.ApprovalStateApprove)
	if errors.Is(err, pull.ErrAuthor) {
		return nil, &types.PullRequestCannotBeApprovedByAuthorException{Message: text("You cannot approve of a pull request that you created.")}
	}
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.UpdatePullRequestApprovalStateOutput{}, nil
}

// GetPullRequestApprovalStates implements the operation. A pipeline that has succeeded with the pull request's commit
// approves, too.
func (s *Service) GetPullRequestApprovalStates(ctx context.Context, in *sdk.GetPullRequestApprovalStatesInput) (*sdk.GetPullRequestApprovalStatesOutput, error) {
	id, revision, err := revisionOf(in.PullRequestId, in.RevisionId)
	if err != nil {
		return nil, err
	}
	list, err := s.pulls.Approvals(ctx, id, revision)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	out := &sdk.GetPullRequestApprovalStatesOutput{Approvals: []types.Approval{}}
	for _, a := range list {
		state := types.ApprovalStateRevoke
		if a.Approved {
			state = types.ApprovalStateApprove
		}
		out.Approvals = append(out.Approvals, types.Approval{UserArn: aws.String(a.Who), ApprovalState: state})
	}
	return out, nil
}

// EvaluatePullRequestApprovalRules implements the operation.
func (s *Service) EvaluatePullRequestApprovalRules(ctx context.Context, in *sdk.EvaluatePullRequestApprovalRulesInput) (*sdk.EvaluatePullRequestApprovalRulesOutput, error) {
	id, revision, err := revisionOf(in.PullRequestId, in.RevisionId)
	if err != nil {
		return nil, err
	}
	e, err := s.pulls.Evaluate(ctx, id, revision)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.EvaluatePullRequestApprovalRulesOutput{Evaluation: &types.Evaluation{
		Approved: e.Approved(), Overridden: e.Overridden,
		ApprovalRulesSatisfied: append([]string{}, e.Satisfied...), ApprovalRulesNotSatisfied: append([]string{}, e.Open...),
	}}, nil
}

// OverridePullRequestApprovalRules implements the operation.
func (s *Service) OverridePullRequestApprovalRules(ctx context.Context, in *sdk.OverridePullRequestApprovalRulesInput) (*sdk.OverridePullRequestApprovalRulesOutput, error) {
	id, revision, err := revisionOf(in.PullRequestId, in.RevisionId)
	if err != nil {
		return nil, err
	}
	switch in.OverrideStatus {
	case types.OverrideStatusOverride, types.OverrideStatusRevoke:
	case "":
		return nil, &types.OverrideStatusRequiredException{Message: text("The override status must be specified.")}
	default:
		return nil, &types.InvalidOverrideStatusException{Message: text("%q is not an override status; use OVERRIDE or REVOKE.", in.OverrideStatus)}
	}
	err = s.pulls.Override(ctx, id, revision, caller(ctx), in.OverrideStatus == types.OverrideStatusOverride)
	if errors.Is(err, pull.ErrOverridden) {
		return nil, &types.OverrideAlreadySetException{Message: text("The approval rules of pull request %s are set aside already.", *in.PullRequestId)}
	}
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.OverridePullRequestApprovalRulesOutput{}, nil
}

// GetPullRequestOverrideState implements the operation.
func (s *Service) GetPullRequestOverrideState(ctx context.Context, in *sdk.GetPullRequestOverrideStateInput) (*sdk.GetPullRequestOverrideStateOutput, error) {
	id, revision, err := revisionOf(in.PullRequestId, in.RevisionId)
	if err != nil {
		return nil, err
	}
	p, err := s.pulls.Get(ctx, id)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	if p.Revision != revision || p.OverriddenBy == "" {
		return &sdk.GetPullRequestOverrideStateOutput{Overridden: false}, nil
	}
	return &sdk.GetPullRequestOverrideStateOutput{Overridden: true, Overrider: aws.String(p.OverriddenBy)}, nil
}
