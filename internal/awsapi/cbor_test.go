package awsapi

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/smithy-go/encoding/cbor"
)

func TestCBORNumbers(t *testing.T) {
	for _, c := range []struct {
		in   cbor.Value
		want any
	}{
		{cbor.Uint(1 << 63), json.Number("9223372036854775808")},
		{cbor.NegInt(100), json.Number("-100")},
		{cbor.NegInt(0), json.Number("-18446744073709551616")},
		{cbor.Float32(0.5), json.Number("0.5")},
		{cbor.Float64(1e300), json.Number("1e+300")},
		{&cbor.Tag{ID: 1, Value: cbor.Uint(7)}, json.Number("7")},
		{cbor.Slice("ab"), "YWI="},
		{&cbor.Nil{}, nil},
		{&cbor.Undefined{}, nil},
	} {
		if got := cborTree(c.in); got != c.want {
			t.Errorf("%T %v: %v, want %v", c.in, c.in, got, c.want)
		}
	}
}

// A body of nothing but beginnings is refused before it fills the stack.
func TestDeepCBOR(t *testing.T) {
	for _, b := range []byte{0x81, 0x9f, 0xc1} { // lists of one, of any number, tags
		if _, err := parseCBOR(bytes.Repeat([]byte{b}, DefaultMaxBody)); err == nil {
			t.Errorf("%x is taken", b)
		}
	}
	if _, err := parseCBOR(bytes.Repeat([]byte{0xa1, 0x61, 'x'}, DefaultMaxBody/3)); err == nil {
		t.Error("maps are taken")
	}
}

// FuzzCBOR hands any body to the reader: it is refused or bound, nothing panics, and what is bound can be written.
func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\xa1\x69AlarmName\x61x"))
	f.Add([]byte("\xbf\x69AlarmName\x61x\x69Threshold\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00\xff"))
	f.Add([]byte("\xa1\x61x\xc1\xc1\xc1\x01"))
	f.Add([]byte("\x9f\x9f\x9f"))
	f.Fuzz(func(t *testing.T, body []byte) {
		tree, err := parseCBOR(body)
		if err != nil {
			return
		}
		var in cloudwatch.PutMetricAlarmInput
		if bind(tree, &in, false) != nil {
			return
		}
		if _, err := Marshal(&in); err != nil {
			t.Error(err)
		}
	})
}
