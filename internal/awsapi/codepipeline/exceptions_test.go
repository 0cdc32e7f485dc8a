package codepipeline

import (
	"errors"
	"os"
	"regexp"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Every kind of mistake the domain knows becomes the exception of the same name.
func TestEachKindHasItsException(t *testing.T) {
	source, err := os.ReadFile("../../pipeline/errors.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`ErrorKind = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(kinds) < 25 {
		t.Fatalf("found only %d kinds", len(kinds))
	}
	for _, k := range kinds {
		e, ok := errors.AsType[smithy.APIError](exception(pipeline.Errorf(pipeline.ErrorKind(k[1]), "why")))
		if !ok || e.ErrorCode() != k[1] || e.ErrorMessage() != "why" {
			t.Errorf("%s becomes %v", k[1], e)
		}
	}
	broken := errors.New("the disk is full")
	if got := exception(broken); !errors.Is(got, broken) {
		t.Errorf("a fault of the server became %v", got)
	}
}
