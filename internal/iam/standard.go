package iam

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// standardPolicy is a managed policy that every server has under the ARN AWS gave it. Its document is ours: it allows, of
// what AWS's allows, the actions this server has and the ones beside them that share their names' beginnings.
type standardPolicy struct {
	id, arn, name, path, description string
	document                         string
}

// standardSince is when the standard policies say that they were made.
var standardSince = time.Date(2015, 2, 6, 18, 0, 0, 0, time.UTC)

// policy is s with how often it is in use.
func (s standardPolicy) policy(ctx context.Context, r store.Reader) (ManagedPolicy, error) {
	p := ManagedPolicy{
		ID: s.id, Arn: s.arn, Name: s.name, Path: s.path, Description: s.description, Default: 1, Created: standardSince, Updated: standardSince, Ours: true,
	}
	err := r.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM iam_attachments WHERE policy_arn = $1),
		(SELECT COUNT(*) FROM iam_principals WHERE boundary <> '' AND boundary = $1)`, s.arn).Scan(&p.Attached, &p.Boundaries)
	return p, err
}

// statement is one of a standard policy's.
type statement struct {
	Effect    string
	Action    []string `json:",omitempty"`
	NotAction []string `json:",omitempty"`
	Resource  string
	Condition any `json:",omitempty"`
}

func allow(actions ...string) statement {
	return statement{Effect: "Allow", Action: actions, Resource: "*"}
}

// passTo allows roles to be handed to a service, as AWS's policies do.
func passTo(services ...string) statement {
	s := allow("iam:PassRole")
	s.Condition = map[string]any{"StringEqualsIfExists": map[string]any{"iam:PassedToService": services}}
	return s
}

const (
	readCodePipeline = "codepipeline:GetPipeline*,codepipeline:GetActionType,codepipeline:List*" // not GetJobDetails: it gives credentials and secrets
	readCodeBuild    = "codebuild:BatchGet*,codebuild:Describe*,codebuild:Get*,codebuild:List*"
	readCodeCommit   = "codecommit:BatchGet*,codecommit:BatchDescribe*,codecommit:Describe*,codecommit:EvaluatePullRequestApprovalRules,codecommit:Get*,codecommit:GitPull,codecommit:List*"
	readCodeDeploy   = "codedeploy:Batch*,codedeploy:Get*,codedeploy:List*"
	readLogs         = "logs:Describe*,logs:Get*,logs:List*,logs:FilterLogEvents,logs:StartQuery,logs:StopQuery,logs:TestMetricFilter"
	readCloudWatch   = "cloudwatch:Describe*,cloudwatch:Get*,cloudwatch:List*"
	readEvents       = "events:Describe*,events:List*,events:TestEventPattern"
	readS3           = "s3:Get*,s3:List*,s3:Describe*"
	readIAM          = "iam:GenerateCredentialReport,iam:Get*,iam:List*,iam:SimulateCustomPolicy,iam:SimulatePrincipalPolicy"
	readSNS          = "sns:Get*,sns:List*"
	readLambda       = "lambda:Get*,lambda:List*"
	readConnections  = "codeconnections:Get*,codeconnections:List*,codestar-connections:Get*,codestar-connections:List*"
	readOthers       = "sts:GetCallerIdentity,sts:GetAccessKeyInfo,ssm:Describe*,ssm:List*,secretsmanager:Describe*,secretsmanager:List*,ecr:Describe*,ecr:List*,ecr:Get*,ecs:Describe*,ecs:List*,tag:Get*"
	buildAndWatch    = "codebuild:StartBuild*,codebuild:StopBuild*,codebuild:RetryBuild*"
)

// standardPolicies are the policies of AWS that people attach, by ARN.
var standardPolicies = func() map[string]standardPolicy {
	all := map[string]standardPolicy{}
	add := func(id, name, description string, statements ...statement) {
		path := "/"
		if i := strings.LastIndex(name, "/"); i >= 0 {
			path, name = "/"+name[:i+1], name[i+1:]
		}
		for i := range statements {
			statements[i].Action = split(statements[i].Action)
		}
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err != nil {
			panic(err) // texts always have a JSON form
		}
		arn := "arn:aws:iam::aws:policy" + path + name
		all[arn] = standardPolicy{id: id, arn: arn, name: name, path: path, description: description, document: string(text)}
	}
	add("ANPAADMINISTRATORACCE", "AdministratorAccess", "Allows every action on everything.", allow("*"))
	add("ANPAPOWERUSERACCESS00", "PowerUserAccess", "Allows everything but the management of users, groups, roles and policies.",
		statement{Effect: "Allow", NotAction: []string{"iam:*", "organizations:*", "account:*"}, Resource: "*"}, allow("iam:CreateServiceLinkedRole,iam:DeleteServiceLinkedRole,iam:ListRoles"))
	add("ANPAREADONLYACCESS000", "ReadOnlyAccess", "Allows reading everything and changing nothing.",
		allow(readCodePipeline, readCodeBuild, readCodeCommit, readCodeDeploy, readLogs, readCloudWatch, readEvents, readS3, readIAM, readSNS, readLambda, readConnections, readOthers, "events:ConveyorListen"))
	add("ANPAVIEWONLYACCESS000", "job-function/ViewOnlyAccess", "Allows listing what there is, without reading contents.",
		allow("codepipeline:ListPipelines,codebuild:ListBuilds*,codebuild:ListProjects,codecommit:ListBranches,codecommit:ListRepositories,codecommit:Get*,codedeploy:List*,logs:Describe*,logs:ListTagsLogGroup,cloudwatch:Get*,cloudwatch:List*,cloudwatch:Describe*,events:List*,s3:ListAllMyBuckets,s3:ListBucket,iam:List*,iam:GetAccountSummary,sns:List*,lambda:List*"))
	add("ANPACODEPIPELINEFULL0", "AWSCodePipeline_FullAccess", "Allows everything of CodePipeline, and reading what its pipelines use.",
		allow("codepipeline:*", readCodeBuild, readCodeCommit, readCodeDeploy, readEvents, readSNS, readLambda, readConnections,
			"iam:GetRole,iam:ListRoles,s3:ListAllMyBuckets,s3:GetBucketLocation,s3:GetBucketPolicy,s3:GetBucketVersioning,s3:GetObjectVersion,s3:CreateBucket,s3:PutBucketPolicy,logs:DescribeLogGroups,logs:GetLogEvents,events:PutRule,events:PutTargets,events:DeleteRule,events:DisableRule,events:EnableRule,events:RemoveTargets"),
		passTo("codepipeline.amazonaws.com", "events.amazonaws.com"))
	add("ANPACODEPIPELINEREAD0", "AWSCodePipeline_ReadOnlyAccess", "Allows reading everything of CodePipeline.",
		allow(readCodePipeline, "s3:ListAllMyBuckets,s3:GetBucketPolicy"))
	add("ANPACODEPIPELINEAPPRO", "AWSCodePipelineApproverAccess", "Allows reading pipelines, and deciding their manual approvals.",
		allow(readCodePipeline, "codepipeline:PutApprovalResult"))
	add("ANPACODEPIPELINEACTIO", "AWSCodePipelineCustomActionAccess", "Allows job workers to poll for jobs and to hand in results.",
		allow("codepipeline:AcknowledgeJob,codepipeline:GetJobDetails,codepipeline:PollForJobs,codepipeline:PutJobFailureResult,codepipeline:PutJobSuccessResult"))
	add("ANPACODEBUILDADMIN000", "AWSCodeBuildAdminAccess", "Allows everything of CodeBuild, and reading what its projects use.",
		allow("codebuild:*", readCodeCommit, "iam:GetRole,iam:ListRoles,s3:GetBucketLocation,s3:ListAllMyBuckets,logs:GetLogEvents,logs:DeleteLogGroup"), passTo("codebuild.amazonaws.com"))
	add("ANPACODEBUILDDEVELOPE", "AWSCodeBuildDeveloperAccess", "Allows running builds and reading projects, but not changing projects.",
		allow(readCodeBuild, buildAndWatch, "codebuild:StartCommandExecution,codebuild:StartSandbox*,codebuild:StopSandbox,codecommit:GetBranch,codecommit:GetCommit,codecommit:GetRepository,codecommit:ListBranches,cloudwatch:GetMetricStatistics,events:DescribeRule,events:ListTargetsByRule,events:ListRuleNamesByTarget,logs:GetLogEvents,s3:GetBucketLocation,s3:ListAllMyBuckets"))
	add("ANPACODEBUILDREADONLY", "AWSCodeBuildReadOnlyAccess", "Allows reading projects and builds.",
		allow(readCodeBuild, "codecommit:GetBranch,codecommit:GetCommit,codecommit:GetRepository,logs:GetLogEvents"))
	add("ANPACODECOMMITFULL000", "AWSCodeCommitFullAccess", "Allows everything of CodeCommit.", allow("codecommit:*"))
	add("ANPACODECOMMITPOWER00", "AWSCodeCommitPowerUser", "Allows everything of CodeCommit but deleting repositories.",
		allow(readCodeCommit, "codecommit:AssociateApprovalRuleTemplateWithRepository,codecommit:BatchAssociateApprovalRuleTemplateWithRepositories,codecommit:BatchDisassociateApprovalRuleTemplateFromRepositories,codecommit:Create*,codecommit:DeleteBranch,codecommit:DeleteFile,codecommit:DeleteCommentContent,codecommit:DeletePullRequestApprovalRule,codecommit:DeleteApprovalRuleTemplate,codecommit:DisassociateApprovalRuleTemplateFromRepository,codecommit:Merge*,codecommit:OverridePullRequestApprovalRules,codecommit:Post*,codecommit:Put*,codecommit:TagResource,codecommit:Test*,codecommit:UntagResource,codecommit:Update*,codecommit:GitPush,iam:ListUsers,iam:ListAccessKeys"))
	add("ANPACODECOMMITREAD000", "AWSCodeCommitReadOnly", "Allows reading repositories.", allow(readCodeCommit))
	add("ANPACODEDEPLOYFULL000", "AWSCodeDeployFullAccess", "Allows everything of CodeDeploy.", allow("codedeploy:*"), passTo("codedeploy.amazonaws.com"))
	add("ANPACODEDEPLOYREAD000", "AWSCodeDeployReadOnlyAccess", "Allows reading everything of CodeDeploy.", allow(readCodeDeploy))
	add("ANPACODEDEPLOYDEPLOY0", "AWSCodeDeployDeployerAccess", "Allows registering and deploying revisions.",
		allow(readCodeDeploy, "codedeploy:CreateDeployment,codedeploy:RegisterApplicationRevision"))
	add("ANPAS3FULLACCESS00000", "AmazonS3FullAccess", "Allows everything of S3.", allow("s3:*"))
	add("ANPAS3READONLYACCESS0", "AmazonS3ReadOnlyAccess", "Allows reading every bucket.", allow(readS3))
	add("ANPALOGSFULLACCESS000", "CloudWatchLogsFullAccess", "Allows everything of CloudWatch Logs.", allow("logs:*"))
	add("ANPALOGSREADONLY00000", "CloudWatchLogsReadOnlyAccess", "Allows reading logs.", allow(readLogs))
	add("ANPACLOUDWATCHFULL000", "CloudWatchFullAccess", "Allows everything of CloudWatch and CloudWatch Logs.", allow("cloudwatch:*,logs:*", readSNS, "iam:GetRole,iam:ListRoles"))
	add("ANPACLOUDWATCHREAD000", "CloudWatchReadOnlyAccess", "Allows reading alarms, metrics and logs.", allow(readCloudWatch, readLogs, readSNS))
	add("ANPAEVENTSFULL0000000", "AmazonEventBridgeFullAccess", "Allows everything of EventBridge.", allow("events:*"), passTo("events.amazonaws.com"))
	add("ANPAEVENTSREADONLY000", "AmazonEventBridgeReadOnlyAccess", "Allows reading rules and buses.", allow(readEvents))
	add("ANPASNSFULLACCESS0000", "AmazonSNSFullAccess", "Allows everything of SNS.", allow("sns:*"))
	add("ANPASNSREADONLY000000", "AmazonSNSReadOnlyAccess", "Allows reading topics.", allow(readSNS))
	add("ANPALAMBDAFULLACCESS0", "AWSLambda_FullAccess", "Allows everything of Lambda.", allow("lambda:*", readLogs, "iam:GetRole,iam:ListRoles"), passTo("lambda.amazonaws.com"))
	add("ANPALAMBDAREADONLY000", "AWSLambda_ReadOnlyAccess", "Allows reading functions.", allow(readLambda, readLogs))
	add("ANPALAMBDABASICEXECUT", "service-role/AWSLambdaBasicExecutionRole", "Allows writing logs.", allow("logs:CreateLogGroup,logs:CreateLogStream,logs:PutLogEvents"))
	add("ANPAIAMFULLACCESS0000", "IAMFullAccess", "Allows everything of IAM.", allow("iam:*"))
	add("ANPAIAMREADONLYACCESS", "IAMReadOnlyAccess", "Allows reading everything of IAM.", allow(readIAM))
	return all
}()

// split makes lists of "a,b".
func split(lists []string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, strings.Split(list, ",")...)
	}
	return all
}
