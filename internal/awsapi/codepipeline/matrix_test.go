package codepipeline_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// provoked notes the exceptions that cases got, as OPERATION/EXCEPTION.
var provoked sync.Map

func noteError(operation string, err error) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		provoked.Store(operation+"/"+e.ErrorCode(), true)
	}
}

// unprovoked are exceptions that AWS declares and no case gets, each with the reason.
var unprovoked = map[string]string{
	"ConcurrentModificationException": "requests that meet wait for each other here",
	"ConflictException":               "likewise",
	"InvalidClientTokenException":     "there are no third-party jobs whose token could be wrong",
	"InvalidJobException":             "likewise",
	"RequestFailedException":          "no action type of another provider is registered here",

	"AcknowledgeThirdPartyJob/InvalidNonceException":                            "there are no third-party jobs",
	"PutThirdPartyJobFailureResult/InvalidJobStateException":                    "likewise",
	"PutThirdPartyJobSuccessResult/InvalidJobStateException":                    "likewise",
	"ListRuleTypes/InvalidNextTokenException":                                   "it takes no token",
	"UpdatePipeline/LimitExceededException":                                     "an update adds nothing to a quota",
	"UntagResource/InvalidTagsException":                                        "keys that break the shape are a ValidationException, and others are ignored",
	"RetryStageExecution/ConcurrentPipelineExecutionsLimitExceededException":    "pinned by the engine's scripts: fifty executions take too long here",
	"OverrideStageCondition/ConcurrentPipelineExecutionsLimitExceededException": "likewise",
	"PutActionRevision/ConcurrentPipelineExecutionsLimitExceededException":      "likewise",
}

func declaredErrors() map[string][]string {
	text, err := os.ReadFile("testdata/errors.json")
	if err != nil {
		panic(err)
	}
	var declared map[string][]string
	if err := json.Unmarshal(text, &declared); err != nil {
		panic(err)
	}
	return declared
}

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

// An empty request gets an answer or a complaint about it, whatever the operation.
func TestEmptyRequests(t *testing.T) {
	url, _ := serve(t)
	for operation := range declaredErrors() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "CodePipeline_20150709."+operation)
		keys := aws.Credentials{AccessKeyID: "AKIAROOT", SecretAccessKey: "secret"}
		if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, awsapi.HashPayload([]byte("{}")), "codepipeline", region, time.Now()); err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 4096)
		n, _ := response.Body.Read(body)
		response.Body.Close()
		if response.StatusCode >= 500 || strings.Contains(string(body[:n]), "UnknownOperation") ||
			response.StatusCode == http.StatusBadRequest && !strings.Contains(string(body[:n]), `Exception","message":"`) {
			t.Errorf("%s: %s %s", operation, response.Status, body[:n])
		}
	}
}
