package codecommit

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/repotrigger"
)

// Limits of triggers.
const (
	maxTriggers        = 10
	maxTriggerBranches = 10
	maxCustomData      = 1000
)

var triggerName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// PutRepositoryTriggers implements the operation.
func (s *Service) PutRepositoryTriggers(ctx context.Context, in *sdk.PutRepositoryTriggersInput) (*sdk.PutRepositoryTriggersOutput, error) {
	r, list, err := s.readTriggers(ctx, in.RepositoryName, in.Triggers)
	if err != nil {
		return nil, err
	}
	id, err := s.triggers.Put(ctx, r.ID, list)
	return &sdk.PutRepositoryTriggersOutput{ConfigurationId: &id}, err
}

// GetRepositoryTriggers implements the operation.
func (s *Service) GetRepositoryTriggers(ctx context.Context, in *sdk.GetRepositoryTriggersInput) (*sdk.GetRepositoryTriggersOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	id, list, err := s.triggers.Get(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetRepositoryTriggersOutput{ConfigurationId: &id, Triggers: []types.RepositoryTrigger{}}
	for _, t := range list {
		shown := types.RepositoryTrigger{Name: &t.Name, DestinationArn: &t.Destination, Branches: t.Branches, CustomData: &t.CustomData}
		for _, e := range t.Events {
			shown.Events = append(shown.Events, types.RepositoryTriggerEventEnum(e))
		}
		out.Triggers = append(out.Triggers, shown)
	}
	return out, nil
}

// TestRepositoryTriggers implements the operation: every destination gets a message that says it is a test.
func (s *Service) TestRepositoryTriggers(ctx context.Context, in *sdk.TestRepositoryTriggersInput) (*sdk.TestRepositoryTriggersOutput, error) {
	r, list, err := s.readTriggers(ctx, in.RepositoryName, in.Triggers)
	if err != nil {
		return nil, err
	}
	commit := strings.Repeat("0", 40)
	if head, err := s.repos.Head(ctx, r.Name, r.DefaultBranch); err == nil {
		commit = head.ID
	}
	out := &sdk.TestRepositoryTriggersOutput{SuccessfulExecutions: []string{}, FailedExecutions: []types.RepositoryTriggerExecutionFailure{}}
	for _, t := range list {
		if err := s.triggers.Test(ctx, r, t, r.DefaultBranch, commit); err != nil {
			out.FailedExecutions = append(out.FailedExecutions, types.RepositoryTriggerExecutionFailure{Trigger: &t.Name, FailureMessage: aws.String(err.Error())})
			continue
		}
		out.SuccessfulExecutions = append(out.SuccessfulExecutions, t.Name)
	}
	return out, nil
}

// readTriggers checks triggers that a request gives a repository.
func (s *Service) readTriggers(ctx context.Context, name *string, given []types.RepositoryTrigger) (gitrepo.Repository, []repotrigger.Trigger, error) {
	r, err := s.repository(ctx, name)
	switch {
	case err != nil:
		return r, nil, err
	case given == nil:
		return r, nil, &types.RepositoryTriggersListRequiredException{Message: text("The list of triggers must be specified; an empty one removes all.")}
	case len(given) > maxTriggers:
		return r, nil, &types.MaximumRepositoryTriggersExceededException{Message: text("A repository can have %d triggers.", maxTriggers)}
	}
	list := make([]repotrigger.Trigger, 0, len(given))
	for _, g := range given {
		t, err := s.readTrigger(g)
		if err != nil {
			return r, nil, err
		}
		if slices.ContainsFunc(list, func(other repotrigger.Trigger) bool { return other.Name == t.Name }) {
			return r, nil, &types.InvalidRepositoryTriggerNameException{Message: text("Two triggers are named %s.", t.Name)}
		}
		list = append(list, t)
	}
	return r, list, nil
}

func (s *Service) readTrigger(g types.RepositoryTrigger) (repotrigger.Trigger, error) {
	t := repotrigger.Trigger{Name: aws.ToString(g.Name), Destination: aws.ToString(g.DestinationArn), CustomData: aws.ToString(g.CustomData), Branches: []string{}}
	switch {
	case t.Name == "":
		return t, &types.RepositoryTriggerNameRequiredException{Message: text("The name of a trigger must be specified.")}
	case !triggerName.MatchString(t.Name):
		return t, &types.InvalidRepositoryTriggerNameException{Message: text("%q is not a name for a trigger: it has 1 to 100 letters, digits, dots, hyphens and underscores.", t.Name)}
	case utf8.RuneCountInString(t.CustomData) > maxCustomData:
		return t, &types.InvalidRepositoryTriggerCustomDataException{Message: text("The custom data has more than %d characters.", maxCustomData)}
	case len(g.Branches) > maxTriggerBranches:
		return t, &types.MaximumBranchesExceededException{Message: text("A trigger can name %d branches; one without branches is for all.", maxTriggerBranches)}
	}
	if err := s.checkDestination(t.Destination); err != nil {
		return t, err
	}
	for _, b := range g.Branches {
		branch, err := branchName(&b)
		if err != nil {
			return t, &types.InvalidRepositoryTriggerBranchNameException{Message: text("%q is not a branch's name.", b)}
		}
		t.Branches = append(t.Branches, branch)
	}
	var err error
	t.Events, err = triggerEvents(g.Events)
	return t, err
}

// checkDestination takes the ARN of a topic or function of this server, which may be made later.
func (s *Service) checkDestination(arn string) error {
	parts := strings.Split(arn, ":")
	switch {
	case arn == "":
		return &types.RepositoryTriggerDestinationArnRequiredException{Message: text("The ARN of the trigger's destination must be specified.")}
	case len(parts) > 3 && parts[0] == "arn" && parts[3] != s.opts.Place.Region:
		return &types.InvalidRepositoryTriggerRegionException{Message: text("%s is in another region than this repository, which is in %s.", arn, s.opts.Place.Region)}
	case strings.HasPrefix(arn, s.opts.Place.ARN("sns", "")) && len(parts) == 6, strings.HasPrefix(arn, s.opts.Place.ARN("lambda", "function:")) && len(parts) == 7:
		return nil
	}
	return &types.InvalidRepositoryTriggerDestinationArnException{
		Message: text("%s is neither the ARN of a topic of this server, like %s, nor that of a function, like %s.", arn, s.opts.Place.ARN("sns", "NAME"), s.opts.Place.ARN("lambda", "function:NAME")),
	}
}

func triggerEvents(given []types.RepositoryTriggerEventEnum) ([]string, error) {
	if len(given) == 0 {
		return nil, &types.RepositoryTriggerEventsListRequiredException{Message: text("The events of a trigger must be specified.")}
	}
	var events []string
	for _, e := range given {
		if !slices.Contains(e.Values(), e) || e == types.RepositoryTriggerEventEnumAll && len(given) > 1 {
			return nil, &types.InvalidRepositoryTriggerEventsException{Message: text("The events of a trigger are all alone, or some of updateReference, createReference and deleteReference.")}
		}
		events = append(events, string(e))
	}
	return events, nil
}
