package codebuild_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"

	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestCuratedImagesAreThisServers(t *testing.T) {
	client := serve(t, sqltest.SQLite(t))
	out, err := client.ListCuratedEnvironmentImages(context.Background(), &sdk.ListCuratedEnvironmentImagesInput{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range out.Platforms {
		for _, l := range p.Languages {
			for _, i := range l.Images {
				got += fmt.Sprintf("%s %s %s: %s\n", p.Platform, l.Language, aws.ToString(i.Name), aws.ToString(i.Description))
			}
		}
	}
	want := "HOST BASE host: This server's own host\n" +
		"AMAZON_LINUX BASE aws/codebuild/amazonlinux-x86_64-standard:5.0: Runs in a container of example/builder:1\n"
	if got != want {
		t.Errorf("got\n%s", got)
	}
}
