package build

import (
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// CheckSource refuses a source this server cannot read. field names it in the message.
func CheckSource(field string, s *types.ProjectSource) error {
	if err := checkOnlyGit(field, s); err != nil {
		return err
	}
	location := aws.ToString(s.Location)
	switch s.Type {
	case types.SourceTypeCodepipeline:
		if location != "" {
			return Invalidf("%s: location must not be set for source type CODEPIPELINE", field)
		}
		return nil
	case types.SourceTypeNoSource:
		if kind, _ := buildspec.Locate(aws.ToString(s.Buildspec)); kind == buildspec.File && field == "source" {
			return Invalidf("%s: a project with source type NO_SOURCE needs a buildspec written into the project", field)
		}
		return nil
	case types.SourceTypeS3:
		if _, _, err := bucketAndKey(location); err != nil {
			return Invalidf("%s: %v", field, err)
		}
		return nil
	}
	return checkGit(field, s)
}

// checkOnlyGit refuses what only sources that lie elsewhere, or in Git, have.
func checkOnlyGit(field string, s *types.ProjectSource) error {
	refuse := func(member string) error {
		return Invalidf("%s: %s does not go together with source type %s", field, member, s.Type)
	}
	switch {
	case !isGit(s.Type) && s.GitSubmodulesConfig != nil && aws.ToBool(s.GitSubmodulesConfig.FetchSubmodules):
		return refuse("gitSubmodulesConfig.fetchSubmodules")
	case IsRemote(s.Type):
		return nil
	case s.Auth != nil && s.Auth.Type != "" && s.Auth.Type != types.SourceAuthTypeOauth:
		return refuse("auth")
	case aws.ToBool(s.InsecureSsl):
		return refuse("insecureSsl")
	case aws.ToBool(s.ReportBuildStatus):
		return refuse("reportBuildStatus")
	case s.BuildStatusConfig != nil && (s.BuildStatusConfig.Context != nil || s.BuildStatusConfig.TargetUrl != nil):
		return refuse("buildStatusConfig")
	}
	return nil
}

// checkGit checks where a Git repository lies and how it is reached.
func checkGit(field string, s *types.ProjectSource) error {
	location := aws.ToString(s.Location)
	switch {
	case s.Type == types.SourceTypeCodecommit:
		if _, err := repositoryOf(location); err != nil {
			return Invalidf("%s: %v", field, err)
		}
		return nil
	case !IsRemote(s.Type):
		return Invalidf("%s: type %s is not one of CODECOMMIT, CODEPIPELINE, S3, NO_SOURCE, GITHUB, GITHUB_ENTERPRISE, GITLAB, GITLAB_SELF_MANAGED and BITBUCKET", field, s.Type)
	case location == "":
		return Invalidf("%s: location, the URL to clone the repository from, is missing", field)
	}
	if want := vcs.CheckURL(vcs.Git, location); want != "" {
		return Invalidf("%s: location %q is not %s", field, location, strings.Replace(want, "store it as a login and name that in ConveyorCredentials", "give it to ImportSourceCredentials", 1))
	}
	if a := s.Auth; a != nil && a.Type != "" && a.Type != types.SourceAuthTypeOauth && aws.ToString(a.Resource) == "" {
		return Invalidf("%s: auth.resource, the ARN of a connection or a secret, is missing for auth type %s", field, a.Type)
	}
	return nil
}

// repositoryOf finds the hosted repository in a clone URL, whatever the host is called.
func repositoryOf(location string) (string, error) {
	u, err := url.Parse(location)
	if err == nil && u.Host != "" {
		if _, name, ok := strings.Cut(u.Path, "/v1/repos/"); ok {
			if name = strings.TrimSuffix(strings.TrimSuffix(name, "/"), ".git"); name != "" && !strings.Contains(name, "/") {
				return name, nil
			}
		}
	}
	return "", Invalidf("location %q is not the clone URL of a repository, such as https://git-codecommit.us-east-1.amazonaws.com/v1/repos/NAME", location)
}

// bucketAndKey reads the location of an S3 source: bucket/key or its ARN.
func bucketAndKey(location string) (bucket, key string, err error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(location, "arn:aws:s3:::"), "/")
	if !ok || bucket == "" || key == "" {
		return "", "", Invalidf("location %q is not of the form bucket/path/to/source.zip", location)
	}
	return bucket, key, nil
}
