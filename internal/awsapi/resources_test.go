package awsapi

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func TestResources(t *testing.T) {
	name := aws.String("n")
	for _, tc := range []struct {
		service, operation string
		in                 any
		want               []string // nil: unknown
	}{
		{"codepipeline", "StartPipelineExecution", &codepipeline.StartPipelineExecutionInput{Name: name}, []string{"arn:aws:codepipeline:eu-west-1:1:n"}},
		{"codepipeline", "CreatePipeline", &codepipeline.CreatePipelineInput{Pipeline: &types.PipelineDeclaration{Name: name}}, []string{"arn:aws:codepipeline:eu-west-1:1:n"}},
		{"codepipeline", "CreatePipeline", &codepipeline.CreatePipelineInput{}, nil},
		{"codepipeline", "DisableStageTransition", &codepipeline.DisableStageTransitionInput{PipelineName: name, StageName: aws.String("s")}, []string{"arn:aws:codepipeline:eu-west-1:1:n/s"}},
		{"codepipeline", "PutApprovalResult", &codepipeline.PutApprovalResultInput{PipelineName: name, StageName: aws.String("s"), ActionName: aws.String("a")}, []string{"arn:aws:codepipeline:eu-west-1:1:n/s/a"}},
		{"codepipeline", "ListTagsForResource", &codepipeline.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:codepipeline:eu-west-1:1:other")}, []string{"arn:aws:codepipeline:eu-west-1:1:other"}},
		{"codepipeline", "ListPipelines", &codepipeline.ListPipelinesInput{}, []string{"*"}},
		{"codepipeline", "DeleteWebhook", &codepipeline.DeleteWebhookInput{Name: name}, []string{"arn:aws:codepipeline:eu-west-1:1:webhook:n"}},
		{
			"codepipeline", "PutWebhook", &codepipeline.PutWebhookInput{Webhook: &types.WebhookDefinition{Name: name, TargetPipeline: aws.String("p")}},
			[]string{"arn:aws:codepipeline:eu-west-1:1:webhook:n", "arn:aws:codepipeline:eu-west-1:1:p"},
		},
		{"lambda", "Invoke", &lambda.InvokeInput{FunctionName: name}, []string{"arn:aws:lambda:eu-west-1:1:function:n"}},
		{"lambda", "Invoke", &lambda.InvokeInput{FunctionName: aws.String("2:function:n:$LATEST")}, []string{"arn:aws:lambda:eu-west-1:1:function:n"}},
		{"lambda", "Invoke", &lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:anywhere:2:function:n:3")}, []string{"arn:aws:lambda:eu-west-1:1:function:n"}},
		{"lambda", "TagResource", &lambda.TagResourceInput{Resource: aws.String("arn:aws:lambda:anywhere:2:function:n")}, []string{"arn:aws:lambda:eu-west-1:1:function:n"}},
		{"codecommit", "AssociateApprovalRuleTemplateWithRepository", &codecommit.AssociateApprovalRuleTemplateWithRepositoryInput{ApprovalRuleTemplateName: aws.String("t"), RepositoryName: name}, []string{"arn:aws:codecommit:eu-west-1:1:n"}},
		{"codecommit", "DeleteApprovalRuleTemplate", &codecommit.DeleteApprovalRuleTemplateInput{ApprovalRuleTemplateName: aws.String("t")}, nil},
		{"codepipeline", "PutJobSuccessResult", &codepipeline.PutJobSuccessResultInput{JobId: name}, nil},
		{
			"codepipeline", "PollForJobs",
			&codepipeline.PollForJobsInput{ActionTypeId: &types.ActionTypeId{Category: "Build", Owner: "Custom", Provider: name, Version: aws.String("1")}},
			[]string{"arn:aws:codepipeline:eu-west-1:1:actiontype:Custom/Build/n/1"},
		},
		{"codepipeline", "PollForJobs", &codepipeline.PollForJobsInput{}, nil},
		{"codepipeline", "CreateCustomActionType", &codepipeline.CreateCustomActionTypeInput{Category: "Test", Provider: name, Version: aws.String("1")}, []string{"arn:aws:codepipeline:eu-west-1:1:actiontype:Custom/Test/n/1"}},
		{"codepipeline", "DeleteCustomActionType", &codepipeline.DeleteCustomActionTypeInput{Category: "Test", Provider: name}, nil},
		{
			"codepipeline", "UpdateActionType",
			&codepipeline.UpdateActionTypeInput{ActionType: &types.ActionTypeDeclaration{Id: &types.ActionTypeIdentifier{Category: "Test", Owner: aws.String("ThirdParty"), Provider: name, Version: aws.String("2")}}},
			[]string{"arn:aws:codepipeline:eu-west-1:1:actiontype:ThirdParty/Test/n/2"},
		},
		{"codebuild", "BatchGetProjects", &codebuild.BatchGetProjectsInput{Names: []string{"a", "arn:aws:codebuild:eu-west-1:1:project/b"}}, []string{"arn:aws:codebuild:eu-west-1:1:project/a", "arn:aws:codebuild:eu-west-1:1:project/b"}},
		{"codebuild", "BatchGetBuilds", &codebuild.BatchGetBuildsInput{Ids: []string{"a:1", "b:2"}}, []string{"arn:aws:codebuild:eu-west-1:1:project/a", "arn:aws:codebuild:eu-west-1:1:project/b"}},
		{"codebuild", "StopBuild", &codebuild.StopBuildInput{Id: aws.String("a:1")}, []string{"arn:aws:codebuild:eu-west-1:1:project/a"}},
		{"codebuild", "StopBuildBatch", &codebuild.StopBuildBatchInput{Id: aws.String("arn:aws:codebuild:eu-west-1:1:build-batch/a:1")}, []string{"arn:aws:codebuild:eu-west-1:1:project/a"}},
		{"codebuild", "CreateWebhook", &codebuild.CreateWebhookInput{ProjectName: aws.String("a")}, []string{"arn:aws:codebuild:eu-west-1:1:project/a"}},
		{"codebuild", "BatchGetBuilds", &codebuild.BatchGetBuildsInput{Ids: []string{"arn:aws:codebuild:eu-west-1:1:build/a:1", "arn:aws:codebuild:eu-west-1:1:project/mine:build/b:2"}}, []string{"arn:aws:codebuild:eu-west-1:1:project/a", "arn:aws:codebuild:eu-west-1:1:project/b"}},
		{"codebuild", "StopBuild", &codebuild.StopBuildInput{Id: aws.String("arn:aws:codebuild:anywhere:2:build/a:1")}, []string{"arn:aws:codebuild:eu-west-1:1:project/a"}},
		{"codebuild", "BatchGetProjects", &codebuild.BatchGetProjectsInput{Names: []string{"arn:aws:codebuild:anywhere:2:project/a", "arn:aws:codebuild:eu-west-1:1:fleet/f"}}, []string{"arn:aws:codebuild:eu-west-1:1:project/a", "arn:aws:codebuild:eu-west-1:1:fleet/f"}},
		{"codebuild", "CreateReportGroup", &codebuild.CreateReportGroupInput{Name: name}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codebuild", "DeleteReportGroup", &codebuild.DeleteReportGroupInput{Arn: aws.String("arn:aws:codebuild:anywhere:2:report-group/n")}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codebuild", "DeleteReport", &codebuild.DeleteReportInput{Arn: aws.String("arn:aws:codebuild:eu-west-1:1:report/n:7f:report-group/m")}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codebuild", "BatchGetReports", &codebuild.BatchGetReportsInput{ReportArns: []string{"arn:aws:codebuild:eu-west-1:1:report/n:7f"}}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codebuild", "DescribeTestCases", &codebuild.DescribeTestCasesInput{ReportArn: aws.String("arn:aws:codebuild:eu-west-1:1:report/n:7f")}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codebuild", "ListReports", &codebuild.ListReportsInput{}, []string{"*"}},
		{"codebuild", "ListReportsForReportGroup", &codebuild.ListReportsForReportGroupInput{ReportGroupArn: aws.String("arn:aws:codebuild:eu-west-1:1:report-group/n")}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codebuild", "PutResourcePolicy", &codebuild.PutResourcePolicyInput{ResourceArn: aws.String("arn:aws:codebuild:eu-west-1:1:report-group/n")}, []string{"arn:aws:codebuild:eu-west-1:1:report-group/n"}},
		{"codecommit", "GetBranch", &codecommit.GetBranchInput{RepositoryName: name}, []string{"arn:aws:codecommit:eu-west-1:1:n"}},
		{"codecommit", "BatchGetRepositories", &codecommit.BatchGetRepositoriesInput{RepositoryNames: []string{"a", "b"}}, []string{"arn:aws:codecommit:eu-west-1:1:a", "arn:aws:codecommit:eu-west-1:1:b"}},
		{"logs", "FilterLogEvents", &cloudwatchlogs.FilterLogEventsInput{LogGroupName: name}, []string{"arn:aws:logs:eu-west-1:1:log-group:n:*"}},
		{"logs", "FilterLogEvents", &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: aws.String("arn:aws:logs:eu-west-1:1:log-group:n")}, []string{"arn:aws:logs:eu-west-1:1:log-group:n:*"}},
		{"logs", "FilterLogEvents", &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: aws.String("arn:aws:logs:eu-west-1:1:log-group:n:*")}, []string{"arn:aws:logs:eu-west-1:1:log-group:n:*"}},
		{"logs", "DescribeLogGroups", &cloudwatchlogs.DescribeLogGroupsInput{}, []string{"*"}},
		{"sns", "CreateTopic", &sns.CreateTopicInput{Name: name}, []string{"arn:aws:sns:eu-west-1:1:n"}},
		{"sns", "Publish", &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-west-1:1:n")}, []string{"arn:aws:sns:eu-west-1:1:n"}},
		{"sns", "Unsubscribe", &sns.UnsubscribeInput{SubscriptionArn: aws.String("arn:aws:sns:eu-west-1:1:n:7f")}, []string{"arn:aws:sns:eu-west-1:1:n"}},
		{"sns", "ListSubscriptions", &sns.ListSubscriptionsInput{}, []string{"*"}},
		{"cloudwatch", "PutMetricAlarm", &cloudwatch.PutMetricAlarmInput{AlarmName: name}, []string{"arn:aws:cloudwatch:eu-west-1:1:alarm:n"}},
		{"cloudwatch", "DeleteAlarms", &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"a", "b"}}, []string{"arn:aws:cloudwatch:eu-west-1:1:alarm:a", "arn:aws:cloudwatch:eu-west-1:1:alarm:b"}},
		{"cloudwatch", "TagResource", &cloudwatch.TagResourceInput{ResourceARN: aws.String("arn:aws:cloudwatch:anywhere:2:alarm:n")}, []string{"arn:aws:cloudwatch:eu-west-1:1:alarm:n"}},
		{"events", "PutRule", &eventbridge.PutRuleInput{Name: name}, []string{"arn:aws:events:eu-west-1:1:rule/n"}},
		{"events", "PutTargets", &eventbridge.PutTargetsInput{Rule: name}, []string{"arn:aws:events:eu-west-1:1:rule/n"}},
		{"events", "EnableRule", &eventbridge.EnableRuleInput{Name: aws.String("arn:aws:events:anywhere:2:rule/n")}, []string{"arn:aws:events:eu-west-1:1:rule/n"}},
		{"events", "CreateConnection", &eventbridge.CreateConnectionInput{Name: name}, []string{"arn:aws:events:eu-west-1:1:connection/n"}},
		{"events", "CreateApiDestination", &eventbridge.CreateApiDestinationInput{Name: name}, []string{"arn:aws:events:eu-west-1:1:api-destination/n"}},
		{"events", "PutEvents", &eventbridge.PutEventsInput{}, []string{"arn:aws:events:eu-west-1:1:event-bus/default"}},
		{"events", "ListRules", &eventbridge.ListRulesInput{}, []string{"*"}},
		{"cloudwatch", "DescribeAlarms", &cloudwatch.DescribeAlarmsInput{}, []string{"*"}},
		{"iam", "GetUser", &iam.GetUserInput{UserName: name}, nil},
		{"iam", "ListUsers", &iam.ListUsersInput{}, nil},
	} {
		got := resources(tc.service, tc.operation, tc.in, Place{Region: "eu-west-1", Account: "1"})
		if !slices.Equal(got, tc.want) || (got == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", tc.operation, got, tc.want)
		}
	}
}
