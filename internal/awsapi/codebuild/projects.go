package codebuild

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
)

// CreateProject makes a build project.
func (s *Service) CreateProject(ctx context.Context, in *sdk.CreateProjectInput) (*sdk.CreateProjectOutput, error) {
	p := types.Project{
		Name:                    in.Name,
		Description:             in.Description,
		Source:                  in.Source,
		SourceVersion:           in.SourceVersion,
		SecondarySources:        in.SecondarySources,
		SecondarySourceVersions: in.SecondarySourceVersions,
		Artifacts:               in.Artifacts,
		SecondaryArtifacts:      in.SecondaryArtifacts,
		Cache:                   in.Cache,
		Environment:             in.Environment,
		ServiceRole:             in.ServiceRole,
		TimeoutInMinutes:        in.TimeoutInMinutes,
		QueuedTimeoutInMinutes:  in.QueuedTimeoutInMinutes,
		EncryptionKey:           in.EncryptionKey,
		Tags:                    in.Tags,
		VpcConfig:               in.VpcConfig,
		Badge:                   &types.ProjectBadge{BadgeEnabled: aws.ToBool(in.BadgeEnabled)},
		LogsConfig:              in.LogsConfig,
		FileSystemLocations:     in.FileSystemLocations,
		BuildBatchConfig:        in.BuildBatchConfig,
		ConcurrentBuildLimit:    in.ConcurrentBuildLimit,
		AutoRetryLimit:          in.AutoRetryLimit,
	}
	s.complete(&p)
	if err := check(&p); err != nil {
		return nil, exception(err)
	}
	p, err := s.builds.CreateProject(ctx, p)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.CreateProjectOutput{Project: &p}, nil
}

