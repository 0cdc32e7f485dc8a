package secretsmanager

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

const (
	page      = 100
	batchPage = 20
)

func stagesOf(sec vault.Secret) map[string][]string {
	out := map[string][]string{}
	for _, v := range sec.Versions {
		if len(v.Stages) > 0 {
			out[v.ID] = v.Stages
		}
	}
	return out
}

func deletedDate(sec vault.Secret) *time.Time {
	if sec.Deleted.IsZero() {
		return nil
	}
	return aws.Time(sec.Deleted)
}

// DescribeSecret tells everything of a secret but its values.
func (s *Service) DescribeSecret(ctx context.Context, in *sdk.DescribeSecretInput) (*sdk.DescribeSecretOutput, error) {
	sec, err := s.secrets.Get(ctx, s.name(in.SecretId))
	if err != nil {
		return nil, failed(err)
	}
	return &sdk.DescribeSecretOutput{
		ARN: s.arn(sec.Name), Name: &sec.Name, Description: optional(sec.Description), KmsKeyId: optional(sec.KeyID), Tags: wireTags(sec.Tags),
		CreatedDate: aws.Time(sec.Created), LastChangedDate: aws.Time(sec.Changed), DeletedDate: deletedDate(sec), VersionIdsToStages: stagesOf(sec),
	}, nil
}

// GetResourcePolicy answers that a secret has none.
func (s *Service) GetResourcePolicy(ctx context.Context, in *sdk.GetResourcePolicyInput) (*sdk.GetResourcePolicyOutput, error) {
	sec, err := s.secrets.Get(ctx, s.name(in.SecretId))
	if err != nil {
		return nil, failed(err)
	}
	return &sdk.GetResourcePolicyOutput{ARN: s.arn(sec.Name), Name: &sec.Name}, nil
}

// ListSecrets lists secrets.
func (s *Service) ListSecrets(ctx context.Context, in *sdk.ListSecretsInput) (*sdk.ListSecretsOutput, error) {
	list, next, err := s.list(ctx, in.Filters, in.NextToken, in.MaxResults, page,
		listOrder{by: in.SortBy, down: in.SortOrder != types.SortOrderTypeAsc, deleted: aws.ToBool(in.IncludePlannedDeletion)})
	if err != nil {
		return nil, err
	}
	out := &sdk.ListSecretsOutput{SecretList: []types.SecretListEntry{}, NextToken: next}
	for _, sec := range list {
		out.SecretList = append(out.SecretList, types.SecretListEntry{
			ARN: s.arn(sec.Name), Name: &sec.Name, Description: optional(sec.Description), KmsKeyId: optional(sec.KeyID), Tags: wireTags(sec.Tags),
			CreatedDate: aws.Time(sec.Created), LastChangedDate: aws.Time(sec.Changed), DeletedDate: deletedDate(sec), SecretVersionsToStages: stagesOf(sec),
		})
	}
	return out, nil
}

type listOrder struct {
	by      types.SortByType
	down    bool
	deleted bool // those that are scheduled for deletion, too
}

func (o listOrder) compare(a, b vault.Secret) int {
	n := a.Created.Compare(b.Created)
	switch o.by {
	case types.SortByTypeName:
		n = strings.Compare(a.Name, b.Name)
	case types.SortByTypeLastChangedDate:
		n = a.Changed.Compare(b.Changed)
	}
	n = cmp.Or(n, strings.Compare(a.Name, b.Name))
	if o.down {
		return -n
	}
	return n
}

// list is a page of the secrets that filters choose.
func (s *Service) list(ctx context.Context, filters []types.Filter, after *string, most *int32, normal int, o listOrder) ([]vault.Secret, *string, error) {
	from, err := parseToken(after)
	if err != nil {
		return nil, nil, err
	}
	all, err := s.secrets.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	all = slices.DeleteFunc(all, func(sec vault.Secret) bool {
		return !o.deleted && !sec.Deleted.IsZero() || slices.ContainsFunc(filters, func(f types.Filter) bool { return !matches(sec, f) })
	})
	slices.SortFunc(all, o.compare)
	list, next := cut(all, from, most, normal)
	return list, next, nil
}

