package lambda

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// fill copies a function's configuration into an output that has the same members.
func fill(out any, c *types.FunctionConfiguration) {
	to, from := reflect.ValueOf(out).Elem(), reflect.ValueOf(c).Elem()
	for i := range from.NumField() {
		if name := from.Type().Field(i).Name; from.Type().Field(i).IsExported() && to.FieldByName(name).IsValid() {
			to.FieldByName(name).Set(from.Field(i))
		}
	}
}
