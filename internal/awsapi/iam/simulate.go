package iam

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// mostSimulated bounds the decisions of one request.
const mostSimulated = 10000

// SimulatePrincipalPolicy tells what the policies of a user, role or group allow.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *sdk.SimulatePrincipalPolicyInput) (*sdk.SimulatePrincipalPolicyOutput, error) {
	if aws.ToString(in.ResourcePolicy) != "" {
		return nil, noResourcePolicy()
	}
	q := iam.Simulation{
		Principal: *in.PolicySourceArn, Documents: in.PolicyInputList, Boundary: in.PermissionsBoundaryPolicyInputList,
		Caller: aws.ToString(in.CallerArn), Conditions: conditionsIn(in.ContextEntries),
	}
	results, next, err := s.simulate(ctx, q, in.ActionNames, in.ResourceArns, in.Marker, in.MaxItems)
	return &sdk.SimulatePrincipalPolicyOutput{EvaluationResults: results, Marker: next, IsTruncated: next != nil}, err
}

// SimulateCustomPolicy tells what policies allow that are stored nowhere.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in *sdk.SimulateCustomPolicyInput) (*sdk.SimulateCustomPolicyOutput, error) {
	if aws.ToString(in.ResourcePolicy) != "" {
		return nil, noResourcePolicy()
	}
	q := iam.Simulation{
		Documents: in.PolicyInputList, Boundary: in.PermissionsBoundaryPolicyInputList, Caller: aws.ToString(in.CallerArn),
		Conditions: conditionsIn(in.ContextEntries),
	}
	results, next, err := s.simulate(ctx, q, in.ActionNames, in.ResourceArns, in.Marker, in.MaxItems)
	return &sdk.SimulateCustomPolicyOutput{EvaluationResults: results, Marker: next, IsTruncated: next != nil}, err
}

func noResourcePolicy() error {
	return &types.InvalidInputException{Message: aws.String("ResourcePolicy is not simulated here: leave it out, and read the bucket's policy beside the answer.")}
}

func conditionsIn(entries []types.ContextEntry) map[string][]string {
	values := map[string][]string{}
	for _, e := range entries {
		values[aws.ToString(e.ContextKeyName)] = e.ContextKeyValues
	}
	return values
}

func (s *Service) simulate(ctx context.Context, q iam.Simulation, actions, resources []string, from *string, items *int32) ([]types.EvaluationResult, *string, error) {
	for _, action := range actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" {
			return nil, nil, &types.InvalidInputException{Message: aws.String("Invalid action name " + action + ": it must be SERVICE:ACTION.")}
		}
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	if len(actions)*len(resources) > mostSimulated {
		return nil, nil, &types.InvalidInputException{Message: aws.String("The simulation is too large: ask for fewer actions or resources at once.")}
	}
	verdicts, err := s.dir.Simulate(ctx, q, actions, resources)
	if err != nil {
		return nil, nil, exception(err)
	}
	out := make([]types.EvaluationResult, len(verdicts))
	for i, v := range verdicts {
		out[i] = resultOut(v)
		out[i].ResourceSpecificResults = []types.ResourceSpecificResult{specificOut(v)}
	}
	return numbered(out, from, items)
}

// numbered is one page of a list whose marker is the number of the last one seen.
func numbered(list []types.EvaluationResult, from *string, items *int32) ([]types.EvaluationResult, *string, error) {
	start := 0
	if from != nil {
		n, err := strconv.Atoi(*from)
		if err != nil || n < 0 || n > len(list) {
			return nil, nil, &types.InvalidInputException{Message: aws.String("Invalid Marker.")}
		}
		start = n
	}
	limit := int(aws.ToInt32(items))
	if limit == 0 {
		limit = 100
	}
	end := min(start+limit, len(list))
	if end == len(list) {
		return emptyNotNil(list[start:end]), nil, nil
	}
	return list[start:end], aws.String(strconv.Itoa(end)), nil
}

func resultOut(v iam.Verdict) types.EvaluationResult {
	r := types.EvaluationResult{
		EvalActionName: aws.String(v.Action), EvalResourceName: aws.String(v.Resource), EvalDecision: decisionOut(v.Decision),
		MatchedStatements: matchedOut(v.Matched), MissingContextValues: emptyNotNil(v.Missing),
	}
	if v.Bounded {
		r.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: v.InBoundary}
	}
	return r
}

func specificOut(v iam.Verdict) types.ResourceSpecificResult {
	r := types.ResourceSpecificResult{
		EvalResourceName: aws.String(v.Resource), EvalResourceDecision: decisionOut(v.Decision),
		MatchedStatements: matchedOut(v.Matched), MissingContextValues: emptyNotNil(v.Missing),
	}
	if v.Bounded {
		r.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: v.InBoundary}
	}
	return r
}

func decisionOut(d iam.Decision) types.PolicyEvaluationDecisionType {
	switch d {
	case iam.Allowed:
		return types.PolicyEvaluationDecisionTypeAllowed
	case iam.Denied:
		return types.PolicyEvaluationDecisionTypeExplicitDeny
	default:
		return types.PolicyEvaluationDecisionTypeImplicitDeny
	}
}

func matchedOut(list []iam.MatchedStatement) []types.Statement {
	out := make([]types.Statement, len(list))
	for i, m := range list {
		source := types.PolicySourceTypeNone
		if m.Source != "" {
			source = types.PolicySourceType(m.Source)
		}
		out[i] = types.Statement{
			SourcePolicyId: aws.String(m.Policy), SourcePolicyType: source,
			StartPosition: &types.Position{Line: int32(m.Start.Line), Column: int32(m.Start.Column)},
			EndPosition:   &types.Position{Line: int32(m.End.Line), Column: int32(m.End.Column)},
		}
	}
	return out
}

// GetContextKeysForCustomPolicy lists the condition keys that policies ask for.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, in *sdk.GetContextKeysForCustomPolicyInput) (*sdk.GetContextKeysForCustomPolicyOutput, error) {
	keys, err := iam.ContextKeys(in.PolicyInputList)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.GetContextKeysForCustomPolicyOutput{ContextKeyNames: emptyNotNil(keys)}, nil
}

// GetContextKeysForPrincipalPolicy lists the condition keys that the policies of a user, role or group ask for.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, in *sdk.GetContextKeysForPrincipalPolicyInput) (*sdk.GetContextKeysForPrincipalPolicyOutput, error) {
	documents, err := s.dir.DocumentsOf(ctx, *in.PolicySourceArn)
	if err != nil {
		return nil, exception(err)
	}
	keys, err := iam.ContextKeys(append(documents, in.PolicyInputList...))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: emptyNotNil(keys)}, nil
}
