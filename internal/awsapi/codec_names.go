package awsapi

import (
	"reflect"
	"strings"
	"sync"
	"time"

	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go/middleware"
)

// wireNames holds the members whose wire name follows from no rule: neither their Go name with the first letter lowered
// nor, in the services of pascalCase, the Go name itself. A key is the SDK's
// package below service/, the type and the field.
var wireNames = map[string]string{
	"codepipeline.ListWebhooksInput.NextToken":                       "NextToken",
	"codepipeline.ListWebhooksInput.MaxResults":                      "MaxResults",
	"codepipeline.ListWebhooksOutput.NextToken":                      "NextToken",
	"codepipeline/types.WebhookAuthConfiguration.AllowedIPRange":     "AllowedIPRange",
	"codepipeline/types.WebhookAuthConfiguration.SecretToken":        "SecretToken",
	"codecommit.GetDifferencesInput.MaxResults":                      "MaxResults",
	"codecommit.GetDifferencesInput.NextToken":                       "NextToken",
	"codecommit.GetDifferencesOutput.NextToken":                      "NextToken",
	"codecommit.GetBlobDifferencesInput.MaxResults":                  "MaxResults",
	"codecommit.GetBlobDifferencesInput.NextToken":                   "NextToken",
	"codecommit.GetBlobDifferencesOutput.NextToken":                  "NextToken",
	"codecommit/types.RepositoryMetadata.Arn":                        "Arn",
	"sts/types.PolicyDescriptorType.Arn":                             "arn",
	"cloudwatch/types.InvalidFormatFault.Message":                    "message",
	"cloudwatch/types.InvalidNextToken.Message":                      "message",
	"cloudwatch/types.InvalidParameterCombinationException.Message":  "message",
	"cloudwatch/types.InvalidParameterValueException.Message":        "message",
	"cloudwatch/types.LimitExceededFault.Message":                    "message",
	"cloudwatch/types.MissingRequiredParameterException.Message":     "message",
	"cloudwatch/types.ResourceNotFound.Message":                      "message",
	"cloudwatchlogs.DescribeDestinationsInput.DestinationNamePrefix": "DestinationNamePrefix",

	"eventbridge/types.AccessDeniedException.Message":                 "message",
	"eventbridge/types.ConcurrentModificationException.Message":       "message",
	"eventbridge/types.IllegalStatusException.Message":                "message",
	"eventbridge/types.InternalException.Message":                     "message",
	"eventbridge/types.InvalidEventPatternException.Message":          "message",
	"eventbridge/types.InvalidStateException.Message":                 "message",
	"eventbridge/types.LimitExceededException.Message":                "message",
	"eventbridge/types.ManagedRuleException.Message":                  "message",
	"eventbridge/types.OperationDisabledException.Message":            "message",
	"eventbridge/types.PolicyLengthExceededException.Message":         "message",
	"eventbridge/types.ResourceAlreadyExistsException.Message":        "message",
	"eventbridge/types.ResourceNotFoundException.Message":             "message",
	"eventbridge/types.ThrottlingException.Message":                   "message",
	"eventbridge/types.CapacityProviderStrategyItem.CapacityProvider": "capacityProvider",
	"eventbridge/types.CapacityProviderStrategyItem.Weight":           "weight",
	"eventbridge/types.CapacityProviderStrategyItem.Base":             "base",
	"eventbridge/types.NetworkConfiguration.AwsvpcConfiguration":      "awsvpcConfiguration",
	"eventbridge/types.PlacementConstraint.Type":                      "type",
	"eventbridge/types.PlacementConstraint.Expression":                "expression",
	"eventbridge/types.PlacementStrategy.Type":                        "type",
	"eventbridge/types.PlacementStrategy.Field":                       "field",
}

// pascalCase names the SDK packages whose members keep their capital: the services of the query protocol, and some of JSON.
var pascalCase = map[string]bool{
	"iam": true, "iam/types": true, "sts": true, "sts/types": true, "cloudwatch": true, "cloudwatch/types": true,
	"codeconnections": true, "codeconnections/types": true,
	"eventbridge": true, "eventbridge/types": true,
	"lambda": true, "lambda/types": true,
	"ssm": true, "ssm/types": true, "secretsmanager": true, "secretsmanager/types": true,
	"sns": true, "sns/types": true,
}

// unions lists the variants of the SDKs' tagged unions, which reflection cannot find: a variant's wire name is what
// follows "Member" in its type's name, its only field is Value.
var unions = map[reflect.Type][]reflect.Type{
	reflect.TypeFor[cloudwatch.EvaluationCriteria](): {reflect.TypeFor[cloudwatch.EvaluationCriteriaMemberPromQLCriteria]()},
	reflect.TypeFor[cloudwatch.EvaluationWindow](): {
		reflect.TypeFor[cloudwatch.EvaluationWindowMemberWallClockWindow](), reflect.TypeFor[cloudwatch.EvaluationWindowMemberSlidingWindow](),
	},
	reflect.TypeFor[logs.IntegrationDetails](): {reflect.TypeFor[logs.IntegrationDetailsMemberOpenSearchIntegrationDetails]()},
	reflect.TypeFor[logs.ResourceConfig]():     {reflect.TypeFor[logs.ResourceConfigMemberOpenSearchResourceConfig]()},
}

const sdkServices = "github.com/aws/aws-sdk-go-v2/service/"

var (
	timeType     = reflect.TypeFor[time.Time]()
	metadataType = reflect.TypeFor[middleware.Metadata]()
	bytesType    = reflect.TypeFor[[]byte]()
)

// member is one wire member of an SDK struct.
type member struct {
	index int
	name  string
	key   string // `"name":`, as the encoder writes it
}

// planCache keeps the members of every struct met so far; they depend on nothing but the type.
var planCache sync.Map // reflect.Type -> []member

// members lists what of struct t is on the wire, in the order of its fields.
func members(t reflect.Type) []member {
	if p, ok := planCache.Load(t); ok {
		return p.([]member)
	}
	var plan []member
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Type == metadataType || f.Name == "ErrorCodeOverride" {
			continue
		}
		n := wireName(t, f.Name)
		plan = append(plan, member{index: i, name: n, key: `"` + n + `":`})
	}
	planCache.Store(t, plan)
	return plan
}

func wireName(t reflect.Type, field string) string {
	pkg := strings.TrimPrefix(t.PkgPath(), sdkServices)
	if n, ok := wireNames[pkg+"."+t.Name()+"."+field]; ok {
		return n
	}
	if pascalCase[pkg] {
		return field
	}
	return lowerFirst(field)
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// variantName is the wire name of a union's variant: IntegrationDetailsMemberOpenSearch -> openSearch.
func variantName(union, variant reflect.Type) string {
	name := strings.TrimPrefix(variant.Name(), union.Name()+"Member")
	if pascalCase[strings.TrimPrefix(union.PkgPath(), sdkServices)] {
		return name
	}
	return lowerFirst(name)
}
