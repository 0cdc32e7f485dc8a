package awsapitest

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// Each runs a test of a service twice, each time with a fresh one: with clients whose calls go straight to the service's
// methods, and with clients that speak to it over HTTP. fresh makes the service and says how to put it behind the wire.
func Each(t *testing.T, fresh func(t *testing.T) (service any, add func(*awsapi.Mux)), test func(t *testing.T, clients aws.Config)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		service, _ := fresh(t)
		test(t, inProcess(service))
	})
	t.Run("over HTTP", func(t *testing.T) {
		_, add := fresh(t)
		test(t, Serve(t, add))
	})
}

// inProcess is the configuration of clients that call the service's method of an operation's name, as root, instead of
// sending anything.
func inProcess(service any) aws.Config {
	methods := reflect.ValueOf(service)
	caller := awsapi.Identity{Arn: root.Principal.Arn, Account: awsapi.DefaultAccount, Root: true}
	call := func(stack *middleware.Stack) error {
		operation := stack.ID()
		method := methods.MethodByName(operation)
		if !method.IsValid() {
			return fmt.Errorf("%T has no method %s", service, operation)
		}
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("InProcess", func(
			ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler,
		) (out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
			ctx = awsapi.WithCaller(ctx, caller)
			results := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in.Parameters)})
			err, _ = results[1].Interface().(error)
			out.Result = results[0].Interface()
			return out, metadata, err
		}), middleware.After) // what the SDK checks before it sends is checked here, too
	}
	return aws.Config{Region: "us-east-1", APIOptions: []func(*middleware.Stack) error{call}}
}
