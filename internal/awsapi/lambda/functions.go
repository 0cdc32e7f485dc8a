package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/conveyor-cd/conveyor/internal/function"
)

// CreateFunction makes a function.
func (s *Service) CreateFunction(ctx context.Context, in *sdk.CreateFunctionInput) (*sdk.CreateFunctionOutput, error) {
	name, err := s.name(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refusals(map[string]bool{
		"VpcConfig": in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0, "Layers": len(in.Layers) > 0,
		"FileSystemConfigs": len(in.FileSystemConfigs) > 0, "ImageConfig": in.ImageConfig != nil, "CodeSigningConfigArn": in.CodeSigningConfigArn != nil,
		"KMSKeyArn": aws.ToString(in.KMSKeyArn) != "", "DeadLetterConfig": in.DeadLetterConfig != nil && aws.ToString(in.DeadLetterConfig.TargetArn) != "",
		"PackageType Image":     in.PackageType == types.PackageTypeImage,
		"SnapStart":             in.SnapStart != nil && in.SnapStart.ApplyOn != types.SnapStartApplyOnNone,
		"Publish (of versions)": in.Publish, "CapacityProviderConfig": in.CapacityProviderConfig != nil, "DurableConfig": in.DurableConfig != nil,
		"TenancyConfig": in.TenancyConfig != nil,
	}); err != nil {
		return nil, err
	}
	f := function.Function{
		Name: name, Runtime: string(in.Runtime), Handler: aws.ToString(in.Handler), Role: aws.ToString(in.Role), Description: aws.ToString(in.Description),
		Timeout: 3, Memory: 128, Ephemeral: 512, Architecture: string(types.ArchitectureX8664), Tracing: string(types.TracingModePassThrough),
		Tags: in.Tags,
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	adjust(&f, in.Timeout, in.MemorySize, in.Environment, in.EphemeralStorage, in.TracingConfig)
	if len(in.Architectures) > 0 {
		f.Architecture = string(in.Architectures[0])
	}
	code := in.Code.ZipFile
	if f.URL() == "" { // else what lies in buckets is not looked at: it would not be run
		if code, err = s.code(ctx, code, in.Code.S3Bucket, in.Code.S3Key, in.Code.S3ObjectVersion); err != nil {
			return nil, err
		}
	}
	if err := check(&f, len(code) > 0); err != nil {
		return nil, err
	}
	made, err := s.functions.Create(ctx, f, code)
	if err != nil {
		return nil, s.exception(name, err)
	}
	out := sdk.CreateFunctionOutput{}
	fill(&out, s.configuration(made))
	return &out, nil
}

// refusals refuses what is asked for and would not be done.
func refusals(asked map[string]bool) error {
	for what, wanted := range asked {
		if wanted {
			return invalid("%s is not supported by this server: functions run as programs of its host. Leave it out", what)
		}
	}
	return nil
}

func adjust(f *function.Function, timeout, memory *int32, environment *types.Environment, disk *types.EphemeralStorage, tracing *types.TracingConfig) {
	if timeout != nil {
		f.Timeout = int(*timeout)
	}
	if memory != nil {
		f.Memory = int(*memory)
	}
	if environment != nil {
		f.Environment = environment.Variables
	}
	if disk != nil {
		f.Ephemeral = int(aws.ToInt32(disk.Size))
	}
	if tracing != nil && tracing.Mode != "" {
		f.Tracing = string(tracing.Mode)
	}
}

const maxEnvironment = 4 << 10

// reserved are the environment variables that say where a function runs.
var reserved = map[string]bool{
	"_HANDLER": true, "AWS_LAMBDA_RUNTIME_API": true, "AWS_LAMBDA_FUNCTION_NAME": true, "AWS_LAMBDA_FUNCTION_VERSION": true,
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true, "AWS_LAMBDA_LOG_GROUP_NAME": true, "AWS_LAMBDA_LOG_STREAM_NAME": true, "AWS_REGION": true,
	"AWS_DEFAULT_REGION": true, "AWS_EXECUTION_ENV": true, "AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true,
	"LAMBDA_TASK_ROOT": true, "LAMBDA_RUNTIME_DIR": true, "AWS_LAMBDA_INITIALIZATION_TYPE": true, "CONVEYOR_WORKSPACE": true,
}

// check says what is wrong with a function as a whole.
func check(f *function.Function, hasCode bool) error {
	size := 0
	for k, v := range f.Environment {
		if size += len(k) + len(v); reserved[k] {
			return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", k)
		}
	}
	if size > maxEnvironment {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
	}
	if f.URL() != "" {
		u, err := url.Parse(f.URL())
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return invalid("The environment variable %s must be a URL that begins with http:// or https://", function.URLVariable)
		}
		return nil
	}
	switch {
	case !hasCode:
		return invalid("Please provide a source for function code: ZipFile, or S3Bucket and S3Key; or give the function the environment variable %s", function.URLVariable)
	case f.Runtime == "" || f.Handler == "":
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if problem := function.RuntimeProblem(f.Runtime); problem != "" {
		return invalid("%s", problem)
	}
	return nil
}

// code is the zip of a function, from the request or from a bucket; none is for a function that is called at a URL.
func (s *Service) code(ctx context.Context, zip []byte, bucket, key, version *string) ([]byte, error) {
	switch {
	case bucket == nil && key == nil:
		return zip, nil
	case len(zip) > 0 || bucket == nil || key == nil:
		return nil, invalid("Please give either ZipFile, or both S3Bucket and S3Key")
	}
	code, err := s.objects.Read(ctx, *bucket, *key, aws.ToString(version), function.MaxCode)
	if err != nil {
		return nil, invalid("Error occurred while GetObject. %v", err)
	}
	return code, nil
}

// UpdateFunctionCode gives a function other code.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *sdk.UpdateFunctionCodeInput) (*sdk.UpdateFunctionCodeOutput, error) {
	name, err := s.name(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refusals(map[string]bool{"Publish (of versions)": in.Publish, "ImageUri": in.ImageUri != nil}); err != nil {
		return nil, err
	}
	code, err := s.code(ctx, in.ZipFile, in.S3Bucket, in.S3Key, in.S3ObjectVersion)
	if err != nil {
		return nil, err
	}
	if len(code) == 0 {
		return nil, invalid("Please provide a source for function code: ZipFile, or S3Bucket and S3Key")
	}
	var f *function.Function
	if in.DryRun {
		if f, err = s.functions.Get(ctx, name); err == nil {
			sum := sha256.Sum256(code)
			f.CodeSHA256, f.CodeSize = base64.StdEncoding.EncodeToString(sum[:]), int64(len(code))
		}
	} else {
		f, err = s.functions.ChangeCode(ctx, name, aws.ToString(in.RevisionId), code, func(f *function.Function) error {
			if len(in.Architectures) > 0 {
				f.Architecture = string(in.Architectures[0])
			}
			return nil
		})
	}
	if err != nil {
		return nil, s.exception(name, err)
	}
	out := sdk.UpdateFunctionCodeOutput{}
	fill(&out, s.configuration(f))
	return &out, nil
}

// UpdateFunctionConfiguration changes everything but a function's code.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *sdk.UpdateFunctionConfigurationInput) (*sdk.UpdateFunctionConfigurationOutput, error) {
	name, err := s.name(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refusals(map[string]bool{
		"VpcConfig": in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0, "Layers": len(in.Layers) > 0,
		"FileSystemConfigs": len(in.FileSystemConfigs) > 0, "KMSKeyArn": aws.ToString(in.KMSKeyArn) != "",
		"DeadLetterConfig": in.DeadLetterConfig != nil && aws.ToString(in.DeadLetterConfig.TargetArn) != "",
		"SnapStart":        in.SnapStart != nil && in.SnapStart.ApplyOn != types.SnapStartApplyOnNone,
	}); err != nil {
		return nil, err
	}
	f, err := s.functions.Change(ctx, name, aws.ToString(in.RevisionId), func(f *function.Function) error {
		for _, field := range []struct {
			to   *string
			from *string
		}{{&f.Handler, in.Handler}, {&f.Role, in.Role}, {&f.Description, in.Description}} {
			if field.from != nil {
				*field.to = *field.from
			}
		}
		if in.Runtime != "" {
			f.Runtime = string(in.Runtime)
		}
		adjust(f, in.Timeout, in.MemorySize, in.Environment, in.EphemeralStorage, in.TracingConfig)
		return check(f, f.Code != "")
	})
	if err != nil {
		return nil, s.exception(name, err)
	}
	out := sdk.UpdateFunctionConfigurationOutput{}
	fill(&out, s.configuration(f))
	return &out, nil
}

func (s *Service) find(ctx context.Context, text *string, qualifier ...*string) (*function.Function, error) {
	name, err := s.name(text, qualifier...)
	if err != nil {
		return nil, err
	}
	f, err := s.functions.Get(ctx, name)
	return f, s.exception(name, err)
}

// GetFunction shows a function. Its code is not offered for download: whoever made it has it.
func (s *Service) GetFunction(ctx context.Context, in *sdk.GetFunctionInput) (*sdk.GetFunctionOutput, error) {
	f, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetFunctionOutput{Configuration: s.configuration(f), Code: &types.FunctionCodeLocation{RepositoryType: aws.String("S3")}}
	if len(f.Tags) > 0 {
		out.Tags = f.Tags
	}
	return out, nil
}

// GetFunctionConfiguration shows a function's configuration.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *sdk.GetFunctionConfigurationInput) (*sdk.GetFunctionConfigurationOutput, error) {
	f, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := sdk.GetFunctionConfigurationOutput{}
	fill(&out, s.configuration(f))
	return &out, nil
}

const listPage = 50

// ListFunctions lists functions by name.
func (s *Service) ListFunctions(ctx context.Context, in *sdk.ListFunctionsInput) (*sdk.ListFunctionsOutput, error) {
	most := listPage
	if in.MaxItems != nil {
		most = min(int(*in.MaxItems), listPage)
	}
	list, err := s.functions.List(ctx, aws.ToString(in.Marker), most+1)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListFunctionsOutput{Functions: []types.FunctionConfiguration{}}
	if len(list) > most {
		list = list[:most]
		out.NextMarker = aws.String(list[most-1].Name)
	}
	for i := range list {
		out.Functions = append(out.Functions, *s.configuration(&list[i]))
	}
	return out, nil
}

// DeleteFunction deletes a function.
func (s *Service) DeleteFunction(ctx context.Context, in *sdk.DeleteFunctionInput) (*sdk.DeleteFunctionOutput, error) {
	name, err := s.name(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteFunctionOutput{}, s.exception(name, s.functions.Delete(ctx, name))
}

// ListVersionsByFunction lists the one version there is.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *sdk.ListVersionsByFunctionInput) (*sdk.ListVersionsByFunctionOutput, error) {
	f, err := s.find(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	c := s.configuration(f)
	c.FunctionArn = aws.String(*c.FunctionArn + ":" + latest)
	return &sdk.ListVersionsByFunctionOutput{Versions: []types.FunctionConfiguration{*c}}, nil
}

// ListAliases lists no aliases: there are none.
func (s *Service) ListAliases(ctx context.Context, in *sdk.ListAliasesInput) (*sdk.ListAliasesOutput, error) {
	_, err := s.find(ctx, in.FunctionName)
	return &sdk.ListAliasesOutput{Aliases: []types.AliasConfiguration{}}, err
}

// GetFunctionCodeSigningConfig says that no signatures are asked for.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *sdk.GetFunctionCodeSigningConfigInput) (*sdk.GetFunctionCodeSigningConfigOutput, error) {
	f, err := s.find(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetFunctionCodeSigningConfigOutput{FunctionName: &f.Name}, nil
}

// GetFunctionConcurrency says that nothing is reserved.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *sdk.GetFunctionConcurrencyInput) (*sdk.GetFunctionConcurrencyOutput, error) {
	_, err := s.find(ctx, in.FunctionName)
	return &sdk.GetFunctionConcurrencyOutput{}, err
}
