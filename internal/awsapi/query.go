package awsapi

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// QueryAPI is one service of the query protocol: form posts with an Action, answered in XML.
type QueryAPI struct {
	// Service is the name in ARNs and in IAM actions. The name in a signature's credential scope tells which service is
	// meant: requests of all query services look alike otherwise.
	Service string
	// Version is the API's version, as clients send it.
	Version string

	scope   string
	ops     map[string]Operation
	instead string
	about   About
}

// About returns the API with a way of its own to tell what its operations are about.
func (a QueryAPI) About(about About) QueryAPI {
	a.about = about
	return a
}

// NewQuery makes an API of the query protocol. Operations have the same shape as those of NewJSON.
func NewQuery(service, version string, ops ...Operation) QueryAPI {
	return QueryAPI{Service: service, Version: version, scope: scopeOf(service), ops: linkFacts(service, ops)}
}

// Instead returns the API with a sentence for those who ask for an operation it does not have.
func (a QueryAPI) Instead(text string) QueryAPI {
	a.instead = " " + text
	return a
}

// namespace is that of the answers.
func (a QueryAPI) namespace() string {
	return "https://" + a.scope + ".amazonaws.com/doc/" + a.Version + "/"
}

// serveQuery answers a request of the query protocol.
func (c *call) serveQuery() error {
	scope, err := ScopeOf(c.r)
	if err != nil {
		return err
	}
	c.service, c.scope = scope.Service, scope.Service
	if err := c.screen(); err != nil {
		return err
	}
	body, err := c.body(c.maxBody)
	if err != nil {
		return err
	}
	form, err := c.form(body)
	if err != nil {
		return err
	}
	api, o, err := c.action(form)
	if err != nil {
		return err
	}
	if err := c.verify(HashPayload(body)); err != nil {
		return err
	}
	tree, err := formTree(form)
	if err != nil {
		return err
	}
	c.about = api.about
	out, err := c.perform(o, tree, true, "ValidationError")
	if err != nil {
		return err
	}
	reply, err := queryReply(api, o, out, c.id)
	if err != nil {
		return err
	}
	c.write(http.StatusOK, "text/xml", reply)
	return nil
}

func (c *call) form(body []byte) (url.Values, error) {
	raw := c.r.URL.RawQuery
	if isForm(c.r) {
		raw = string(body)
	}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, Errorf("MalformedInput", "The request's parameters are malformed: %v", err)
	}
	for k := range form {
		if strings.HasPrefix(k, "X-Amz-") {
			delete(form, k)
		}
	}
	return form, nil
}

func (c *call) action(form url.Values) (QueryAPI, Operation, error) {
	name := form.Get("Action")
	if name == "" {
		return QueryAPI{}, Operation{}, Errorf("MissingAction", "The request must contain the parameter Action, which names the operation.")
	}
	api, ok := c.query[c.scope]
	if !ok {
		return QueryAPI{}, Operation{}, Errorf("InvalidAction", "This server has no query service '%s', for which this request is signed.", clip(c.scope))
	}
	c.service = api.Service
	if v := form.Get("Version"); v != "" && v != api.Version {
		return QueryAPI{}, Operation{}, Errorf("InvalidAction", "Could not find version %s of %s; this server offers %s.", clip(v), api.Service, api.Version)
	}
	o, ok := api.ops[name]
	if !ok {
		return QueryAPI{}, Operation{}, Errorf("InvalidAction", "This server does not offer the operation '%s' of %s.%s", clip(name), api.Service, api.instead)
	}
	c.name = o.name
	return api, o, nil
}

// deepestForm is more nesting than any operation has.
const deepestForm = 24

// formTree turns names like Tags.member.1.Key into the tree that JSON would have given, with text for all scalars.
func formTree(form url.Values) (map[string]any, error) {
	root := formNode{}
	for name, values := range form {
		parts := strings.Split(name, ".")
		if len(parts) > deepestForm {
			return nil, Errorf("MalformedInput", "The parameter '%s' is nested too deeply.", clip(name))
		}
		n := &root
		for _, p := range parts {
			n = n.child(p)
		}
		n.text, n.leaf = values[len(values)-1], true
	}
	tree, ok := root.value().(map[string]any)
	if !ok {
		return map[string]any{}, nil
	}
	delete(tree, "Action")
	delete(tree, "Version")
	return tree, nil
}

type formNode struct {
	text     string
	leaf     bool
	children map[string]*formNode
}

func (n *formNode) child(name string) *formNode {
	if n.children == nil {
		n.children = map[string]*formNode{}
	}
	c, ok := n.children[name]
	if !ok {
		c = &formNode{}
		n.children[name] = c
	}
	return c
}

func (n *formNode) value() any {
	if len(n.children) == 0 {
		if n.leaf {
			return n.text
		}
		return nil
	}
	if list, ok := n.children["member"]; ok && len(n.children) == 1 && !list.leaf {
		if items, ok := list.items(); ok {
			return items
		}
	}
	if list, ok := n.children["entry"]; ok && len(n.children) == 1 && !list.leaf {
		if items, ok := list.items(); ok {
			if entries, ok := entries(items); ok {
				return entries
			}
		}
	}
	object := make(map[string]any, len(n.children))
	for name, c := range n.children {
		object[name] = c.value()
	}
	return object
}

