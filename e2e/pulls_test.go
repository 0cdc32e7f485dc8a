package e2e

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	"github.com/rogpeppe/go-internal/testscript"
)

func cmdClosed(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "closed ID")
	c := codecommit.NewFromConfig(aws.Config{
		Region:       ts.Getenv("AWS_DEFAULT_REGION"),
		BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(
			ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	eventually(ts, "closed "+strings.Join(args, " "), func(ctx context.Context) (string, bool, error) {
		out, err := c.GetPullRequest(ctx, &codecommit.GetPullRequestInput{PullRequestId: &args[0]})
		if err != nil {
			return "", false, err
		}
		return fmt.Sprintf("%+v", *out.PullRequest), out.PullRequest.PullRequestStatus == types.PullRequestStatusEnumClosed, nil
	})
}
