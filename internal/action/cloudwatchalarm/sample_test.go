package cloudwatchalarm_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/cloudwatchalarm"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// site is a server on loopback whose answer can be changed.
type site struct {
	*httptest.Server
	answer  atomic.Pointer[http.HandlerFunc]
	samples atomic.Int32
}

func newSite(t *testing.T, answer http.HandlerFunc) *site {
	s := &site{}
	s.set(answer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.samples.Add(1)
		(*s.answer.Load())(rw, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) set(answer http.HandlerFunc) { s.answer.Store(&answer) }

func says(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}
}

func (w *tower) bound(condition string, minutes int, configuration map[string]string) action.Job {
	j := w.rule(condition, minutes)
	delete(j.Configuration, "AlarmName")
	for key, value := range configuration {
		j.Configuration[key] = value
	}
	return j
}

const (
	nothing = `{"status":"success","data":{"resultType":"vector","result":[]}}`
	series  = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"site"},"value":[1,"0"]}]}}`
)

func TestPrometheus(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	long := `{"status":"success","data":{"resultType":"vector","result":["` + strings.Repeat("x", 1<<20) + `"]}}`
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{200, nothing, "holds"},
		{200, series, `fails: Query "up == 0" of http://127.0.0.1`},
		{200, series, "is in state ALARM: the query returns 1 series."},
		{200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, "holds"},
		{200, `{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}`, "could not be evaluated: the query gives a scalar"},
		{400, `{"status":"error","errorType":"bad_data","error":"parse error at char 3"}`, "status 400: parse error at char 3"},
		{503, `{"status":"success","data":{"resultType":"vector","result":[]}}`, "could not be evaluated: Prometheus answered with status 503"},
		{200, `<html>`, "is not one of Prometheus's API"},
		{200, ``, "is not one of Prometheus's API"},
		{200, `{}`, "is not one of Prometheus's API"},
		{200, long, "could not be evaluated: the answer is longer than"},
	} {
		p := newSite(t, func(rw http.ResponseWriter, r *http.Request) {
			name, password, _ := r.BasicAuth()
			if r.Method != http.MethodPost || r.URL.Path != "/prom/api/v1/query" || r.FormValue("query") != "up == 0" || name != "ann" || password != "s3cret" {
				t.Errorf("%s %s %s", r.Method, r.URL, r.FormValue("query"))
			}
			says(c.status, c.body)(rw, r)
		})
		address := strings.Replace(p.URL, "http://", "http://ann:s3cret@", 1) + "/prom/"
		got := outcome(w.start(w.bound("BEFORE_ENTRY", 0, map[string]string{"ConveyorPrometheusUrl": address, "ConveyorPrometheusQuery": "up == 0"})))
		w.says(got, c.want)
		if strings.Contains(got, "s3cret") || strings.Contains(got, "ann") {
			t.Errorf("it tells the password: %s", got)
		}
	}
}

func TestProbe(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	redirect := func(to string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/there" {
				says(200, "here")(rw, r)
				return
			}
			http.Redirect(rw, r, to, http.StatusFound)
		}
	}
	for _, c := range []struct {
		answer          http.HandlerFunc
		status, pattern string
		want            string
	}{
		{says(200, ""), "", "", "holds"},
		{says(204, ""), "", "", "holds"},
		{says(503, ""), "", "", "is in state ALARM: it answered with status 503."},
		{says(503, ""), "503", "", "holds"},
		{says(200, ""), "204", "", "it answered with status 200"},
		{says(200, `{"version": "1.2.3"}`), "", `"version": "1\.2\.\d+"`, "holds"},
		{says(200, `{"version": "1.3.0"}`), "", `"version": "1\.2\.\d+"`, "hold no match of"},
		{says(200, strings.Repeat(" ", 1<<20)+"up"), "", "up", "hold no match of"},
		{redirect("/there"), "", "here", "holds"},
		{redirect("/there"), "302", "", "holds"},
		{redirect("/again"), "", "", "it redirects more than 5 times"},
		{redirect("https://127.0.0.1:1/"), "", "", "it redirects from http to https"},
		{redirect("file:///etc/passwd"), "", "", "it redirects from http to file"},
		{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "", "is in state ALARM"},
	} {
		p := newSite(t, c.answer)
		configuration := map[string]string{"ConveyorProbeUrl": strings.Replace(p.URL, "http://", "http://ann:s3cret@", 1) + "/health?token=s3cret"}
		if c.status != "" {
			configuration["ConveyorProbeStatus"] = c.status
		}
		if c.pattern != "" {
			configuration["ConveyorProbePattern"] = c.pattern
		}
		got := outcome(w.start(w.bound("ON_SUCCESS", 0, configuration)))
		w.says(got, c.want)
		if strings.Contains(got, "s3cret") {
			t.Errorf("it tells the password: %s", got)
		}
	}
}

