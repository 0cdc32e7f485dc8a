package awsapi

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func newSigner() *v4.Signer { return v4.NewSigner() }

// stateService answers with the same state always.
type stateService struct {
	state *codepipeline.GetPipelineStateOutput
}

func (s stateService) GetPipelineState(context.Context, *codepipeline.GetPipelineStateInput) (*codepipeline.GetPipelineStateOutput, error) {
	return s.state, nil
}

// discard is a client that reads nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

type readCloser struct{ io.Reader }

func (readCloser) Close() error { return nil }

// eachValid is s with every byte that is not UTF-8 replaced.
func eachValid(s string) string { return string([]rune(s)) }