// cut is the page of a list that begins at from.
func cut[T any](all []T, from int, most *int32, normal int) ([]T, *string) {
	n := normal
	if most != nil {
		n = int(*most)
	}
	all = all[min(from, len(all)):]
	if len(all) <= n {
		return all, nil
	}
	return all[:n], awsapi.PageToken(tokens, strconv.Itoa(from+n))
}

// tokens is the kind of the tokens of lists.
const tokens = "secrets"

func parseToken(token *string) (int, error) {
	after, ok := awsapi.ReadPageToken(tokens, token)
	if after == "" && ok {
		return 0, nil
	}
	n, err := strconv.Atoi(after)
	if err != nil || n < 0 {
		return 0, &types.InvalidNextTokenException{Message: aws.String("The NextToken value is not one that this operation has given.")}
	}
	return n, nil
}

// matches reports whether one of a filter's values begins what it is about; a value that starts with ! excludes instead.
func matches(sec vault.Secret, f types.Filter) bool {
	have := []string{sec.Name}
	switch f.Key {
	case types.FilterNameStringTypeDescription:
		have = []string{sec.Description}
	case types.FilterNameStringTypeTagKey:
		have = slices.Collect(maps.Keys(sec.Tags))
	case types.FilterNameStringTypeTagValue:
		have = slices.Collect(maps.Values(sec.Tags))
	case types.FilterNameStringTypeAll:
		have = append([]string{sec.Name, sec.Description}, slices.Concat(slices.Collect(maps.Keys(sec.Tags)), slices.Collect(maps.Values(sec.Tags)))...)
	case types.FilterNameStringTypePrimaryRegion, types.FilterNameStringTypeOwningService:
		return false // no secret has one
	}
	begins := func(want string) bool {
		return slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, want) })
	}
	return slices.ContainsFunc(f.Values, func(want string) bool {
		if not, ok := strings.CutPrefix(want, "!"); ok {
			return !begins(not)
		}
		return begins(want)
	})
}

// ListSecretVersionIds lists the versions of a secret.
func (s *Service) ListSecretVersionIds(ctx context.Context, in *sdk.ListSecretVersionIdsInput) (*sdk.ListSecretVersionIdsOutput, error) {
	from, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	sec, err := s.secrets.Get(ctx, s.name(in.SecretId))
	if err != nil {
		return nil, failed(err)
	}
	versions := slices.DeleteFunc(sec.Versions, func(v vault.Version) bool { return len(v.Stages) == 0 && !aws.ToBool(in.IncludeDeprecated) })
	out := &sdk.ListSecretVersionIdsOutput{ARN: s.arn(sec.Name), Name: &sec.Name, Versions: []types.SecretVersionsListEntry{}}
	versions, out.NextToken = cut(versions, from, in.MaxResults, page)
	for _, v := range versions {
		out.Versions = append(out.Versions, types.SecretVersionsListEntry{VersionId: &v.ID, VersionStages: v.Stages, CreatedDate: aws.Time(v.Created)})
	}
	return out, nil
}

// TagResource sets tags of a secret.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	err := s.secrets.Update(ctx, s.name(in.SecretId), func(a *vault.About) error {
		add, err := checkTags(a.Tags, in.Tags)
		if err != nil {
			return err
		}
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		maps.Copy(a.Tags, add)
		return nil
	}, nil)
	return &sdk.TagResourceOutput{}, failed(err)
}

// UntagResource removes tags of a secret.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	err := s.secrets.Update(ctx, s.name(in.SecretId), func(a *vault.About) error {
		for _, key := range in.TagKeys {
			delete(a.Tags, key)
		}
		return nil
	}, nil)
	return &sdk.UntagResourceOutput{}, failed(err)
}
