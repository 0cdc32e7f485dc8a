package codecommit

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
)

const (
	maxTitle           = 150
	maxPullDescription = 10240
	maxToken           = 64
	pullsPerPage       = 100
)

// pullID reads the id of a pull request.
func pullID(id *string) (int64, error) {
	if aws.ToString(id) == "" {
		return 0, &types.PullRequestIdRequiredException{Message: text("The pull request id must be specified.")}
	}
	n, err := strconv.ParseInt(*id, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != *id {
		return 0, &types.InvalidPullRequestIdException{Message: text("%q is not a pull request id.", *id)}
	}
	return n, nil
}

// pullException turns the errors that many operations on a pull request have into exceptions.
func pullException(err error, id *string) error {
	switch {
	case errors.Is(err, pull.ErrNoRequest):
		return &types.PullRequestDoesNotExistException{Message: text("Pull request %s does not exist", aws.ToString(id))}
	case errors.Is(err, pull.ErrClosed):
		return &types.PullRequestAlreadyClosedException{Message: text("Pull request %s is closed already", aws.ToString(id))}
	case errors.Is(err, pull.ErrNotCurrent):
		return &types.RevisionNotCurrentException{Message: text("The revision is not the current one of pull request %s; get the pull request again", aws.ToString(id))}
	case errors.Is(err, gitrepo.ErrNoRepository): // deleted a moment ago
		return &types.PullRequestDoesNotExistException{Message: text("Pull request %s does not exist", aws.ToString(id))}
	}
	return err
}

// pullRequest is a pull request as the API shows it.
func pullRequest(p pull.Request) *types.PullRequest {
	target := types.PullRequestTarget{
		RepositoryName: aws.String(p.Repository), SourceReference: aws.String("refs/heads/" + p.Source), DestinationReference: aws.String("refs/heads/" + p.Destination),
		SourceCommit: aws.String(p.SourceCommit), DestinationCommit: aws.String(p.DestinationCommit), MergeBase: filled(p.MergeBase),
		MergeMetadata: mergeMetadata(p.Merged),
	}
	out := &types.PullRequest{
		PullRequestId: pullRequestID(p), Title: aws.String(p.Title), Description: filled(p.Description), AuthorArn: aws.String(p.Author),
		PullRequestStatus: pullStatus(p.Open), CreationDate: aws.Time(p.Created), LastActivityDate: aws.Time(p.Active),
		PullRequestTargets: []types.PullRequestTarget{target}, ClientRequestToken: filled(p.Token), RevisionId: aws.String(p.Revision),
		ApprovalRules: []types.ApprovalRule{},
	}
	for _, u := range p.Rules {
		out.ApprovalRules = append(out.ApprovalRules, *approvalRule(u))
	}
	return out
}

func pullRequestID(p pull.Request) *string { return aws.String(strconv.FormatInt(p.ID, 10)) }

func pullStatus(open bool) types.PullRequestStatusEnum {
	if open {
		return types.PullRequestStatusEnumOpen
	}
	return types.PullRequestStatusEnumClosed
}

func mergeMetadata(m *pull.Merged) *types.MergeMetadata {
	if m == nil {
		return &types.MergeMetadata{IsMerged: false}
	}
	return &types.MergeMetadata{
		IsMerged: true, MergedBy: filled(m.By), MergeCommitId: aws.String(m.Commit), MergeOption: types.MergeOptionTypeEnum(m.How),
	}
}

// CreatePullRequest implements the operation.
func (s *Service) CreatePullRequest(ctx context.Context, in *sdk.CreatePullRequestInput) (*sdk.CreatePullRequestOutput, error) {
	if err := errors.Join(checkTitle(in.Title), checkPullDescription(in.Description), checkToken(in.ClientRequestToken)); err != nil {
		return nil, firstOf(err)
	}
	n, err := s.pullTarget(ctx, in.Targets)
	if err != nil {
		return nil, err
	}
	n.Title, n.Description, n.Token, n.Author = *in.Title, aws.ToString(in.Description), aws.ToString(in.ClientRequestToken), caller(ctx)
	p, err := s.pulls.Create(ctx, n)
	switch {
	case errors.Is(err, pull.ErrTokenReused):
		return nil, tokenReused()
	case errors.Is(err, pull.ErrSameBranch):
		return nil, &types.SourceAndDestinationAreSameException{Message: text("Source and destination are both the branch %s.", n.Source)}
	case errors.Is(err, pull.ErrTooMany):
		return nil, &types.MaximumOpenPullRequestsExceededException{Message: text("The repository has too many open pull requests; close some.")}
	case errors.Is(err, gitrepo.ErrNoRef):
		return nil, &types.ReferenceDoesNotExistException{Message: text("The branch does not exist: %v", err)}
	case err != nil:
		return nil, missing(err, n.Repository)
	}
	return &sdk.CreatePullRequestOutput{PullRequest: pullRequest(p)}, nil
}

// pullTarget checks the target of a new pull request.
func (s *Service) pullTarget(ctx context.Context, targets []types.Target) (pull.NewRequest, error) {
	switch {
	case len(targets) == 0:
		return pull.NewRequest{}, &types.TargetsRequiredException{Message: text("A target must be specified.")}
	case len(targets) > 1 && slices.ContainsFunc(targets, func(t types.Target) bool {
		return aws.ToString(t.RepositoryName) != aws.ToString(targets[0].RepositoryName)
	}):
		return pull.NewRequest{}, &types.MultipleRepositoriesInPullRequestException{Message: text("All targets must be of one repository.")}
	case len(targets) > 1:
		return pull.NewRequest{}, &types.InvalidTargetsException{Message: text("A pull request has one target.")}
	}
	r, err := s.repository(ctx, targets[0].RepositoryName)
	if err != nil {
		return pull.NewRequest{}, err
	}
	source, err := referenceName(targets[0].SourceReference)
	if err != nil {
		return pull.NewRequest{}, err
	}
	n := pull.NewRequest{Repository: r.Name, Source: source}
	if targets[0].DestinationReference != nil {
		n.Destination, err = referenceName(targets[0].DestinationReference)
	}
	return n, err
}

// referenceName reads a branch, given by its name or as a ref.
func referenceName(ref *string) (string, error) {
	name := aws.ToString(ref)
	switch {
	case name == "":
		return "", &types.ReferenceNameRequiredException{Message: text("The reference must be specified.")}
	case strings.HasPrefix(name, "refs/") && !strings.HasPrefix(name, "refs/heads/"):
		return "", &types.ReferenceTypeNotSupportedException{Message: text("%q is not a branch; a pull request is from a branch into a branch.", name)}
	}
	name = strings.TrimPrefix(name, "refs/heads/")
	if gitrepo.ValidBranch(name) != nil {
		return "", &types.InvalidReferenceNameException{Message: text("The reference %q is not valid.", *ref)}
	}
	return name, nil
}

func checkTitle(title *string) error {
	switch t := aws.ToString(title); {
	case strings.TrimSpace(t) == "":
		return &types.TitleRequiredException{Message: text("The title must be specified.")}
	case utf8.RuneCountInString(t) > maxTitle || !utf8.ValidString(t) || strings.ContainsAny(t, "\x00\r\n"):
		return &types.InvalidTitleException{Message: text("The title is one line of at most %d characters.", maxTitle)}
	}
	return nil
}

func checkPullDescription(d *string) error {
	if t := aws.ToString(d); utf8.RuneCountInString(t) > maxPullDescription || !isText(t) {
		return &types.InvalidDescriptionException{Message: text("The description has at most %d characters.", maxPullDescription)}
	}
	return nil
}

// isText tells whether s can be stored as a text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func checkToken(token *string) error {
	if t := aws.ToString(token); token != nil && (t == "" || len(t) > maxToken || !isText(t)) {
		return &types.InvalidClientRequestTokenException{Message: text("A client request token has 1 to %d characters.", maxToken)}
	}
	return nil
}

