package build

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// Defaults of a project and a build.
const (
	DefaultTimeoutMinutes       = 60
	DefaultQueuedTimeoutMinutes = 480
)

// effective lays the overrides of a request over a project: what the build will really do. It neither reads nor writes
// anything.
func effective(p types.Project, r Request) (types.Build, settings, error) {
	in := r.Input
	b := types.Build{
		ProjectName:             p.Name,
		Source:                  mergeSource(p.Source, &in),
		SourceVersion:           firstString(in.SourceVersion, p.SourceVersion),
		SecondarySources:        orList(in.SecondarySourcesOverride, p.SecondarySources),
		SecondarySourceVersions: orList(in.SecondarySourcesVersionOverride, p.SecondarySourceVersions),
		Environment:             mergeEnvironment(p.Environment, &in),
		Cache:                   orPtr(in.CacheOverride, p.Cache),
		ServiceRole:             firstString(in.ServiceRoleOverride, p.ServiceRole),
		EncryptionKey:           firstString(in.EncryptionKeyOverride, p.EncryptionKey),
		TimeoutInMinutes:        orPtr(orPtr(in.TimeoutInMinutesOverride, p.TimeoutInMinutes), aws.Int32(DefaultTimeoutMinutes)),
		QueuedTimeoutInMinutes:  orPtr(orPtr(in.QueuedTimeoutInMinutesOverride, p.QueuedTimeoutInMinutes), aws.Int32(DefaultQueuedTimeoutMinutes)),
		VpcConfig:               p.VpcConfig,
		FileSystemLocations:     p.FileSystemLocations,
		AutoRetryConfig:         autoRetries(orPtr(in.AutoRetryLimitOverride, p.AutoRetryLimit)),
		Initiator:               aws.String(r.Initiator),
		BuildStatus:             types.StatusTypeInProgress,
	}
	st := settings{OnFinish: r.OnFinish, Pipeline: r.Pipeline, Commands: r.Commands, Variables: r.Variables, Logs: orPtr(in.LogsConfigOverride, p.LogsConfig)}
	if r.Pipeline != nil {
		return b, st, pipelineSources(&b, r.Pipeline)
	}
	primary := orPtr(in.ArtifactsOverride, p.Artifacts)
	if primary != nil {
		st.Artifacts = append(st.Artifacts, *primary)
	}
	st.Artifacts = append(st.Artifacts, orList(in.SecondaryArtifactsOverride, p.SecondaryArtifacts)...)
	return b, st, checkBuild(&b, st)
}

func orPtr[T any](override, value *T) *T {
	if override != nil {
		return override
	}
	return value
}

func orList[T any](override, value []T) []T {
	if override != nil {
		return override
	}
	return value
}

func firstString(values ...*string) *string {
	for _, v := range values {
		if aws.ToString(v) != "" {
			return v
		}
	}
	return nil
}

func mergeSource(p *types.ProjectSource, in *codebuild.StartBuildInput) *types.ProjectSource {
	s := types.ProjectSource{Type: types.SourceTypeNoSource}
	if p != nil {
		s = *p
	}
	if in.SourceTypeOverride != "" {
		s.Type = in.SourceTypeOverride
		if in.SourceLocationOverride == nil && p != nil && p.Type != s.Type {
			s.Location = nil
		}
	}
	s.Location = orPtr(in.SourceLocationOverride, s.Location)
	s.Buildspec = orPtr(in.BuildspecOverride, s.Buildspec)
	s.GitCloneDepth = orPtr(in.GitCloneDepthOverride, s.GitCloneDepth)
	s.GitSubmodulesConfig = orPtr(in.GitSubmodulesConfigOverride, s.GitSubmodulesConfig)
	s.InsecureSsl = orPtr(in.InsecureSslOverride, s.InsecureSsl)
	s.Auth = orPtr(in.SourceAuthOverride, s.Auth)
	s.ReportBuildStatus = orPtr(in.ReportBuildStatusOverride, s.ReportBuildStatus)
	s.BuildStatusConfig = orPtr(in.BuildStatusConfigOverride, s.BuildStatusConfig)
	return &s
}

func mergeEnvironment(p *types.ProjectEnvironment, in *codebuild.StartBuildInput) *types.ProjectEnvironment {
	var e types.ProjectEnvironment
	if p != nil {
		e = *p
	}
	if in.ComputeTypeOverride != "" {
		e.ComputeType = in.ComputeTypeOverride
	}
	if in.EnvironmentTypeOverride != "" {
		e.Type = in.EnvironmentTypeOverride
	}
	if in.ImagePullCredentialsTypeOverride != "" {
		e.ImagePullCredentialsType = in.ImagePullCredentialsTypeOverride
	}
	e.Image = orPtr(in.ImageOverride, e.Image)
	e.Certificate = orPtr(in.CertificateOverride, e.Certificate)
	e.PrivilegedMode = orPtr(in.PrivilegedModeOverride, e.PrivilegedMode)
	e.RegistryCredential = orPtr(in.RegistryCredentialOverride, e.RegistryCredential)
	e.Fleet = orPtr(in.FleetOverride, e.Fleet)
	e.EnvironmentVariables = mergeVariables(e.EnvironmentVariables, in.EnvironmentVariablesOverride)
	return &e
}

