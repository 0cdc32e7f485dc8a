package awsapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
)

// RESTAPI is one service of the REST JSON protocol: operations have a method and a path each. The name in a signature's
// credential scope tells which service is meant.
type RESTAPI struct {
	Service string

	scope    string
	routes   []Route
	statuses map[string]int
}

// Route is where an operation is found, and what of its input is not in its body.
type Route struct {
	Method string
	// Path is like /2015-03-31/functions/{FunctionName}/policy/{StatementId}; a name in braces is a member of the input.
	// One that ends in + takes the rest of the path.
	Path      string
	Operation Operation
	// Query and Headers name the members of the input that are parameters or headers.
	Query, Headers map[string]string
	// Lists are those of Query that may be given more than once.
	Lists map[string]bool
	// Payload is the member that is the body itself.
	Payload string
	// Status is that of the answer; 0 is 200.
	Status int
	// Reply, when it is set, writes the answer instead: it sets headers and returns the status and the body.
	Reply func(out any, h http.Header) (int, []byte)
}

// NewREST makes an API of the REST JSON protocol. statuses are those of exceptions that are not 400.
func NewREST(service string, statuses map[string]int, routes ...Route) RESTAPI {
	ops := make([]Operation, len(routes))
	for i, r := range routes {
		ops[i] = r.Operation
	}
	linked := linkFacts(service, ops)
	for i := range routes {
		o := linked[routes[i].Operation.name]
		o.limit = routes[i].Operation.limit
		routes[i].Operation = o
	}
	return RESTAPI{Service: service, scope: scopeOf(service), routes: routes, statuses: statuses}
}

// AddREST makes the Mux serve APIs of the REST JSON protocol. Add everything before serving.
func (m *Mux) AddREST(apis ...RESTAPI) {
	for _, a := range apis {
		m.rest[a.scope] = a
	}
}

// isREST tells whether a request is signed for a service of the REST JSON protocol.
func (m *Mux) isREST(r *http.Request) bool {
	_, ok := m.restAPI(r)
	return ok
}

func (m *Mux) restAPI(r *http.Request) (RESTAPI, bool) {
	if len(m.rest) == 0 || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") && !strings.Contains(r.URL.RawQuery, "X-Amz-Credential") {
		return RESTAPI{}, false
	}
	scope, err := ScopeOf(r)
	if err != nil {
		return RESTAPI{}, false
	}
	a, ok := m.rest[scope.Service]
	return a, ok
}

// serveREST answers a request of the REST JSON protocol.
func (c *call) serveREST() error {
	api, _ := c.restAPI(c.r)
	c.service, c.scope = api.Service, api.scope
	route, path, err := api.find(c.r)
	if err != nil {
		return err
	}
	c.name = route.Operation.name
	if err := c.screen(); err != nil {
		return err
	}
	body, err := c.body(c.limit(route.Operation))
	if err != nil {
		return err
	}
	if err := c.verify(HashPayload(body)); err != nil {
		return err
	}
	tree, err := route.tree(c.r, path, body)
	if err != nil {
		return err
	}
	out, err := c.perform(route.Operation, tree, false, "ValidationException")
	if err != nil {
		return err
	}
	return c.replyREST(route, out)
}

func (c *call) replyREST(route *Route, out any) error {
	if route.Reply != nil {
		status, body := route.Reply(out, c.w.Header())
		c.write(status, "application/json", body)
		return nil
	}
	status := route.Status
	if status == 0 {
		status = http.StatusOK
	}
	if len(members(route.Operation.output)) == 0 || status == http.StatusNoContent {
		c.status = status
		c.w.WriteHeader(status)
		return nil
	}
	buffer := c.buffer()
	defer c.release(buffer)
	reply, err := Append((*buffer)[:0], out)
	if err != nil {
		return err
	}
	*buffer = reply
	c.write(status, "application/json", reply)
	return nil
}

// find is the route of a request, and the members in its path.
func (a RESTAPI) find(r *http.Request) (*Route, map[string]string, error) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i := range a.routes {
		route := &a.routes[i]
		if route.Method != r.Method {
			continue
		}
		if found, ok := match(strings.Split(strings.Trim(route.Path, "/"), "/"), segments); ok {
			return route, found, nil
		}
	}
	return nil, nil, &Error{
		Code:    "UnknownOperationException",
		Message: "This server does not offer the operation " + clip(r.Method+" "+r.URL.Path) + " of " + a.Service + ".",
		Status:  http.StatusNotFound,
	}
}

func match(pattern, segments []string) (map[string]string, bool) {
	found := map[string]string{}
	for i, p := range pattern {
		if i >= len(segments) {
			return nil, false
		}
		name, isMember := strings.CutPrefix(p, "{")
		if !isMember {
			if p != segments[i] {
				return nil, false
			}
			continue
		}
		text := segments[i]
		name = strings.TrimSuffix(name, "}")
		rest := strings.HasSuffix(name, "+")
		if rest {
			name, text = strings.TrimSuffix(name, "+"), strings.Join(segments[i:], "/")
		}
		value, err := url.PathUnescape(text)
		if err != nil || value == "" {
			return nil, false
		}
		if found[name] = value; rest {
			return found, true
		}
	}
	return found, len(pattern) == len(segments)
}

// tree gathers an operation's input from everywhere it stands.
func (route *Route) tree(r *http.Request, path map[string]string, body []byte) (map[string]any, error) {
	tree := map[string]any{}
	switch {
	case route.Payload != "":
		tree[route.Payload] = base64.StdEncoding.EncodeToString(body)
	case len(body) > 0:
		var err error
		if tree, err = parseJSON(body); err != nil {
			return nil, err
		}
	}
	for name, value := range path {
		tree[name] = value
	}
	query := r.URL.Query()
	for name, member := range route.Query {
		switch {
		case !query.Has(name):
		case route.Lists[name]:
			list := make([]any, len(query[name]))
			for i, v := range query[name] {
				list[i] = v
			}
			tree[member] = list
		default:
			tree[member] = route.scalar(member, query.Get(name))
		}
	}
	for name, member := range route.Headers {
		if value := r.Header.Get(name); value != "" {
			tree[member] = route.scalar(member, value)
		}
	}
	return tree, nil
}

// scalar is a text as JSON would have said it: a number where the input wants one.
func (route *Route) scalar(member, text string) any {
	f, ok := route.Operation.input.FieldByName(member)
	if !ok {
		return text
	}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int32, reflect.Int64:
		return json.Number(text)
	case reflect.Bool:
		return text == "true"
	default:
		return text
	}
}

// restProtocol writes exceptions as REST JSON services do: the name in a header, the status by the kind.
type restProtocol struct{ statuses map[string]int }

func (restProtocol) auth(err *AuthError) *Error {
	e := err.JSON()
	e.Status = http.StatusForbidden
	return e
}

func (p restProtocol) refuse(c *call, err smithy.APIError, status int) {
	if s, ok := p.statuses[err.ErrorCode()]; ok {
		status = s
	}
	if err.ErrorCode() == "AccessDeniedException" {
		status = http.StatusForbidden
	}
	kind := "User"
	if status >= http.StatusInternalServerError {
		kind = "Service"
	}
	c.w.Header().Set("X-Amzn-Errortype", err.ErrorCode())
	// Some exceptions have a message, some a Message.
	body := appendString([]byte(`{"Type":"`+kind+`","Message":`), err.ErrorMessage())
	body = appendString(append(body, `,"message":`...), err.ErrorMessage())
	c.write(status, "application/json", append(body, '}'))
}
