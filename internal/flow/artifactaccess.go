package flow

import (
	"context"
	"errors"
	"time"

	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Sessions makes temporary credentials. Implemented by *iam.Directory.
type Sessions interface {
	// NewSession makes credentials that stand for arn, may do what the policy allows and nothing else, and end after life.
	NewSession(ctx context.Context, arn, policy string, life time.Duration) (iam.AccessKey, error)
}

// artifactAccess is how long a job's credentials are good; a worker that takes longer asks for new ones (GetJobDetails).
const artifactAccess = time.Hour

// ArtifactCredentials makes credentials with which a worker can read its job's input artifacts and write its outputs, and
// do nothing else.
func (s *Service) ArtifactCredentials(ctx context.Context, j *WorkerJob) (iam.AccessKey, error) {
	if s.sessions == nil {
		return iam.AccessKey{}, errors.New("this server cannot make temporary credentials")
	}
	return s.sessions.NewSession(ctx, j.Job.RoleArn, artifactPolicy(j.Job.Inputs, j.Job.Outputs), artifactAccess)
}

type statement struct {
	Effect   string
	Action   []string
	Resource []string
}

func artifactPolicy(inputs, outputs []pipeline.Artifact) string {
	document := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for _, access := range []struct {
		artifacts []pipeline.Artifact
		actions   []string
	}{
		{inputs, []string{"s3:GetObject", "s3:GetObjectVersion"}},
		{outputs, []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}},
	} {
		if len(access.artifacts) > 0 {
			document.Statement = append(document.Statement, statement{"Allow", access.actions, objectARNs(access.artifacts)})
		}
	}
	return mustJSON(document)
}

func objectARNs(artifacts []pipeline.Artifact) []string {
	arns := make([]string, len(artifacts))
	for i, a := range artifacts {
		arns[i] = "arn:aws:s3:::" + a.Bucket + "/" + a.Key
	}
	return arns
}
