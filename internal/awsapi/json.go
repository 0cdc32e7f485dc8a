package awsapi

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
)

// serveJSON answers a request of the JSON protocol.
func (c *call) serveJSON() error {
	api, o, err := c.target()
	if err != nil {
		return err
	}
	if !isJSON(c.r) {
		return &Error{
			Code:    "UnsupportedMediaTypeException",
			Message: "Content-Type must be application/x-amz-json-1.1, not '" + clip(c.r.Header.Get("Content-Type")) + "'.",
			Status:  http.StatusUnsupportedMediaType,
		}
	}
	if err := c.screen(); err != nil {
		return err
	}
	body, err := c.body(c.limit(o))
	if err != nil {
		return err
	}
	if err := c.verify(HashPayload(body)); err != nil {
		return err
	}
	tree, err := parseJSON(body)
	if err != nil {
		return err
	}
	out, err := c.perform(o, tree, false, api.violation)
	if err != nil {
		return err
	}
	buffer := c.buffer()
	defer c.release(buffer)
	reply, err := Append((*buffer)[:0], out)
	if err != nil {
		return err
	}
	*buffer = reply
	if len(members(o.output)) == 0 {
		reply = nil // operations without an output shape answer with nothing
	}
	c.write(http.StatusOK, c.replyType(), reply)
	return nil
}

// target finds the operation X-Amz-Target names.
func (c *call) target() (API, Operation, error) {
	target := c.r.Header.Get("X-Amz-Target")
	if target == "" {
		return API{}, Operation{}, Errorf("UnknownOperationException", "The header X-Amz-Target is missing: it names the operation, for example CodePipeline_20150709.ListPipelines.")
	}
	if c.r.Method != http.MethodPost {
		return API{}, Operation{}, Errorf("UnknownOperationException", "Operations are called with POST, not %s.", clip(c.r.Method))
	}
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return API{}, Operation{}, Errorf("UnknownOperationException", "X-Amz-Target must be a service and an operation with a dot between, not '%s'.", clip(target))
	}
	return c.operation(target[:dot], target[dot+1:])
}

// operation finds an operation by the target prefix of its service and its name.
func (c *call) operation(prefix, name string) (API, Operation, error) {
	api, ok := c.json[prefix]
	if !ok {
		return API{}, Operation{}, Errorf("UnknownOperationException", "This server has no service '%s'.", clip(prefix))
	}
	c.service, c.scope = api.Service, api.scope
	o, ok := api.ops[name]
	if !ok {
		return API{}, Operation{}, Errorf("UnknownOperationException", "This server does not offer the operation '%s' of %s.%s", clip(name), api.Service, api.instead)
	}
	c.name, c.about = o.name, api.about
	return api, o, nil
}

// replyType answers in the version of the protocol that was asked in.
func (c *call) replyType() string {
	if hasMediaType(c.r, "application/x-amz-json-1.0") {
		return "application/x-amz-json-1.0"
	}
	return "application/x-amz-json-1.1"
}

type jsonProtocol struct{}

func (jsonProtocol) auth(err *AuthError) *Error { return err.JSON() }

func (jsonProtocol) refuse(c *call, err smithy.APIError, status int) {
	status = c.queryError(err, status)
	c.write(status, c.replyType(), errorJSON(err))
}

// errorJSON is {"__type":"Name","message":"..."} with the further members of exceptions that have some.
func errorJSON(err smithy.APIError) []byte {
	b := appendString([]byte(`{"__type":`), err.ErrorCode())
	if more := exceptionMembers(err); len(more) > len("{}") {
		b = append(b, ',')
		return append(b, more[1:]...)
	}
	b = append(b, `,"message":`...)
	b = appendString(b, err.ErrorMessage())
	return append(b, '}')
}

// isException tells exceptions of an SDK.
func isException(v reflect.Value) bool {
	return v.Kind() == reflect.Pointer && !v.IsNil() && strings.HasPrefix(v.Type().Elem().PkgPath(), sdkServices)
}

// exceptionMembers is the JSON object of an exception of an SDK; nil for other errors.
func exceptionMembers(err smithy.APIError) []byte {
	if !isException(reflect.ValueOf(err)) {
		return nil
	}
	b, problem := Marshal(err)
	if problem != nil {
		return nil
	}
	return b
}