func TestProbeOfNobody(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	gone := newSite(t, nil)
	gone.Close()
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": gone.URL}))), "is in state ALARM: dial tcp")
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorPrometheusUrl": gone.URL, "ConveyorPrometheusQuery": "up"}))), "could not be evaluated: dial tcp")
	for _, text := range []string{"ftp://host/", "host", "http://", "http:///path", "http://host/#part", "http://ho st:s3cret@/", "file:///etc/passwd"} {
		got := outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": text})))
		w.says(got, "ConveyorProbeUrl must be a URL that begins with http")
		if strings.Contains(got, "s3cret") {
			t.Errorf("it tells the password: %s", got)
		}
	}
}

func TestSamplesStayOutOfPrivateNetworks(t *testing.T) {
	w := newTowerWith(t, sqltest.SQLite(t), cloudwatchalarm.Options{ForbidPrivate: true})
	inside := newSite(t, says(200, nothing))
	const why = "forbid-private-addresses"
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": inside.URL}))), why)
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorPrometheusUrl": inside.URL, "ConveyorPrometheusQuery": "up"}))), why)
	if n := inside.samples.Load(); n > 0 {
		t.Errorf("%d samples were taken inside", n)
	}
}

func TestASlowProbe(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	release := make(chan struct{})
	slow := newSite(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": slow.URL}))), "no answer came in time")

	// A server that stops learns nothing of the alarm.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if result, err := w.p.Start(ctx, w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": slow.URL})); err == nil {
		t.Errorf("%+v", result)
	}
}

// What does not tell of its changes is asked again and again, by jobs that a restart does not lose.
func TestSamples(t *testing.T) {
	for name, c := range map[string]struct {
		condition     string
		first, second http.HandlerFunc
		waits, want   string
	}{
		"until it clears":         {"BEFORE_ENTRY", says(200, series), says(200, nothing), `Waiting for Query "up == 0"`, "holds"},
		"until it goes off":       {"ON_SUCCESS", says(200, nothing), says(200, series), `Watching Query "up == 0"`, "fails: Query"},
		"until it cannot be told": {"ON_SUCCESS", says(200, nothing), says(500, ""), "Watching", "could not be evaluated: the answer, of status 500"},
	} {
		t.Run(name, func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, st store.Store) {
				w := newTower(t, st)
				p := newSite(t, c.first)
				w.says(outcome(w.start(w.bound(c.condition, 50, map[string]string{"ConveyorPrometheusUrl": p.URL, "ConveyorPrometheusQuery": "up == 0"}))), c.waits)
				w.run()
				p.await(t, 4)
				if len(w.reports) > 0 {
					t.Error("it does not wait")
				}
				p.set(c.second)
				w.says(w.report(), c.want)
				w.quiet()
			})
		})
	}
}

func (s *site) await(t *testing.T, samples int32) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for s.samples.Load() < samples {
		if time.Now().After(deadline) {
			t.Fatalf("%d samples", s.samples.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

// One sample that tells nothing, as while Prometheus restarts, does not end the wait.
func TestAMissIsForgiven(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	var n atomic.Int32
	p := newSite(t, func(rw http.ResponseWriter, r *http.Request) {
		if n.Add(1)%3 != 0 {
			says(503, "")(rw, r) // two of three
			return
		}
		says(200, nothing)(rw, r)
	})
	w.start(w.bound("ON_SUCCESS", 50, map[string]string{"ConveyorPrometheusUrl": p.URL, "ConveyorPrometheusQuery": "up == 0"}))
	w.run()
	p.await(t, 9)
	if len(w.reports) > 0 {
		t.Error(outcome((<-w.reports).Result))
	}
	p.set(says(200, series))
	w.says(w.report(), "fails: Query")
}

func TestTheLastSampleDecides(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	p := newSite(t, says(200, ""))
	j := w.bound("ON_SUCCESS", 5, map[string]string{"ConveyorProbeUrl": p.URL})
	j.Started = time.Now().Add(-5*time.Minute + 300*time.Millisecond)
	w.says(outcome(w.start(j)), "waits")
	w.run()
	w.says(w.report(), "holds: Probe of http://127.0.0.1")
	w.quiet()
}

func TestCancelledSamplesEnd(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	p := newSite(t, says(200, ""))
	j := w.bound("ON_SUCCESS", 50, map[string]string{"ConveyorProbeUrl": p.URL})
	w.start(j)
	w.run()
	p.await(t, 3)
	if err := w.p.Cancel(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	w.quiet()
}

func TestBasicAuthOfAProbe(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	p := newSite(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("ann:s3cret")) {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	})
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": strings.Replace(p.URL, "http://", "http://ann:s3cret@", 1)}))), "holds")
	w.says(outcome(w.start(w.bound("ON_SUCCESS", 0, map[string]string{"ConveyorProbeUrl": p.URL}))), fmt.Sprint("status ", http.StatusUnauthorized))
}
