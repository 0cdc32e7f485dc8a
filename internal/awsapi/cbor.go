package awsapi

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/cbor"
)

// The CBOR protocol (rpc-v2-cbor) is what the newest SDKs speak with services that others call in JSON or as queries. An
// operation is named by its path, /service/PREFIX/operation/NAME, with the prefix of the JSON protocol.
const (
	cborName = "rpc-v2-cbor"
	cborType = "application/cbor"
)

func isCBOR(r *http.Request) bool { return r.Header.Get("Smithy-Protocol") == cborName }

// serveCBOR answers a request of the CBOR protocol.
func (c *call) serveCBOR() error {
	api, o, err := c.cborOperation()
	if err != nil {
		return err
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
	tree, err := parseCBOR(body)
	if err != nil {
		return err
	}
	out, err := c.perform(o, tree, false, api.violation)
	if err != nil {
		return err
	}
	reply, err := cborValue(reflect.ValueOf(out))
	if err != nil {
		return err
	}
	c.writeCBOR(http.StatusOK, reply)
	return nil
}

func (c *call) writeCBOR(status int, v cbor.Value) {
	c.w.Header().Set("Smithy-Protocol", cborName)
	c.write(status, cborType, cbor.Encode(v))
}

func (c *call) cborOperation() (API, Operation, error) {
	parts := strings.Split(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	if c.r.Method != http.MethodPost || len(parts) != 4 || parts[0] != "service" || parts[2] != "operation" {
		return API{}, Operation{}, Errorf("UnknownOperationException", "Operations of the protocol %s are called with POST /service/SERVICE/operation/OPERATION.", cborName)
	}
	return c.operation(parts[1], parts[3])
}

// parseCBOR reads a structure into the tree that JSON would have given.
func parseCBOR(body []byte) (map[string]any, error) {
	if len(body) == 0 {
		return map[string]any{}, nil
	}
	v, err := cbor.Decode(body)
	if err != nil {
		return nil, serialization("The request body is not CBOR: %v", err)
	}
	m, ok := v.(cbor.Map)
	if !ok {
		return nil, serialization("The request body must be a CBOR map")
	}
	return cborTree(m).(map[string]any), nil
}

func cborTree(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Uint:
		return json.Number(strconv.FormatUint(uint64(v), 10))
	case cbor.NegInt:
		if v == 0 { // -2^64, which no member holds
			return json.Number("-18446744073709551616")
		}
		return json.Number("-" + strconv.FormatUint(uint64(v), 10))
	case cbor.Float32:
		return cborFloat(float64(v))
	case cbor.Float64:
		return cborFloat(float64(v))
	case cbor.Bool:
		return bool(v)
	case cbor.String:
		return string(v)
	case cbor.Slice:
		return base64.StdEncoding.EncodeToString(v)
	case cbor.List:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = cborTree(item)
		}
		return list
	case cbor.Map:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = cborTree(item)
		}
		return m
	case *cbor.Tag: // 1 marks seconds since 1970, which JSON does not mark
		return cborTree(v.Value)
	default: // null and undefined
		return nil
	}
}

func cborFloat(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// cborValue turns an SDK value into CBOR, by the rules of Marshal.
func cborValue(v reflect.Value) (cbor.Value, error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return &cbor.Nil{}, nil
		}
		return cborValue(v.Elem())
	case reflect.String:
		return cbor.String(strings.ToValidUTF8(v.String(), "\ufffd")), nil
	case reflect.Bool:
		return cbor.Bool(v.Bool()), nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < 0 {
			return cbor.NegInt(uint64(-n)), nil //nolint:gosec // it is positive
		}
		return cbor.Uint(uint64(v.Int())), nil //nolint:gosec // it is not negative
	case reflect.Float32, reflect.Float64:
		return cbor.Float64(v.Float()), nil
	case reflect.Struct:
		if v.Type() == timeType {
			t := v.Interface().(time.Time)
			return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(t.UnixMilli()) / 1000)}, nil
		}
		return cborStructure(v)
	case reflect.Slice:
		return cborList(v)
	case reflect.Map:
		return cborMap(v)
	case reflect.Interface:
		return cborUnion(v)
	default:
		return nil, unsupported{v.Type()}
	}
}

func cborStructure(v reflect.Value) (cbor.Value, error) {
	m := cbor.Map{}
	for _, member := range members(v.Type()) {
		f := v.Field(member.index)
		if absent(f) {
			continue
		}
		var err error
		if m[member.name], err = cborValue(f); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func cborList(v reflect.Value) (cbor.Value, error) {
	if v.Type() == bytesType {
		return cbor.Slice(v.Bytes()), nil
	}
	list := make(cbor.List, v.Len())
	for i := range list {
		var err error
		if list[i], err = cborValue(v.Index(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func cborMap(v reflect.Value) (cbor.Value, error) {
	m := cbor.Map{}
	for _, key := range v.MapKeys() {
		var err error
		if m[key.String()], err = cborValue(v.MapIndex(key)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func cborUnion(v reflect.Value) (cbor.Value, error) {
	variant := reflect.Indirect(v.Elem())
	for _, known := range unions[v.Type()] {
		if known == variant.Type() {
			value, err := cborValue(variant.FieldByName("Value"))
			return cbor.Map{variantName(v.Type(), known): value}, err
		}
	}
	return nil, unsupported{variant.Type()}
}

type cborProtocol struct{}

func (cborProtocol) auth(err *AuthError) *Error { return err.JSON() }

func (cborProtocol) refuse(c *call, err smithy.APIError, status int) {
	status = c.queryError(err, status)
	reply := cbor.Map{}
	if v := reflect.ValueOf(err); isException(v) {
		if m, problem := cborValue(v); problem == nil {
			reply = m.(cbor.Map)
		}
	}
	if len(reply) == 0 {
		reply["message"] = cbor.String(err.ErrorMessage())
	}
	reply["__type"] = cbor.String(err.ErrorCode())
	c.writeCBOR(status, reply)
}
