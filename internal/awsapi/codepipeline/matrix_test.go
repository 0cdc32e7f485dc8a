package codepipeline_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// provoked notes the exceptions that cases got, as OPERATION/EXCEPTION.
var provoked sync.Map

// noteError fails a case whose operation answers with an exception that AWS does not declare for it.
func noteError(t *testing.T, operation string, err error) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		provoked.Store(operation+"/"+e.ErrorCode(), true)
		if !isDeclared(operation, e.ErrorCode()) {
			t.Errorf("%s answers with %s, which it does not declare", operation, e.ErrorCode())
		}
	}
}

// undeclared are exceptions that AWS does not declare and cases get, each with the reason.
var undeclared = map[string]string{
	"UpdatePipeline/PipelineNotFoundException": "nothing that is declared says it",
}

func isDeclared(operation, code string) bool {
	return slices.Contains(declaredErrors()[operation], code) || undeclared[operation+"/"+code] != ""
}

// unprovoked are exceptions that AWS declares and no case gets, each with the reason.
var unprovoked = map[string]string{
	"ConcurrentModificationException": "requests that meet wait for each other here",
	"ConflictException":               "likewise",
	"RequestFailedException":          "what fails here without being anybody's mistake is a fault of the server",

	"ListRuleTypes/InvalidNextTokenException":                                   "it takes no token",
	"UpdatePipeline/LimitExceededException":                                     "an update adds nothing to a quota",
	"UntagResource/InvalidTagsException":                                        "keys that break the shape are a ValidationException, and others are ignored",
	"RetryStageExecution/ConcurrentPipelineExecutionsLimitExceededException":    "pinned by the engine's scripts: fifty executions take too long here",
	"OverrideStageCondition/ConcurrentPipelineExecutionsLimitExceededException": "likewise",
	"PutActionRevision/ConcurrentPipelineExecutionsLimitExceededException":      "likewise",
}

// declaredErrors is AWS's matrix of errors (TestTheMatrixIsThatOfTheModel).
var declaredErrors = sync.OnceValue(func() map[string][]string {
	text, err := os.ReadFile("testdata/errors.json")
	if err != nil {
		panic(err)
	}
	var declared map[string][]string
	if err := json.Unmarshal(text, &declared); err != nil {
		panic(err)
	}
	return declared
})

// TestMain checks, after all cases have run, that every exception AWS's model declares was got by one of them.
func TestMain(m *testing.M) {
	code := m.Run()
	if only := flag.Lookup("test.run").Value.String(); code == 0 && only == "" {
		for _, gap := range gaps() {
			fmt.Fprintln(os.Stderr, "no case provokes", gap)
			code = 1
		}
	}
	os.Exit(code)
}

func gaps() []string {
	var list []string
	for operation, exceptions := range declaredErrors() {
		for _, e := range exceptions {
			_, got := provoked.Load(operation + "/" + e)
			if !got && unprovoked[e] == "" && unprovoked[operation+"/"+e] == "" {
				list = append(list, operation+"/"+e)
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestEveryOperationIsServed(t *testing.T) {
	service, _ := newService(t)
	served, declared := service.API().Operations(), slices.Sorted(maps.Keys(declaredErrors()))
	if len(declared) != 44 || !slices.Equal(served, declared) {
		t.Errorf("served are %d operations, AWS has %d:\n%v\n%v", len(served), len(declared), served, declared)
	}
}

// The least that is valid gets an answer from every operation, through every client.
func TestMinimalRequests(t *testing.T) {
	m := awsModel(t)
	each(t, func(t *testing.T, s *server) {
		for operation, o := range m.Operations {
			text, err := json.Marshal(m.value(o.Input.Shape, false))
			if err != nil {
				t.Fatal(err)
			}
			in := inputOf(operation)
			if err := awsapi.Unmarshal(text, in); err != nil {
				t.Fatal(err)
			}
			if _, err := s.call(operation, in); err != nil {
				if e, ok := errors.AsType[smithy.APIError](err); !ok || !isDeclared(operation, e.ErrorCode()) {
					t.Errorf("%s: %v", operation, err)
				}
			}
		}
	})
}
