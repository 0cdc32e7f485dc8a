package app

import (
	"net/http"
	"slices"
	"strings"
)

// paths are what is asked for by path: of S3, of git and of Conveyor's own.
var paths = slices.Concat(
	of("s3", "BUCKET", "/bucket", "GET", "HEAD", "GET ?versions", "GET ?uploads", "GET ?location", "GET ?policy", "GET ?policyStatus", "GET ?acl", "GET ?cors", "GET ?website",
		"GET ?versioning", "GET ?tagging", "GET ?ownershipControls", "GET ?publicAccessBlock", "GET ?encryption", "GET ?lifecycle", "GET ?replication",
		"GET ?notification", "GET ?logging", "GET ?accelerate", "GET ?requestPayment", "GET ?object-lock",
		"PUT ?policy", "PUT ?acl", "PUT ?cors", "PUT ?website", "PUT ?versioning", "PUT ?tagging", "PUT ?ownershipControls", "PUT ?publicAccessBlock",
		"PUT ?encryption", "PUT ?lifecycle", "PUT ?replication", "PUT ?notification", "PUT ?logging", "PUT ?accelerate", "PUT ?requestPayment",
		"DELETE ?policy", "DELETE ?cors", "DELETE ?website", "DELETE ?tagging", "DELETE ?ownershipControls", "DELETE ?publicAccessBlock",
		"DELETE ?encryption", "DELETE ?lifecycle", "DELETE ?replication"),
	of("s3", "BUCKET/KEY", "/bucket/key", "GET", "HEAD", "GET ?acl", "GET ?tagging", "GET ?attributes", "GET ?versionId=null", "PUT", "PUT ?acl", "PUT ?tagging", "POST ?uploads",
		"PUT ?partNumber=1&uploadId=none", "GET ?uploadId=none", "POST ?uploadId=none", "DELETE ?uploadId=none", "DELETE ?tagging", "DELETE ?versionId=null", "DELETE"),
	of("s3", "BUCKET", "/empty", "DELETE"),
	of("s3", "BUCKET", "/another-bucket", "PUT"),
	of("s3", "*", "/", "GET"),
	of("s3", "BUCKET", "/v20180820/tags/arn:aws:s3:::bucket", "GET", "POST", "DELETE"),
	[]question{
		{
			name: "POST /bucket?delete", resource: "BUCKET/KEY", scope: "s3", method: http.MethodPost, path: "/bucket?delete=",
			body: `<Delete><Object><Key>key</Key></Object></Delete>`,
		},
		{
			name: "PUT /bucket/copy", resource: "BUCKET/KEY", scope: "s3", method: http.MethodPut, path: "/bucket/copy",
			header: map[string]string{"X-Amz-Copy-Source": "/bucket/key"},
		},
	},
	of("git", "REPOSITORY", "/v1/repos/site/info/refs", "GET ?service=git-upload-pack"),
	[]question{{
		name: "GET /v1/repos/site/info/refs?service=git-receive-pack", resource: "REPOSITORY", scope: "git",
		method: http.MethodGet, path: "/v1/repos/site/info/refs?service=git-receive-pack", // the beginning of a push
	}},
	of("codepipeline", "PIPELINE", "/conveyor/explain/some", "GET"),
	of("codebuild", "project/PROJECT", "/conveyor/shells/some:7d0f3c52-3f2b-4f4e-9a2c-0d3c9b1c2a77", "POST"),
	of("codeconnections", "*", "/conveyor/connections/", "GET"),
	of("codeconnections", "ARN", "/conveyor/connections/authorizations/arn:aws:codeconnections:us-east-1:000000000000:connection/some", "PUT"),
	of("codeconnections", "*", "/conveyor/connections/logins", "GET"),
	of("codeconnections", "login/NAME", "/conveyor/connections/logins/some", "PUT", "DELETE"),
	of("events", "event-bus/default", "/conveyor/events", "GET"),
	of("events", "event-bus/default", "/conveyor/events/dead-letters", "GET"),
	of("events", "event-bus/default", "/conveyor/events/dead-letters/1/redeliver", "POST"),
	of("sns", "TopicArn", "/conveyor/topics/dead-letters?TopicArn=arn:aws:sns:us-east-1:000000000000:some", "GET", "POST"),
	of("sts", "*", "/conveyor/console/link", "POST"),
	of("console", "*", "/conveyor/console/session", "GET"),
	of("console", "*", "/conveyor/console/summary", "GET"),
	of("console", "*", "/conveyor/console/events", "GET"),
	of("console", "GROUP", "/conveyor/console/log?group=some&stream=some", "GET"),
	of("console", "PIPELINE", "/conveyor/console/explain/some", "GET"),
	of("console", "REPOSITORY", "/conveyor/console/code/site/references", "GET"),
	of("console", "REPOSITORY", "/conveyor/console/code/site/commits", "GET"),
	of("console", "REPOSITORY", "/conveyor/console/code/site/tags/v1", "PUT", "DELETE"),
	of("console", "BUCKET/KEY", "/conveyor/console/s3/bucket/key", "GET", "PUT"),
)

// of are requests for a path: each a method, and what follows the path.
func of(scope, resource, path string, asked ...string) []question {
	var list []question
	for _, a := range asked {
		method, query, _ := strings.Cut(a, " ")
		list = append(list, question{
			name: method + " " + path + query, resource: resource, reads: method == http.MethodGet || method == http.MethodHead,
			scope: scope, method: method, path: path + query, body: bodies[method+" "+query],
		})
	}
	return list
}

// bodies are those of requests that are looked into before permissions are.
var bodies = map[string]string{
	"PUT ?cors":              `<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`,
	"PUT ?website":           `<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>`,
	"PUT ?versioning":        `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`,
	"PUT ?tagging":           `<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>`,
	"PUT ?ownershipControls": `<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`,
}
