package codepipeline_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// boto is boto3, run by testdata/boto.py: one process for all cases, which takes their calls in turn.
type boto struct {
	mu      sync.Mutex
	in      io.Writer
	answers *bufio.Reader
}

const noBoto = "boto3 is not installed (apt-get install python3-boto3)"

// startBoto starts boto3 once; nil without it.
var startBoto = sync.OnceValues(func() (*boto, error) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		return nil, nil //nolint:nilerr // it is not installed: those cases say so and are skipped
	}
	cmd := exec.Command("python3", "testdata/boto.py") // ends with its standard input, when the tests end
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &boto{in: in, answers: bufio.NewReader(out)}, cmd.Start()
})

// botoClient is boto3's client of one server.
type botoClient struct {
	*boto
	endpoint string
}

func newBotoClient(t *testing.T, endpoint string) botoClient {
	t.Helper()
	b, err := startBoto()
	if err != nil {
		t.Fatal(err)
	}
	if b == nil {
		t.Skip(noBoto)
	}
	return botoClient{b, endpoint}
}

// call performs an operation: in is the SDK's input and out becomes its output, by way of the names both share.
func (c botoClient) call(operation string, in, out any) error {
	input, err := awsapi.Marshal(in)
	if err != nil {
		return err
	}
	output, err := c.ask(map[string]any{"endpoint": c.endpoint, "operation": operation, "input": json.RawMessage(input)})
	if err != nil {
		return err
	}
	return awsapi.Unmarshal(output, out)
}

// ask sends a request to boto.py and returns the output of its answer.
func (b *boto) ask(request map[string]any) (json.RawMessage, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.in.Write(append(text, '\n')); err != nil {
		return nil, err
	}
	line, err := b.answers.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("boto3 has ended: %w", err)
	}
	var answer struct {
		Output json.RawMessage
		Error  *struct {
			Code, Message string
			Status        int
		}
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if e := answer.Error; e != nil {
		if e.Status != http.StatusBadRequest {
			return nil, fmt.Errorf("%s: %s (status %d)", e.Code, e.Message, e.Status)
		}
		return nil, &smithy.GenericAPIError{Code: e.Code, Message: e.Message}
	}
	return answer.Output, nil
}
