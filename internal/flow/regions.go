package flow

import (
	"context"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Artifacts is what flow needs of the object store. Implemented by *objectstore.Store.
type Artifacts interface {
	// Copy makes a new object of an existing one. Its errors are objectstore's.
	Copy(ctx context.Context, in objectstore.CopyInput) (copied, source objectstore.Object, err error)
}

// artifactCopy is an input artifact that lies in the store of another region than its reader's (pipeline.md section 6).
// The server stands for every region: the copy shares the body and costs nothing.
type artifactCopy struct{ from, to pipeline.Artifact }

// copiesOf lists the inputs that are not read from where they were put.
func copiesOf(inputs, artifacts []pipeline.Artifact) []artifactCopy {
	var copies []artifactCopy
	for _, to := range inputs {
		for _, from := range artifacts {
			if from.Name == to.Name && from.Bucket != to.Bucket && from.Key == to.Key {
				copies = append(copies, artifactCopy{from, to})
			}
		}
	}
	return copies
}

// run makes the copies that w needs and asks its provider. Making a copy again gives the same object.
func (s *Service) run(ctx context.Context, w *work) (action.Result, error) {
	for _, c := range w.copies {
		_, _, err := s.artifacts.Copy(ctx, objectstore.CopyInput{
			SourceBucket: c.from.Bucket, SourceKey: c.from.Key, Bucket: c.to.Bucket, Key: c.to.Key,
			Change: func(source objectstore.Object) (objectstore.Attributes, error) {
				attrs := source.Attributes
				attrs.KMSKeyID = w.job.KMSKeyID() // each region's key lives in that region
				return attrs, nil
			},
		})
		switch {
		case errors.Is(err, objectstore.ErrNoSuchBucket):
			return action.Fail(pipeline.ConfigurationError, "The input artifact %s could not be copied from the bucket %s to the bucket %s of "+
				"region %s: one of them does not exist. Create it, or change artifactStores in the pipeline.",
				c.from.Name, c.from.Bucket, c.to.Bucket, w.job.Region), nil
		case errors.Is(err, objectstore.ErrNoSuchKey):
			return action.Fail(pipeline.JobFailed, "The input artifact %s is not in the bucket %s any more (%s). Start the pipeline again.",
				c.from.Name, c.from.Bucket, c.from.Key), nil
		case err != nil:
			return nil, err
		}
	}
	return w.provider.Start(ctx, w.job)
}
