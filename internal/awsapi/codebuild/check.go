package codebuild

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// check refuses a project that contradicts itself, and one that asks for something this server would have to pretend.
// What only chooses a machine (image, compute type, privileged mode) is kept and harmless.
func check(p *types.Project) error {
	for _, err := range []error{
		checkSources(p.Source, p.SecondarySources),
		checkArtifacts(p.Source, p.Artifacts, p.SecondaryArtifacts),
		checkEnvironment(p.Environment),
		checkLogs(p.LogsConfig),
		checkCache(p.Cache, p.Environment),
		checkRetries("autoRetryLimit", p.AutoRetryLimit),
		checkBatchConfig("buildBatchConfig", p.BuildBatchConfig),
		checkTags(p.Tags),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case p.VpcConfig != nil:
		return build.Invalidf("vpcConfig is not supported by this server: builds run in the network of its host")
	case len(p.FileSystemLocations) > 0:
		return build.Invalidf("fileSystemLocations is not supported by this server yet")
	case p.Badge != nil && p.Badge.BadgeEnabled:
		return build.Invalidf("badgeEnabled is not supported by this server yet")
	case p.ConcurrentBuildLimit != nil && *p.ConcurrentBuildLimit == 0:
		return build.Invalidf("concurrentBuildLimit must be at least 1; -1 takes the limit away")
	case aws.ToString(p.ServiceRole) == "":
		return build.Invalidf("serviceRole is missing")
	}
	return nil
}

const maxSecondary = 12

func checkSources(primary *types.ProjectSource, secondary []types.ProjectSource) error {
	if primary == nil {
		return build.Invalidf("source is missing")
	}
	if err := build.CheckSource("source", primary); err != nil {
		return err
	}
	if len(secondary) > maxSecondary {
		return build.Invalidf("secondarySources: a project has at most %d", maxSecondary)
	}
	seen := map[string]bool{}
	for i := range secondary {
		s := &secondary[i]
		id := aws.ToString(s.SourceIdentifier)
		switch {
		case id == "":
			return build.Invalidf("secondarySources: sourceIdentifier is missing")
		case seen[id]:
			return build.Invalidf("secondarySources: sourceIdentifier %s is there twice", id)
		case !identifier(id):
			return build.Invalidf("secondarySources: sourceIdentifier %q may hold letters, digits and underscores only", id)
		case s.Type == types.SourceTypeCodepipeline:
			return build.Invalidf("secondarySources: type CODEPIPELINE is not allowed here")
		}
		seen[id] = true
		if err := build.CheckSource("secondarySources", s); err != nil {
			return err
		}
	}
	return nil
}

