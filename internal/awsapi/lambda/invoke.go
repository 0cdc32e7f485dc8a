package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/function"
)

// Invoke calls a function: at once, later for certain, or not at all.
func (s *Service) Invoke(ctx context.Context, in *sdk.InvokeInput) (*sdk.InvokeOutput, error) {
	name, err := s.name(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if len(in.Payload) > 0 && !json.Valid(in.Payload) {
		return nil, awsapi.Errorf("InvalidRequestContentException", "Could not parse request body into json: the payload is not a JSON document")
	}
	switch in.InvocationType {
	case types.InvocationTypeDryRun:
		_, err := s.functions.Get(ctx, name)
		return &sdk.InvokeOutput{StatusCode: http.StatusNoContent}, s.exception(name, err)
	case types.InvocationTypeEvent:
		if len(in.Payload) > function.MaxEventPayload {
			return nil, awsapi.Errorf("RequestTooLargeException", "%d byte payload is too large for the Event invocation type (limit %d bytes)", len(in.Payload), function.MaxEventPayload)
		}
		_, err := s.functions.SendEvent(ctx, name, in.Payload)
		return &sdk.InvokeOutput{StatusCode: http.StatusAccepted}, s.exception(name, err)
	}
	// A caller that goes away does not take the function with it.
	a, err := s.functions.Invoke(context.WithoutCancel(ctx), name, in.Payload)
	if err != nil {
		return nil, s.exception(name, err)
	}
	out := &sdk.InvokeOutput{StatusCode: http.StatusOK, Payload: a.Payload, ExecutedVersion: aws.String(latest)}
	if a.Failed != "" {
		out.FunctionError = aws.String("Unhandled")
	}
	if in.LogType == types.LogTypeTail {
		out.LogResult = aws.String(base64.StdEncoding.EncodeToString(a.Log))
	}
	return out, nil
}

// replyInvoke puts the members of the output where they stand in the answer.
func replyInvoke(v any, h http.Header) (int, []byte) {
	out := v.(*sdk.InvokeOutput)
	for name, value := range map[string]*string{
		"X-Amz-Function-Error": out.FunctionError, "X-Amz-Log-Result": out.LogResult, "X-Amz-Executed-Version": out.ExecutedVersion,
	} {
		if value != nil {
			h.Set(name, *value)
		}
	}
	return int(out.StatusCode), out.Payload
}