func tokenReused() error {
	return &types.IdempotencyParameterMismatchException{Message: text("The client request token was used for another request.")}
}

// GetPullRequest implements the operation.
func (s *Service) GetPullRequest(ctx context.Context, in *sdk.GetPullRequestInput) (*sdk.GetPullRequestOutput, error) {
	id, err := pullID(in.PullRequestId)
	if err != nil {
		return nil, err
	}
	p, err := s.pulls.Get(ctx, id)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.GetPullRequestOutput{PullRequest: pullRequest(p)}, nil
}

// ListPullRequests implements the operation: the newest first.
func (s *Service) ListPullRequests(ctx context.Context, in *sdk.ListPullRequestsInput) (*sdk.ListPullRequestsOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	f := pull.Filter{RepositoryID: r.ID, Author: aws.ToString(in.AuthorArn)}
	switch in.PullRequestStatus {
	case "":
	case types.PullRequestStatusEnumOpen:
		f.Open = true
	case types.PullRequestStatusEnumClosed:
		f.Closed = true
	default:
		return nil, &types.InvalidPullRequestStatusException{Message: text("%q is not a status of pull requests; use OPEN or CLOSED.", in.PullRequestStatus)}
	}
	if in.AuthorArn != nil && !strings.HasPrefix(*in.AuthorArn, "arn:") {
		return nil, &types.InvalidAuthorArnException{Message: text("%q is not an ARN.", *in.AuthorArn)}
	}
	size, err := pageSize(in.MaxResults, pullsPerPage, pullsPerPage)
	if err != nil {
		return nil, err
	}
	if f.Before, err = readMark("pulls", in.NextToken); err != nil {
		return nil, err
	}
	ids, err := s.pulls.List(ctx, f, size+1)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListPullRequestsOutput{PullRequestIds: []string{}}
	if len(ids) > size {
		ids = ids[:size]
		out.NextToken = mark("pulls", ids[size-1])
	}
	for _, id := range ids {
		out.PullRequestIds = append(out.PullRequestIds, strconv.FormatInt(id, 10))
	}
	return out, nil
}

