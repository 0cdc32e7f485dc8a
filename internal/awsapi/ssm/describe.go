package ssm

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/conveyor-cd/conveyor/internal/parameter"
)

// DescribeParameters lists parameters without their values.
func (s *Service) DescribeParameters(ctx context.Context, in *sdk.DescribeParametersInput) (*sdk.DescribeParametersOutput, error) {
	filters := in.ParameterFilters
	if len(in.Filters) > 0 && len(filters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	for _, f := range in.Filters {
		option := "Equals"
		if f.Key == types.ParametersFilterKeyName {
			option = "BeginsWith"
		}
		filters = append(filters, types.ParameterStringFilter{Key: aws.String(string(f.Key)), Option: &option, Values: f.Values})
	}
	match, err := matcher(filters, "Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType", "tag:")
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}}
	if aws.ToBool(in.Shared) {
		return out, nil // there is one account
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	n := limit(in.MaxResults, page)
	list, err := s.parameters.List(ctx, parameter.Query{After: after, Limit: n + 1, Match: match})
	if err != nil {
		return nil, err
	}
	list, out.NextToken = cut(list, n)
	for _, v := range list {
		out.Parameters = append(out.Parameters, types.ParameterMetadata{
			ARN: s.arn(v.Name), Name: aws.String(v.Name), Type: types.ParameterType(v.Kind), Version: v.Number, LastModifiedDate: aws.Time(v.Modified),
			AllowedPattern: optional(v.About.AllowedPattern), DataType: aws.String(v.About.DataType), Description: optional(v.About.Description),
			KeyId: optional(v.About.KeyID), LastModifiedUser: optional(v.About.User), Tier: types.ParameterTier(v.About.Tier),
			Policies: []types.ParameterInlinePolicy{},
		})
	}
	return out, nil
}

// matcher is what the filters of a request ask for; they may have the given keys, of which one that ends with a colon takes
// a tag's name.
func matcher(filters []types.ParameterStringFilter, keys ...string) (func(parameter.Version) bool, error) {
	var all []func(parameter.Version) bool
	for _, f := range filters {
		m, err := filter(f, keys)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return func(v parameter.Version) bool {
		return !slices.ContainsFunc(all, func(m func(parameter.Version) bool) bool { return !m(v) })
	}, nil
}

func filter(f types.ParameterStringFilter, keys []string) (func(parameter.Version) bool, error) {
	key := aws.ToString(f.Key)
	tag, isTag := strings.CutPrefix(key, "tag:")
	if !slices.Contains(keys, key) && !(isTag && slices.Contains(keys, "tag:")) {
		return nil, &types.InvalidFilterKey{Message: aws.String("The filter key " + key + " is not valid. Valid filter keys include: [" + strings.Join(keys, ", ") + "].")}
	}
	option := aws.ToString(f.Option)
	if option == "" {
		option = map[bool]string{true: "OneLevel", false: "Equals"}[key == "Path"]
	}
	if len(f.Values) == 0 && !isTag {
		return nil, &types.InvalidFilterValue{Message: aws.String("The filter " + key + " has no values.")}
	}
	one, ok := options(key)[option]
	if !ok {
		return nil, &types.InvalidFilterOption{Message: aws.String("The filter option " + option + " is not valid for the key " + key + ".")}
	}
	return func(v parameter.Version) bool {
		have, ok := fields(v, key, tag, isTag)
		if isTag && len(f.Values) == 0 {
			return ok
		}
		return ok && slices.ContainsFunc(have, func(h string) bool {
			return slices.ContainsFunc(f.Values, func(want string) bool { return one(h, want) })
		})
	}, nil
}

// options are the ways in which a key's values can be compared.
func options(key string) map[string]func(have, want string) bool {
	equals := func(have, want string) bool { return have == want }
	switch key {
	case "Path":
		below := func(have, want string) (string, bool) {
			return strings.CutPrefix(have, strings.TrimSuffix(want, "/")+"/")
		}
		return map[string]func(have, want string) bool{
			"Recursive": func(have, want string) bool { _, ok := below(have, want); return ok },
			"OneLevel":  func(have, want string) bool { rest, ok := below(have, want); return ok && !strings.Contains(rest, "/") },
		}
	case "Name":
		bare := func(name string) string { return strings.TrimPrefix(name, "/") } // a leading slash does not count
		return map[string]func(have, want string) bool{
			"Equals": equals, "Contains": strings.Contains,
			"BeginsWith": func(have, want string) bool { return strings.HasPrefix(bare(have), bare(want)) },
		}
	}
	return map[string]func(have, want string) bool{"Equals": equals, "BeginsWith": strings.HasPrefix}
}

func fields(v parameter.Version, key, tag string, isTag bool) ([]string, bool) {
	if isTag {
		value, ok := v.Tags[tag]
		return []string{value}, ok
	}
	switch key {
	case "Type":
		return []string{v.Kind}, true
	case "KeyId":
		return []string{v.About.KeyID}, v.About.KeyID != ""
	case "Label":
		return v.Labels, true
	case "Tier":
		return []string{v.About.Tier}, true
	case "DataType":
		return []string{v.About.DataType}, true
	}
	return []string{v.Name}, true // Name, Path
}