// UpdateProject changes the members that were sent.
func (s *Service) UpdateProject(ctx context.Context, in *sdk.UpdateProjectInput) (*sdk.UpdateProjectOutput, error) {
	p, err := s.builds.UpdateProject(ctx, build.ProjectName(*in.Name), func(p *types.Project) error {
		merge(p, in)
		s.complete(p)
		return check(p)
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.UpdateProjectOutput{Project: &p}, nil
}

func set[T any](to **T, sent *T) {
	if sent != nil {
		*to = sent
	}
}

func setList[T any](to *[]T, sent []T) {
	if sent != nil {
		*to = sent
	}
}

// setText changes a text; an empty one takes it away.
func setText(to **string, sent *string) {
	switch {
	case sent == nil:
	case *sent == "":
		*to = nil
	default:
		*to = sent
	}
}

func merge(p *types.Project, in *sdk.UpdateProjectInput) {
	setText(&p.Description, in.Description)
	set(&p.Source, in.Source)
	setText(&p.SourceVersion, in.SourceVersion)
	setList(&p.SecondarySources, in.SecondarySources)
	setList(&p.SecondarySourceVersions, in.SecondarySourceVersions)
	set(&p.Artifacts, in.Artifacts)
	setList(&p.SecondaryArtifacts, in.SecondaryArtifacts)
	set(&p.Cache, in.Cache)
	set(&p.Environment, in.Environment)
	set(&p.ServiceRole, in.ServiceRole)
	set(&p.TimeoutInMinutes, in.TimeoutInMinutes)
	set(&p.QueuedTimeoutInMinutes, in.QueuedTimeoutInMinutes)
	setText(&p.EncryptionKey, in.EncryptionKey)
	setList(&p.Tags, in.Tags)
	set(&p.VpcConfig, in.VpcConfig)
	set(&p.LogsConfig, in.LogsConfig)
	setList(&p.FileSystemLocations, in.FileSystemLocations)
	set(&p.BuildBatchConfig, in.BuildBatchConfig)
	set(&p.ConcurrentBuildLimit, in.ConcurrentBuildLimit)
	set(&p.AutoRetryLimit, in.AutoRetryLimit)
	if in.BadgeEnabled != nil {
		p.Badge = &types.ProjectBadge{BadgeEnabled: *in.BadgeEnabled}
	}
}

// complete fills in what AWS fills in, so that a client reads back what it would read from AWS.
func (s *Service) complete(p *types.Project) {
	set(&p.TimeoutInMinutes, orDefault(p.TimeoutInMinutes, build.DefaultTimeoutMinutes))
	set(&p.QueuedTimeoutInMinutes, orDefault(p.QueuedTimeoutInMinutes, build.DefaultQueuedTimeoutMinutes))
	p.ProjectVisibility = types.ProjectVisibilityTypePrivate
	if p.EncryptionKey == nil {
		p.EncryptionKey = aws.String(s.Place.ARN("kms", "alias/aws/s3"))
	}
	if p.Cache == nil || p.Cache.Type == "" {
		p.Cache = &types.ProjectCache{Type: types.CacheTypeNoCache}
	}
	if p.VpcConfig != nil && p.VpcConfig.VpcId == nil && len(p.VpcConfig.Subnets) == 0 && len(p.VpcConfig.SecurityGroupIds) == 0 {
		p.VpcConfig = nil
	}
	if p.ConcurrentBuildLimit != nil && *p.ConcurrentBuildLimit < 0 {
		p.ConcurrentBuildLimit = nil // how clients take the limit away
	}
	if p.AutoRetryLimit != nil && *p.AutoRetryLimit == 0 {
		p.AutoRetryLimit = nil
	}
	if e := p.Environment; e != nil {
		set(&e.PrivilegedMode, aws.Bool(aws.ToBool(e.PrivilegedMode)))
		if e.ImagePullCredentialsType == "" {
			e.ImagePullCredentialsType = types.ImagePullCredentialsTypeCodebuild
		}
		for i := range e.EnvironmentVariables {
			if e.EnvironmentVariables[i].Type == "" {
				e.EnvironmentVariables[i].Type = types.EnvironmentVariableTypePlaintext
			}
		}
	}
	if p.Artifacts != nil {
		completeArtifacts(p.Artifacts)
	}
	for i := range p.SecondaryArtifacts {
		completeArtifacts(&p.SecondaryArtifacts[i])
	}
	completeLogs(p)
}

func orDefault(given *int32, otherwise int32) *int32 {
	if given == nil {
		return &otherwise
	}
	return given
}

func completeArtifacts(a *types.ProjectArtifacts) {
	if a.Type == types.ArtifactsTypeNoArtifacts {
		return
	}
	set(&a.EncryptionDisabled, aws.Bool(aws.ToBool(a.EncryptionDisabled)))
	if a.Type != types.ArtifactsTypeS3 {
		return
	}
	if a.Packaging == "" {
		a.Packaging = types.ArtifactPackagingNone
	}
	if a.NamespaceType == "" {
		a.NamespaceType = types.ArtifactNamespaceNone
	}
}

func completeLogs(p *types.Project) {
	if p.LogsConfig == nil {
		p.LogsConfig = &types.LogsConfig{}
	}
	if p.LogsConfig.CloudWatchLogs == nil {
		p.LogsConfig.CloudWatchLogs = &types.CloudWatchLogsConfig{Status: types.LogsConfigStatusTypeEnabled}
	}
	if p.LogsConfig.S3Logs == nil {
		p.LogsConfig.S3Logs = &types.S3LogsConfig{Status: types.LogsConfigStatusTypeDisabled, EncryptionDisabled: aws.Bool(false)}
	}
}

// DeleteProject forgets a project, by name or ARN. Its builds stay.
func (s *Service) DeleteProject(ctx context.Context, in *sdk.DeleteProjectInput) (*sdk.DeleteProjectOutput, error) {
	name := build.ProjectName(*in.Name)
	if err := s.Remotes.DeleteWebhook(ctx, name); err != nil && !errors.Is(err, remote.ErrNoWebhook) {
		return nil, exception(err)
	}
	if err := s.builds.DeleteProject(ctx, name); err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteProjectOutput{}, nil
}

// InvalidateProjectCache throws away what builds of a project have cached.
func (s *Service) InvalidateProjectCache(ctx context.Context, in *sdk.InvalidateProjectCacheInput) (*sdk.InvalidateProjectCacheOutput, error) {
	if err := s.builds.InvalidateCaches(ctx, build.ProjectName(*in.ProjectName)); err != nil {
		return nil, exception(err)
	}
	return &sdk.InvalidateProjectCacheOutput{}, nil
}

// BatchGetProjects reads projects by name or ARN.
func (s *Service) BatchGetProjects(ctx context.Context, in *sdk.BatchGetProjectsInput) (*sdk.BatchGetProjectsOutput, error) {
	list, missing, err := found(in.Names, build.ErrNoProject, func(name string) (types.Project, error) {
		p, err := s.builds.Project(ctx, build.ProjectName(name))
		if err == nil {
			err = s.hooked(ctx, &p)
		}
		return p, err
	})
	return &sdk.BatchGetProjectsOutput{Projects: list, ProjectsNotFound: missing}, err
}

// ListProjects lists names, 100 a page.
func (s *Service) ListProjects(ctx context.Context, in *sdk.ListProjectsInput) (*sdk.ListProjectsOutput, error) {
	by := map[types.ProjectSortByType]build.ProjectOrder{
		"":                                      build.ByName,
		types.ProjectSortByTypeName:             build.ByName,
		types.ProjectSortByTypeCreatedTime:      build.ByCreated,
		types.ProjectSortByTypeLastModifiedTime: build.ByModified,
	}[in.SortBy]
	names, next, err := s.builds.ListProjects(ctx, by, !orderOf(in.SortOrder, true), aws.ToString(in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListProjectsOutput{Projects: names, NextToken: pageToken(next)}, nil
}