// items are the children in the order of the numbers that are their names.
func (n *formNode) items() ([]any, bool) {
	numbers := make([]int, 0, len(n.children))
	for name := range n.children {
		i, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(i) != name {
			return nil, false
		}
		numbers = append(numbers, i)
	}
	slices.Sort(numbers)
	items := make([]any, len(numbers))
	for i, number := range numbers {
		items[i] = n.children[strconv.Itoa(number)].value()
	}
	return items, true
}

// entries makes a map of its entries, whose parts are called key and value or, in SNS's message attributes, Name and Value.
func entries(items []any) (map[string]any, bool) {
	m := make(map[string]any, len(items))
	for _, item := range items {
		e, ok := item.(map[string]any)
		if !ok || len(e) > 2 {
			return nil, false
		}
		key, value := "key", "value"
		if _, ok := e[key]; !ok {
			key, value = "Name", "Value"
		}
		name, ok := e[key].(string)
		if !ok {
			return nil, false
		}
		m[name] = e[value]
	}
	return m, true
}

// queryReply writes an output the way the query protocol does:
// <OpResponse><OpResult>...</OpResult><ResponseMetadata>...</ResponseMetadata></OpResponse>.
func queryReply(api QueryAPI, o Operation, out any, requestID string) ([]byte, error) {
	x := xmlWriter{}
	x.raw("<" + o.name + `Response xmlns="` + api.namespace() + `">`)
	x.raw("<" + o.name + "Result>") // even when empty: some clients insist on it
	if err := x.structure(reflect.ValueOf(out).Elem()); err != nil {
		return nil, err
	}
	x.raw("</" + o.name + "Result>")
	x.raw("<ResponseMetadata><RequestId>" + requestID + "</RequestId></ResponseMetadata></" + o.name + "Response>\n")
	return x.b, nil
}

// xmlWriter writes SDK values as XML: members are elements, lists hold <member>, maps <entry><key/><value/></entry>.
type xmlWriter struct{ b []byte }

func (x *xmlWriter) raw(s string) { x.b = append(x.b, s...) }

func (x *xmlWriter) text(s string) {
	w := sliceWriter{&x.b}
	_ = xml.EscapeText(w, []byte(s)) // appending cannot fail
}

type sliceWriter struct{ b *[]byte }

func (w sliceWriter) Write(p []byte) (int, error) {
	*w.b = append(*w.b, p...)
	return len(p), nil
}

func (x *xmlWriter) element(name string, v reflect.Value) error {
	x.raw("<" + name + ">")
	if err := x.value(v); err != nil {
		return err
	}
	x.raw("</" + name + ">")
	return nil
}

func (x *xmlWriter) structure(v reflect.Value) error {
	for _, m := range members(v.Type()) {
		if f := v.Field(m.index); !absent(f) {
			if err := x.element(m.name, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *xmlWriter) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		return x.value(v.Elem())
	case reflect.Interface:
		return x.union(v)
	case reflect.Struct:
		if v.Type() == timeType {
			x.raw(v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05Z"))
			return nil
		}
		return x.structure(v)
	case reflect.Slice:
		if v.Type() == bytesType {
			x.b = base64.StdEncoding.AppendEncode(x.b, v.Bytes())
			return nil
		}
		for i := range v.Len() {
			if err := x.element("member", v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		return x.entries(v)
	case reflect.String:
		x.text(v.String())
		return nil
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64:
		x.raw(fmt.Sprint(v.Interface()))
		return nil
	default:
		return unsupported{v.Type()}
	}
}

// union writes the one member a union has.
func (x *xmlWriter) union(v reflect.Value) error {
	variant := reflect.Indirect(v.Elem())
	if !slices.Contains(unions[v.Type()], variant.Type()) {
		return unsupported{variant.Type()}
	}
	return x.element(variantName(v.Type(), variant.Type()), variant.FieldByName("Value"))
}

func (x *xmlWriter) entries(v reflect.Value) error {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	for _, k := range keys {
		x.raw("<entry>")
		if err := x.element("key", k); err != nil {
			return err
		}
		if err := x.element("value", v.MapIndex(k)); err != nil {
			return err
		}
		x.raw("</entry>")
	}
	return nil
}

type queryProtocol struct{}

func (queryProtocol) auth(err *AuthError) *Error { return err.Query() }

func (queryProtocol) refuse(c *call, err smithy.APIError, status int) {
	kind := "Sender"
	if err.ErrorFault() == smithy.FaultServer {
		kind = "Receiver"
	}
	x := xmlWriter{}
	x.raw("<ErrorResponse")
	if api, ok := c.query[c.scope]; ok {
		x.raw(` xmlns="` + api.namespace() + `"`)
	}
	x.raw("><Error><Type>" + kind + "</Type><Code>")
	code, status := queryName(c.service, err, status)
	x.text(code)
	x.raw("</Code><Message>")
	x.text(err.ErrorMessage())
	x.raw("</Message></Error><RequestId>" + c.id + "</RequestId></ErrorResponse>\n")
	c.write(status, "text/xml", x.b)
}