// mergeVariables replaces variables by name and keeps the order.
func mergeVariables(base, over []types.EnvironmentVariable) []types.EnvironmentVariable {
	out := slices.Clone(base)
	for _, v := range over {
		i := slices.IndexFunc(out, func(o types.EnvironmentVariable) bool { return *o.Name == *v.Name })
		if i < 0 {
			out = append(out, v)
		} else {
			out[i] = v
		}
	}
	for i := range out {
		if out[i].Type == "" {
			out[i].Type = types.EnvironmentVariableTypePlaintext
		}
	}
	return out
}

func s3ARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

// pipelineSources puts a pipeline's artifacts in the place of the project's sources.
func pipelineSources(b *types.Build, p *Pipeline) error {
	b.Source = &types.ProjectSource{Type: types.SourceTypeCodepipeline, Buildspec: b.Source.Buildspec}
	if len(p.Inputs) == 0 { // commands may do without
		b.Source.Type = types.SourceTypeNoSource
	}
	b.SecondarySources, b.SecondarySourceVersions, b.SourceVersion = nil, nil, nil
	for _, in := range p.Inputs {
		version := aws.String(s3ARN(in.Bucket, in.Key))
		if in.Name == p.Primary {
			b.SourceVersion = version
			if in.Revision != nil && in.Revision.ID != "" {
				b.ResolvedSourceVersion = aws.String(in.Revision.ID)
			}
			continue
		}
		b.SecondarySources = append(b.SecondarySources, types.ProjectSource{
			Type: types.SourceTypeCodepipeline, SourceIdentifier: aws.String(in.Name),
		})
		b.SecondarySourceVersions = append(b.SecondarySourceVersions, types.ProjectSourceVersion{
			SourceIdentifier: aws.String(in.Name), SourceVersion: version,
		})
	}
	if b.SourceVersion == nil && b.Source.Type != types.SourceTypeNoSource {
		return Invalidf("The primary source %q is not one of the input artifacts", p.Primary)
	}
	if p.EncryptionKey != nil && p.EncryptionKey.ID != "" {
		b.EncryptionKey = aws.String(p.EncryptionKey.ID)
	}
	if len(p.Outputs) == 1 {
		b.Artifacts = &types.BuildArtifacts{Location: aws.String(s3ARN(p.Outputs[0].Bucket, p.Outputs[0].Key))}
		return nil
	}
	for _, out := range p.Outputs {
		b.SecondaryArtifacts = append(b.SecondaryArtifacts, types.BuildArtifacts{
			ArtifactIdentifier: aws.String(out.Name), Location: aws.String(s3ARN(out.Bucket, out.Key)),
		})
	}
	return nil
}

// checkBuild refuses what only shows once project and overrides are put together.
func checkBuild(b *types.Build, st settings) error {
	if b.Source.Type == types.SourceTypeCodepipeline {
		return Invalidf("Project source type CODEPIPELINE can only be built by a pipeline: start the pipeline, or give sourceTypeOverride and artifactsOverride")
	}
	if err := CheckSource("source", b.Source); err != nil {
		return err
	}
	for i := range b.SecondarySources {
		if err := CheckSource("secondarySources", &b.SecondarySources[i]); err != nil {
			return err
		}
	}
	for i := range st.Artifacts {
		if st.Artifacts[i].Type == types.ArtifactsTypeCodepipeline {
			return Invalidf("artifacts: type CODEPIPELINE needs a source of type CODEPIPELINE; give artifactsOverride")
		}
	}
	return nil
}

// startTime and queuedUntil read a build's times.
func startTime(b *types.Build) time.Time { return aws.ToTime(b.StartTime) }

func queuedUntil(b *types.Build) time.Time {
	return startTime(b).Add(time.Duration(aws.ToInt32(b.QueuedTimeoutInMinutes)) * time.Minute)
}

// logsOf says where a build's log is.
func logsOf(p Place, b *types.Build, config *types.LogsConfig, id string) *types.LogsLocation {
	cw := &types.CloudWatchLogsConfig{Status: types.LogsConfigStatusTypeEnabled}
	s3 := &types.S3LogsConfig{Status: types.LogsConfigStatusTypeDisabled, EncryptionDisabled: aws.Bool(false)}
	if config != nil {
		cw, s3 = orPtr(config.CloudWatchLogs, cw), orPtr(config.S3Logs, s3)
	}
	loc := &types.LogsLocation{CloudWatchLogs: cw, S3Logs: s3}
	if bucket, key, ok := s3LogOf(s3, id); ok {
		loc.S3LogsArn = aws.String(s3ARN(bucket, key))
	}
	if cw.Status == types.LogsConfigStatusTypeDisabled {
		return loc
	}
	group, stream := aws.ToString(cw.GroupName), id
	if group == "" {
		group = "/aws/codebuild/" + *b.ProjectName
	}
	if prefix := aws.ToString(cw.StreamName); prefix != "" {
		stream = prefix + "/" + id
	}
	loc.GroupName, loc.StreamName = aws.String(group), aws.String(stream)
	loc.CloudWatchLogsArn = aws.String("arn:aws:logs:" + p.Region + ":" + p.Account + ":log-group:" + group + ":log-stream:" + stream)
	return loc
}
