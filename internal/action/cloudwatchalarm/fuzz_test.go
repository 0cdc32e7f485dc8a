package cloudwatchalarm

import (
	"testing"

	"github.com/conveyor-cd/conveyor/internal/alarm"
)

// FuzzPrometheus hands any answer to the reader: a state is told, or why there is none.
func FuzzPrometheus(f *testing.F) {
	f.Add(200, []byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0"]}]}}`))
	f.Add(200, []byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}`))
	f.Add(400, []byte(`{"status":"error","error":"no"}`))
	f.Add(200, []byte(`[]`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		s := promResult(status, body)
		if s.State == "" && s.Why == "" {
			t.Error("neither a state nor a reason")
		}
		if s.State == alarm.OK && status != 200 {
			t.Errorf("all is well with status %d", status)
		}
	})
}