// pageSize reads how many results a client wants.
func pageSize(wanted *int32, otherwise, most int) (int, error) {
	switch {
	case wanted == nil:
		return otherwise, nil
	case *wanted < 1:
		return 0, &types.InvalidMaxResultsException{Message: text("The number of results must be at least 1.")}
	}
	return min(int(*wanted), most), nil
}

// UpdatePullRequestTitle implements the operation.
func (s *Service) UpdatePullRequestTitle(ctx context.Context, in *sdk.UpdatePullRequestTitleInput) (*sdk.UpdatePullRequestTitleOutput, error) {
	id, err := pullID(in.PullRequestId)
	if err = errors.Join(err, checkTitle(in.Title)); err != nil {
		return nil, firstOf(err)
	}
	p, err := s.pulls.SetTitle(ctx, id, *in.Title)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.UpdatePullRequestTitleOutput{PullRequest: pullRequest(p)}, nil
}

// UpdatePullRequestDescription implements the operation.
func (s *Service) UpdatePullRequestDescription(ctx context.Context, in *sdk.UpdatePullRequestDescriptionInput) (*sdk.UpdatePullRequestDescriptionOutput, error) {
	id, err := pullID(in.PullRequestId)
	if err = errors.Join(err, checkPullDescription(in.Description)); err != nil {
		return nil, firstOf(err)
	}
	p, err := s.pulls.SetDescription(ctx, id, aws.ToString(in.Description))
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.UpdatePullRequestDescriptionOutput{PullRequest: pullRequest(p)}, nil
}

// UpdatePullRequestStatus implements the operation: it closes without merging.
func (s *Service) UpdatePullRequestStatus(ctx context.Context, in *sdk.UpdatePullRequestStatusInput) (*sdk.UpdatePullRequestStatusOutput, error) {
	id, err := pullID(in.PullRequestId)
	if err != nil {
		return nil, err
	}
	switch in.PullRequestStatus {
	case types.PullRequestStatusEnumClosed:
	case "":
		return nil, &types.PullRequestStatusRequiredException{Message: text("The status must be specified.")}
	case types.PullRequestStatusEnumOpen:
		if _, err := s.pulls.Get(ctx, id); err != nil {
			return nil, pullException(err, in.PullRequestId)
		}
		return nil, notReopened()
	default:
		return nil, &types.InvalidPullRequestStatusException{Message: text("%q is not a status of pull requests.", in.PullRequestStatus)}
	}
	p, err := s.pulls.Close(ctx, id, caller(ctx))
	if errors.Is(err, pull.ErrClosed) {
		return nil, notReopened()
	}
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	return &sdk.UpdatePullRequestStatusOutput{PullRequest: pullRequest(p)}, nil
}

