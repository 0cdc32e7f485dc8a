package ssm

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/parameter"
)

// Sizes of values, in bytes, by tier.
const (
	standardSize = 4 << 10
	advancedSize = 8 << 10
)

const (
	maxLevels = 15
	maxName   = 1011 // of an ARN as a whole, and so of a name
	anyTier   = string(types.ParameterTierIntelligentTiering)
	advanced  = string(types.ParameterTierAdvanced)
	standard  = string(types.ParameterTierStandard)
	plainText = "text"
)

var nameOf = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// checkName refuses the names a new parameter cannot have.
func (s *Service) checkName(name string) error {
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case len(*s.arn(name)) > maxName:
		return invalid("The parameter name is too long: with its ARN it has more than %d characters.", maxName)
	case !nameOf.MatchString(name) || strings.Contains(name, "//") || strings.HasSuffix(name, "/"):
		return invalid("Parameter name: can't be %q. It may only use letters, digits and the characters . - _ and, between the levels of a hierarchy, /.", name)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return invalid("Parameter name must be a fully qualified name: begin it with /, as in /%s.", name)
	case strings.HasPrefix(bare, "aws") || strings.HasPrefix(bare, "ssm"):
		return invalid(`Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`)
	case strings.Count(name, "/") > maxLevels:
		return &types.HierarchyLevelLimitExceededException{Message: aws.String("A parameter's name can have at most 15 levels.")}
	}
	return nil
}

// tier is the tier of a value that is put.
func tier(in *sdk.PutParameterInput) (string, error) {
	t, size := string(in.Tier), len(*in.Value)
	if t == anyTier && size > standardSize {
		t = advanced
	}
	if t == "" || t == anyTier {
		t = standard
	}
	switch {
	case t == standard && size > standardSize:
		return "", invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.")
	case size > advancedSize:
		return "", invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	}
	return t, nil
}

// checkValue refuses values that are not what they are said to be. No message holds a value.
func checkValue(in *sdk.PutParameterInput) error {
	if t := aws.ToString(in.DataType); t != "" && t != plainText {
		return invalid("The data type %s is not supported by this server: use text.", t)
	}
	if p := aws.ToString(in.Policies); p != "" && p != "[]" {
		return invalid("Parameter policies are not supported by this server: leave Policies out.")
	}
	if in.Type == types.ParameterTypeStringList && (strings.HasPrefix(*in.Value, ",") || strings.HasSuffix(*in.Value, ",") || strings.Contains(*in.Value, ",,")) {
		return invalid("Parameter value: a StringList has no empty items.")
	}
	if in.AllowedPattern == nil || *in.AllowedPattern == "" {
		return nil
	}
	re, err := regexp.Compile(*in.AllowedPattern)
	if err != nil {
		return &types.InvalidAllowedPatternException{Message: aws.String("The allowed pattern is not a regular expression: " + err.Error())}
	}
	if !re.MatchString(*in.Value) {
		return &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + *in.AllowedPattern)}
	}
	return nil
}

// PutParameter makes a parameter or another version of one.
func (s *Service) PutParameter(ctx context.Context, in *sdk.PutParameterInput) (*sdk.PutParameterOutput, error) {
	name, selector := s.name(*in.Name)
	if selector != "" {
		return nil, invalid("Parameter name: can't hold a version or label: %s", *in.Name)
	}
	overwrite := aws.ToBool(in.Overwrite)
	if overwrite && len(in.Tags) > 0 {
		return nil, invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	if err := s.checkName(name); err != nil {
		return nil, err
	}
	if in.Type == "" && !overwrite {
		return nil, invalid("A parameter type is required when you create a parameter.")
	}
	if err := checkValue(in); err != nil {
		return nil, err
	}
	t, err := tier(in)
	if err != nil {
		return nil, err
	}
	tags := tagsOf(in.Tags)
	if err := checkTags(nil, tags); err != nil {
		return nil, err
	}
	key := aws.ToString(in.KeyId)
	if in.Type == types.ParameterTypeSecureString && key == "" {
		key = "alias/aws/ssm"
	}
	number, err := s.parameters.Put(ctx, parameter.Version{
		Name: name, Kind: string(in.Type), Stored: *in.Value,
		About: parameter.About{
			Description: aws.ToString(in.Description), DataType: plainText, Tier: t, AllowedPattern: aws.ToString(in.AllowedPattern),
			KeyID: key, User: awsapi.Caller(ctx).Arn,
		},
	}, overwrite, tags)
	if errors.Is(err, parameter.ErrNoKind) {
		return nil, invalid("A parameter type is required when you create a parameter.")
	}
	if err != nil {
		return nil, failed(err, name)
	}
	return &sdk.PutParameterOutput{Version: number, Tier: types.ParameterTier(t)}, nil
}
