package awsapi

import (
	"slices"
	"strings"
)

// Offered is an operation that a Mux serves.
type Offered struct {
	// Service is its name in actions; Scope is what requests are signed for.
	Service, Operation, Scope string
	// Target is X-Amz-Target of the JSON protocol; Version is the API's in the query protocol; Method and Path are those of
	// the REST protocol. The others are empty.
	Target, Version, Method, Path string
	// Resource says where the resource comes from that policies are asked about: a member of the input, "*" for none in
	// particular. An operation without it is a mistake: nobody has thought of what it needs permission for.
	Resource string
}

// Operations lists what the Mux serves, sorted by action.
func (m *Mux) Operations() []Offered {
	var list []Offered
	for _, a := range m.json {
		for name, o := range a.ops {
			list = append(list, Offered{Service: a.Service, Operation: name, Scope: a.scope, Target: a.TargetPrefix + "." + name, Resource: resourceOf(a.Service, o, a.about)})
		}
	}
	for _, a := range m.query {
		for name, o := range a.ops {
			list = append(list, Offered{Service: a.Service, Operation: name, Scope: a.scope, Version: a.Version, Resource: resourceOf(a.Service, o, a.about)})
		}
	}
	for _, a := range m.rest {
		for _, r := range a.routes {
			list = append(list, Offered{Service: a.Service, Operation: r.Operation.name, Scope: a.scope, Method: r.Method, Path: r.Path, Resource: resourceOf(a.Service, r.Operation, About{})})
		}
	}
	slices.SortFunc(list, func(a, b Offered) int {
		return strings.Compare(a.Service+":"+a.Operation+a.Version, b.Service+":"+b.Operation+b.Version)
	})
	return list
}

// resourceOf says where the resource of an operation comes from, as resources finds it.
func resourceOf(service string, o Operation, about About) string {
	for _, member := range about.Members {
		if hasMember(o.input, member) {
			return member
		}
	}
	if from, ok := ownARN[service+":"+o.name]; ok {
		return from
	}
	if isUnnamed(o.name) || slices.Contains(nothing[service], o.name) {
		return "*"
	}
	for _, n := range namings[service] {
		for _, member := range n.members {
			if strings.Contains(o.name, n.of) && hasMember(o.input, member) {
				return member
			}
		}
	}
	return ""
}

// nothing are the operations about nothing in particular: a policy must allow them on "*".
var nothing = map[string][]string{
	"codebuild": {"ListBuildBatches", "ListBuilds", "ListCuratedEnvironmentImages", "ListProjects", "ListSharedProjects", "ListReportGroups", "ListReports", "ListSharedReportGroups"},
	"codecommit": {
		"CreateApprovalRuleTemplate", "DeleteApprovalRuleTemplate", "GetApprovalRuleTemplate", "ListApprovalRuleTemplates", "ListRepositories",
		"ListRepositoriesForApprovalRuleTemplate", "UpdateApprovalRuleTemplateContent", "UpdateApprovalRuleTemplateDescription", "UpdateApprovalRuleTemplateName",
	},
	"codeconnections":      {"CreateHost", "ListConnections", "ListHosts"},
	"codestar-connections": {"CreateHost", "ListConnections", "ListHosts"},
	"codepipeline": {
		"AcknowledgeJob", "AcknowledgeThirdPartyJob", "GetJobDetails", "GetThirdPartyJobDetails", "ListPipelines", "ListRuleTypes", "ListWebhooks",
		"PollForThirdPartyJobs", "PutJobFailureResult", "PutJobSuccessResult", "PutThirdPartyJobFailureResult", "PutThirdPartyJobSuccessResult",
	},
	"events": {"ListApiDestinations", "ListConnections", "ListEventBuses", "TestEventPattern"},
	"iam": {
		"CreateAccountAlias", "DeleteAccountAlias", "GetAccessKeyLastUsed", "GetAccountSummary", "GetContextKeysForCustomPolicy", "ListAccountAliases",
		"ListGroups", "ListPolicies", "ListRoles", "ListUsers", "ListVirtualMFADevices", "SimulateCustomPolicy",
	},
	"lambda":         {"ListFunctions"},
	"logs":           {"DescribeLogGroups", "StartLiveTail"},
	"secretsmanager": {"GetRandomPassword", "ListSecrets"},
	"sns":            {"ListSubscriptions", "ListTopics"},
	"ssm":            {"DescribeParameters"},
	"sts":            {"DecodeAuthorizationMessage", "GetAccessKeyInfo", "GetCallerIdentity", "GetFederationToken", "GetSessionToken"},
}

// ownARN are the operations whose resource is neither nothing nor one of a service's main kind.
var ownARN = map[string]string{
	"codepipeline:PollForJobs": "actionTypeId", "events:PutEvents": "event-bus/default", "sts:AssumeRole": "RoleArn",
}