// identifier reports whether id can end the name of a variable: it becomes CODEBUILD_SRC_DIR_<id>.
func identifier(id string) bool {
	return len(id) <= 128 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

func checkArtifacts(source *types.ProjectSource, primary *types.ProjectArtifacts, secondary []types.ProjectArtifacts) error {
	if primary == nil {
		return build.Invalidf("artifacts is missing")
	}
	if (source.Type == types.SourceTypeCodepipeline) != (primary.Type == types.ArtifactsTypeCodepipeline) {
		return build.Invalidf("source type %s and artifacts type %s do not go together: both are CODEPIPELINE or neither is", source.Type, primary.Type)
	}
	if err := checkArtifact("artifacts", primary); err != nil {
		return err
	}
	if len(secondary) > maxSecondary {
		return build.Invalidf("secondaryArtifacts: a project has at most %d", maxSecondary)
	}
	seen := map[string]bool{}
	for i := range secondary {
		id := aws.ToString(secondary[i].ArtifactIdentifier)
		switch {
		case id == "":
			return build.Invalidf("secondaryArtifacts: artifactIdentifier is missing")
		case seen[id]:
			return build.Invalidf("secondaryArtifacts: artifactIdentifier %s is there twice", id)
		case secondary[i].Type == types.ArtifactsTypeCodepipeline:
			return build.Invalidf("secondaryArtifacts: type CODEPIPELINE is not allowed here")
		}
		seen[id] = true
		if err := checkArtifact("secondaryArtifacts", &secondary[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkArtifact(field string, a *types.ProjectArtifacts) error {
	location := aws.ToString(a.Location)
	switch {
	case a.Type == types.ArtifactsTypeS3 && location == "":
		return build.Invalidf("%s: location, the name of a bucket, is missing for type S3", field)
	case a.Type == types.ArtifactsTypeS3 && strings.Contains(strings.TrimPrefix(location, "arn:aws:s3:::"), "/"):
		return build.Invalidf("%s: location %q is not the name of a bucket; folders belong into path", field, location)
	case a.Type != types.ArtifactsTypeS3 && location != "":
		return build.Invalidf("%s: location must not be set for type %s", field, a.Type)
	}
	for name, value := range map[string]string{"path": aws.ToString(a.Path), "name": aws.ToString(a.Name)} {
		for part := range strings.SplitSeq(value, "/") {
			if part == ".." {
				return build.Invalidf("%s: %s %q contains \"..\"", field, name, value)
			}
		}
	}
	return nil
}

func checkEnvironment(e *types.ProjectEnvironment) error {
	if e == nil {
		return build.Invalidf("environment is missing")
	}
	switch e.Type {
	case types.EnvironmentTypeLinuxContainer, types.EnvironmentTypeArmContainer, types.EnvironmentTypeLinuxGpuContainer:
	default:
		return build.Invalidf("environment: type %s is not supported by this server; use LINUX_CONTAINER or ARM_CONTAINER", e.Type)
	}
	switch {
	case e.DockerServer != nil:
		return build.Invalidf("environment: dockerServer is not supported by this server")
	case aws.ToString(e.Certificate) != "":
		return certificateRefused("environment: certificate")
	}
	if err := checkCompute(e); err != nil {
		return err
	}
	if err := build.CheckFleet("environment: fleet", e.Fleet); err != nil {
		return err
	}
	return checkVariables("environment: environmentVariables", e.EnvironmentVariables)
}

func certificateRefused(field string) error {
	return build.Invalidf("%s is not supported by this server: sources are cloned with the certificates that its host trusts, and builds trust what "+
		"their image trusts; add the certificate there, or set insecureSsl of the source", field)
}

// checkCompute refuses a machine that is described otherwise than by what builds are held to.
func checkCompute(e *types.ProjectEnvironment) error {
	c := e.ComputeConfiguration
	switch {
	case c == nil:
		return nil
	case aws.ToString(c.InstanceType) != "":
		return build.Invalidf("environment: computeConfiguration.instanceType is not supported by this server, which rents no machines; give vCpu and memory")
	case e.ComputeType != types.ComputeTypeAttributeBasedCompute:
		return build.Invalidf("environment: computeConfiguration goes with the computeType ATTRIBUTE_BASED_COMPUTE, not with %s", e.ComputeType)
	case aws.ToInt64(c.VCpu) < 0 || aws.ToInt64(c.Memory) < 0 || aws.ToInt64(c.Disk) < 0:
		return build.Invalidf("environment: computeConfiguration: vCpu, memory and disk must not be negative")
	}
	return nil
}

func checkVariables(field string, vars []types.EnvironmentVariable) error {
	seen := map[string]bool{}
	for _, v := range vars {
		name := aws.ToString(v.Name)
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			return build.Invalidf("%s: %q cannot be the name of a variable", field, name)
		case seen[name]:
			return build.Invalidf("%s: the variable %s is there twice", field, name)
		case strings.ContainsRune(aws.ToString(v.Value), 0):
			return build.Invalidf("%s: the value of %s contains a NUL character", field, name)
		}
		seen[name] = true
	}
	return nil
}

func checkLogs(l *types.LogsConfig) error {
	if l == nil || l.S3Logs == nil || l.S3Logs.Status != types.LogsConfigStatusTypeEnabled {
		return nil
	}
	location := aws.ToString(l.S3Logs.Location)
	if bucket, _, _ := strings.Cut(strings.TrimPrefix(location, "arn:aws:s3:::"), "/"); bucket == "" {
		return build.Invalidf("logsConfig: s3Logs needs a location, BUCKET or BUCKET/FOLDER")
	}
	return checkArtifact("logsConfig: s3Logs", &types.ProjectArtifacts{Path: &location})
}

func checkCache(c *types.ProjectCache, e *types.ProjectEnvironment) error {
	switch {
	case c == nil:
		return nil
	case c.Type == types.CacheTypeS3 && aws.ToString(c.Location) == "":
		return build.Invalidf("cache: location is missing for type S3")
	case c.Type == types.CacheTypeLocal && len(c.Modes) == 0:
		return build.Invalidf("cache: modes is missing for type LOCAL")
	case c.Type == types.CacheTypeLocal && aws.ToString(c.CacheNamespace) != "":
		return build.Invalidf("cache: cacheNamespace goes with type S3")
	}
	if slices.Contains(c.Modes, types.CacheModeLocalDockerLayerCache) && (e == nil || !aws.ToBool(e.PrivilegedMode)) {
		return build.Invalidf("cache: LOCAL_DOCKER_LAYER_CACHE needs an environment with privilegedMode")
	}
	return nil
}

const maxRetries = 10

func checkRetries(field string, limit *int32) error {
	if n := aws.ToInt32(limit); n < 0 || n > maxRetries {
		return build.Invalidf("%s is %d; it must be from 0 to %d", field, n, maxRetries)
	}
	return nil
}

const maxTags = 50

func checkTags(tags []types.Tag) error {
	if len(tags) > maxTags {
		return build.Invalidf("tags: a project has at most %d", maxTags)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if seen[aws.ToString(t.Key)] {
			return build.Invalidf("tags: the key %s is there twice", aws.ToString(t.Key))
		}
		seen[aws.ToString(t.Key)] = true
	}
	return nil
}

// checkOverrides refuses what a single build asks for and this server would have to pretend.
func checkOverrides(in *sdk.StartBuildInput) error {
	switch {
	case aws.ToBool(in.DebugSessionEnabled):
		return build.Invalidf("debugSessionEnabled is not supported by this server; the variable ConveyorKeepFailed keeps what a failed build leaves, for conveyor build shell")
	case aws.ToString(in.CertificateOverride) != "":
		return certificateRefused("certificateOverride")
	}
	if err := build.CheckFleet("fleetOverride", in.FleetOverride); err != nil {
		return err
	}
	if err := checkRetries("autoRetryLimitOverride", in.AutoRetryLimitOverride); err != nil {
		return err
	}
	if in.EnvironmentTypeOverride != "" {
		if err := checkEnvironment(&types.ProjectEnvironment{Type: in.EnvironmentTypeOverride}); err != nil {
			return err
		}
	}
	if err := checkVariables("environmentVariablesOverride", in.EnvironmentVariablesOverride); err != nil {
		return err
	}
	if in.ArtifactsOverride != nil {
		if err := checkArtifact("artifactsOverride", in.ArtifactsOverride); err != nil {
			return err
		}
	}
	for i := range in.SecondaryArtifactsOverride {
		if err := checkArtifact("secondaryArtifactsOverride", &in.SecondaryArtifactsOverride[i]); err != nil {
			return err
		}
	}
	if len(in.SecondarySourcesOverride) > 0 {
		none := types.ProjectSource{Type: types.SourceTypeCodepipeline}
		if err := checkSources(&none, in.SecondarySourcesOverride); err != nil {
			return err
		}
	}
	return checkLogs(in.LogsConfigOverride)
}