func notReopened() error {
	return &types.InvalidPullRequestStatusUpdateException{Message: text("A pull request's status can only change from OPEN to CLOSED.")}
}

// DescribePullRequestEvents implements the operation: the newest first.
func (s *Service) DescribePullRequestEvents(ctx context.Context, in *sdk.DescribePullRequestEventsInput) (*sdk.DescribePullRequestEventsOutput, error) {
	id, err := pullID(in.PullRequestId)
	if err != nil {
		return nil, err
	}
	kind := in.PullRequestEventType
	switch {
	case kind != "" && !slices.Contains(kind.Values(), kind):
		return nil, &types.InvalidPullRequestEventTypeException{Message: text("%q is not a type of events.", kind)}
	case in.ActorArn != nil && !strings.HasPrefix(*in.ActorArn, "arn:"):
		return nil, &types.InvalidActorArnException{Message: text("%q is not an ARN.", *in.ActorArn)}
	}
	size, err := pageSize(in.MaxResults, pullsPerPage, pullsPerPage)
	if err != nil {
		return nil, err
	}
	before, err := readMark("events", in.NextToken)
	if err != nil {
		return nil, err
	}
	p, err := s.pulls.Get(ctx, id)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	list, err := s.pulls.Events(ctx, id, pull.EventFilter{Kind: pull.EventKind(kind), Actor: aws.ToString(in.ActorArn)}, before, size+1)
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	out := &sdk.DescribePullRequestEventsOutput{PullRequestEvents: []types.PullRequestEvent{}}
	if len(list) > size {
		list = list[:size]
		out.NextToken = mark("events", list[size-1].Number)
	}
	for _, e := range list {
		out.PullRequestEvents = append(out.PullRequestEvents, pullEvent(p, e))
	}
	return out, nil
}

// pullEvent is an event as the API shows it.
func pullEvent(p pull.Request, e pull.NumberedEvent) types.PullRequestEvent {
	out := types.PullRequestEvent{
		PullRequestId: pullRequestID(p), EventDate: aws.Time(e.At), ActorArn: filled(e.Actor),
		PullRequestEventType: types.PullRequestEventType(e.Kind),
	}
	switch e.Kind {
	case pull.EventCreated:
		out.PullRequestCreatedEventMetadata = &types.PullRequestCreatedEventMetadata{
			RepositoryName: aws.String(p.Repository), SourceCommitId: aws.String(e.Source), DestinationCommitId: aws.String(e.Destination), MergeBase: filled(e.MergeBase),
		}
	case pull.EventStatus:
		out.PullRequestStatusChangedEventMetadata = &types.PullRequestStatusChangedEventMetadata{PullRequestStatus: pullStatus(e.Open)}
	case pull.EventSource:
		out.PullRequestSourceReferenceUpdatedEventMetadata = &types.PullRequestSourceReferenceUpdatedEventMetadata{
			RepositoryName: aws.String(p.Repository), BeforeCommitId: aws.String(e.Before), AfterCommitId: aws.String(e.Source), MergeBase: filled(e.MergeBase),
		}
	case pull.EventMerged:
		out.PullRequestMergedStateChangedEventMetadata = &types.PullRequestMergedStateChangedEventMetadata{
			RepositoryName: aws.String(p.Repository), DestinationReference: aws.String("refs/heads/" + p.Destination), MergeMetadata: mergeMetadata(e.Merged),
		}
	case pull.EventRuleCreated, pull.EventRuleUpdated, pull.EventRuleDeleted:
		out.ApprovalRuleEventMetadata = &types.ApprovalRuleEventMetadata{
			ApprovalRuleId: aws.String(e.RuleID), ApprovalRuleName: aws.String(e.RuleName), ApprovalRuleContent: aws.String(e.RuleContent),
		}
	case pull.EventApproval:
		out.ApprovalStateChangedEventMetadata = &types.ApprovalStateChangedEventMetadata{RevisionId: aws.String(e.Revision), ApprovalStatus: types.ApprovalState(e.State)}
	case pull.EventRulesOverridden:
		out.ApprovalRuleOverriddenEventMetadata = &types.ApprovalRuleOverriddenEventMetadata{RevisionId: aws.String(e.Revision), OverrideStatus: types.OverrideStatus(e.State)}
	}
	return out
}
