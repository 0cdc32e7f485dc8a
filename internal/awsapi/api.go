// Package awsapi turns HTTP requests of AWS's clients into calls of plain Go methods, and their answers back.
//
// A service is a struct with one method per operation, in the shape of the SDK's client; NewJSON makes an API out of
// such methods and Mux serves any number of them on one port. Before a method runs, the request's signature has been
// verified (Verifier), the caller's permission asked for (Authorizer), its JSON decoded into the SDK's input type and
// its members checked against AWS's own constraints. After it, the output or the exception is written the way AWS
// writes it.
package awsapi

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// API is one service of the JSON 1.1 protocol: a target prefix and its operations.
type API struct {
	// Service is the name in ARNs and in IAM actions ("codepipeline").
	Service string
	// TargetPrefix is what precedes the dot in X-Amz-Target ("CodePipeline_20150709").
	TargetPrefix string

	scope     string // the name in a signature's credential scope
	ops       map[string]Operation
	violation string // the exception for broken constraints
	instead   string
	about     About
}

// Operation is one method of a service, ready to be served. Handle makes it.
type Operation struct {
	name   string
	input  reflect.Type
	output reflect.Type
	call   func(ctx context.Context, in any) (any, error)
	facts  *fact
	limit  int64
}

// Name is the operation's name on the wire.
func (o Operation) Name() string { return o.name }

// Handle makes an Operation of a service method. Its name is that of the input type without "Input".
func Handle[In, Out any](f func(context.Context, *In) (*Out, error)) Operation {
	in := reflect.TypeFor[In]()
	name, ok := strings.CutSuffix(in.Name(), "Input")
	if !ok {
		panic(fmt.Sprintf("awsapi: %v is not an input type of the SDK: its name does not end in Input", in))
	}
	return Operation{
		name:   name,
		input:  in,
		output: reflect.TypeFor[Out](),
		call: func(ctx context.Context, in any) (any, error) {
			out, err := f(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}

func (o Operation) newInput() any { return reflect.New(o.input).Interface() }

// MaxBody lets this operation's requests be up to n bytes long instead of the server's default.
func (o Operation) MaxBody(n int64) Operation {
	o.limit = n
	return o
}

// NewJSON makes an API of the JSON protocol. Giving an operation twice is a programming mistake and panics.
func NewJSON(service, targetPrefix string, ops ...Operation) API {
	a := API{Service: service, TargetPrefix: targetPrefix, scope: scopeOf(service)}
	a.violation = "ValidationException"
	if name, ok := ownViolations[service]; ok {
		a.violation = name
	}
	a.ops = linkFacts(service, ops)
	return a
}

// scopeOf is what clients sign requests of a service for.
func scopeOf(service string) string {
	if service == "cloudwatch" {
		return "monitoring"
	}
	return service
}

// Instead returns the API with a sentence for those who ask for an operation it does not have.
func (a API) Instead(text string) API {
	a.instead = " " + text
	return a
}

// About returns the API with a way of its own to tell what its operations are about.
func (a API) About(about About) API {
	a.about = about
	return a
}

// ownViolations names the exception for broken shape constraints where it is not ValidationException. The text is the
// same.
var ownViolations = map[string]string{"logs": "InvalidParameterException"}

// linkFacts indexes operations by name and gives each the facts of its input.
func linkFacts(service string, ops []Operation) map[string]Operation {
	book, err := openFacts(service)
	if err != nil {
		panic("awsapi: " + err.Error()) // the facts are part of the program
	}
	byName := make(map[string]Operation, len(ops))
	for _, o := range ops {
		if _, twice := byName[o.name]; twice {
			panic(fmt.Sprintf("awsapi: %s has the operation %s twice", service, o.name))
		}
		if o.facts, err = book.operation(o.name); err != nil {
			panic("awsapi: " + err.Error())
		}
		byName[o.name] = o
	}
	return byName
}

// WithoutConstraints returns the API with shape constraints (required, length, pattern, enum, range) left to its
// methods, for a service that has exceptions of its own for them. CodeCommit is so without asking: its
// RepositoryNameRequiredException and the like must not be forestalled.
func (a API) WithoutConstraints() API {
	ops := make(map[string]Operation, len(a.ops))
	for name, o := range a.ops {
		o.facts = nil
		ops[name] = o
	}
	a.ops = ops
	return a
}

// Operations lists the names of the operations, sorted.
func (a API) Operations() []string {
	return slices.Sorted(maps.Keys(a.ops))
}
