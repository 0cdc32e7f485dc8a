package lambda

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/function"
)

const maxPolicy = 20 << 10

// AddPermission adds a statement to a function's policy. It is kept and shown; this server's own rooms need none.
func (s *Service) AddPermission(ctx context.Context, in *sdk.AddPermissionInput) (*sdk.AddPermissionOutput, error) {
	name, err := s.name(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s.statement(name, in))
	if err != nil {
		return nil, err
	}
	_, err = s.functions.Retag(ctx, name, func(f *function.Function) error {
		if err := stale(f, in.RevisionId); err != nil {
			return err
		}
		size := len(text)
		for _, old := range f.Policy {
			if size += len(old.Text); old.ID == *in.StatementId {
				return awsapi.Errorf("ResourceConflictException", "The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", old.ID)
			}
		}
		if size > maxPolicy {
			return awsapi.Errorf("PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", size, maxPolicy)
		}
		f.Policy, f.PolicyVersion = append(f.Policy, function.Statement{ID: *in.StatementId, Text: text}), uuid.NewString()
		return nil
	})
	if err != nil {
		return nil, s.exception(name, err)
	}
	return &sdk.AddPermissionOutput{Statement: aws.String(string(text))}, nil
}

func stale(f *function.Function, revision *string) error {
	if r := aws.ToString(revision); r != "" && r != f.PolicyVersion {
		return function.ErrStale
	}
	return nil
}

var account = regexp.MustCompile(`^\d{12}$`)

func (s *Service) statement(name string, in *sdk.AddPermissionInput) map[string]any {
	principal := map[string]string{"Service": *in.Principal}
	switch p := *in.Principal; {
	case account.MatchString(p):
		principal = map[string]string{"AWS": "arn:aws:iam::" + p + ":root"}
	case len(p) > 4 && p[:4] == "arn:" || p == "*":
		principal = map[string]string{"AWS": p}
	}
	statement := map[string]any{
		"Sid": *in.StatementId, "Effect": "Allow", "Principal": principal, "Action": *in.Action, "Resource": s.functions.ARN(name),
	}
	if *in.Principal == "*" {
		statement["Principal"] = "*"
	}
	condition := map[string]any{}
	if in.SourceArn != nil {
		condition["ArnLike"] = map[string]string{"AWS:SourceArn": *in.SourceArn}
	}
	equals := map[string]string{}
	for key, value := range map[string]*string{"AWS:SourceAccount": in.SourceAccount, "aws:PrincipalOrgID": in.PrincipalOrgID, "lambda:EventSourceToken": in.EventSourceToken} {
		if value != nil {
			equals[key] = *value
		}
	}
	if in.FunctionUrlAuthType != "" {
		equals["lambda:FunctionUrlAuthType"] = string(in.FunctionUrlAuthType)
	}
	if len(equals) > 0 {
		condition["StringEquals"] = equals
	}
	if len(condition) > 0 {
		statement["Condition"] = condition
	}
	return statement
}

// GetPolicy shows a function's policy.
func (s *Service) GetPolicy(ctx context.Context, in *sdk.GetPolicyInput) (*sdk.GetPolicyOutput, error) {
	f, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if len(f.Policy) == 0 {
		return nil, notFound("The resource you requested does not exist.")
	}
	statements := make([]json.RawMessage, len(f.Policy))
	for i, p := range f.Policy {
		statements[i] = p.Text
	}
	text, err := json.Marshal(struct {
		Version, Id string //nolint:revive // names of the document
		Statement   []json.RawMessage
	}{"2012-10-17", "default", statements})
	if err != nil {
		return nil, err
	}
	return &sdk.GetPolicyOutput{Policy: aws.String(string(text)), RevisionId: &f.PolicyVersion}, nil
}

// RemovePermission removes a statement from a function's policy.
func (s *Service) RemovePermission(ctx context.Context, in *sdk.RemovePermissionInput) (*sdk.RemovePermissionOutput, error) {
	name, err := s.name(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	_, err = s.functions.Retag(ctx, name, func(f *function.Function) error {
		if err := stale(f, in.RevisionId); err != nil {
			return err
		}
		i := slices.IndexFunc(f.Policy, func(p function.Statement) bool { return p.ID == *in.StatementId })
		if i < 0 {
			return notFound("Statement %s is not found in resource policy.", *in.StatementId)
		}
		f.Policy, f.PolicyVersion = slices.Delete(f.Policy, i, i+1), uuid.NewString()
		return nil
	})
	return &sdk.RemovePermissionOutput{}, s.exception(name, err)
}
