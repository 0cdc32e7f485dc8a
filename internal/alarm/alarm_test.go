package alarm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func named(name string) alarm.Alarm {
	return alarm.Alarm{
		Name: name, Definition: json.RawMessage(`{"AlarmName":"` + name + `"}`), ActionsEnabled: true,
		Actions: map[alarm.State][]string{alarm.Alarming: {"arn:aws:sns:us-east-1:1:pager"}},
	}
}

func put(t *testing.T, s *alarm.Store, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := s.Put(t.Context(), named(name), map[string]string{"team": "web"}); err != nil {
			t.Fatal(err)
		}
	}
}

func one(t *testing.T, s *alarm.Store, name string) alarm.Alarm {
	t.Helper()
	list, err := s.List(t.Context(), alarm.Query{Names: []string{name}, Limit: 2})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	return list[0]
}

func set(t *testing.T, s *alarm.Store, name string, state alarm.State, reason string) {
	t.Helper()
	if err := s.SetState(t.Context(), name, state, reason, `{"n":1}`); err != nil {
		t.Fatal(err)
	}
}

func TestAnAlarmsLife(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		var news []alarm.Change
		s := alarm.New(st, alarm.Options{OnChange: func(_ context.Context, tx store.Tx, c alarm.Change) error {
			tx.AfterCommit(func() { news = append(news, c) })
			return nil
		}})
		put(t, s, "errors")
		a := one(t, s, "errors")
		if a.State != alarm.InsufficientData || a.Reason == "" || a.Updated.IsZero() || a.Transitioned != a.Updated || !a.ActionsEnabled {
			t.Errorf("a new alarm is %+v", a)
		}
		set(t, s, "errors", alarm.Alarming, "fire")
		set(t, s, "errors", alarm.Alarming, "more fire")
		b := one(t, s, "errors")
		if b.State != alarm.Alarming || b.Reason != "more fire" || b.ReasonData != `{"n":1}` || !b.Updated.After(b.Transitioned) {
			t.Errorf("set twice it is %+v", b)
		}

		// Another definition leaves the state and the tags alone.
		again := named("errors")
		again.Definition, again.ActionsEnabled = json.RawMessage(`{"AlarmName":"errors","Period":60}`), false
		if err := s.Put(t.Context(), again, map[string]string{"team": "ignored"}); err != nil {
			t.Fatal(err)
		}
		c := one(t, s, "errors")
		if string(c.Definition) != string(again.Definition) || c.ActionsEnabled || c.State != alarm.Alarming || !c.Configured.After(b.Configured) {
			t.Errorf("put again it is %+v", c)
		}
		if tags, err := s.Tags(t.Context(), "errors"); err != nil || len(tags) != 1 || tags["team"] != "web" {
			t.Errorf("%v, %v", tags, err)
		}
		if missing, err := s.Delete(t.Context(), []string{"errors", "nobody"}); err != nil || !slices.Equal(missing, []string{"nobody"}) {
			t.Errorf("%v, %v", missing, err)
		}
		want := []alarm.Change{
			{Alarm: "errors", State: alarm.Alarming, Reason: "fire"},
			{Alarm: "errors", State: alarm.Alarming, Reason: "more fire"},
			{Alarm: "errors", Deleted: true},
		}
		if !slices.Equal(news, want) {
			t.Errorf("the news was %+v", news)
		}
		if err := s.SetState(t.Context(), "errors", alarm.OK, "", ""); !errors.Is(err, alarm.ErrNotFound) {
			t.Errorf("a deleted alarm: %v", err)
		}
		if _, err := s.Tags(t.Context(), "errors"); !errors.Is(err, alarm.ErrNotFound) {
			t.Errorf("a deleted alarm: %v", err)
		}
		put(t, s, "errors") // a new one of that name begins anew
		if d := one(t, s, "errors"); d.State != alarm.InsufficientData {
			t.Errorf("%+v", d)
		}
	})
}

// What OnChange refuses does not happen.
func TestNewsAndChangeAreOne(t *testing.T) {
	full := errors.New("the disk is full")
	s := alarm.New(sqltest.SQLite(t), alarm.Options{OnChange: func(context.Context, store.Tx, alarm.Change) error { return full }})
	put(t, s, "errors")
	if err := s.SetState(t.Context(), "errors", alarm.OK, "fine", ""); !errors.Is(err, full) {
		t.Error(err)
	}
	if _, err := s.Delete(t.Context(), []string{"errors"}); !errors.Is(err, full) {
		t.Error(err)
	}
	if a := one(t, s, "errors"); a.State != alarm.InsufficientData {
		t.Errorf("%+v", a)
	}
}

func TestLists(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := alarm.New(st, alarm.Options{MaxAlarms: 5})
		put(t, s, "api-errors", "api-latency", "site-errors", "site_errors", "über")
		set(t, s, "api-latency", alarm.OK, "")
		for _, c := range []struct {
			q    alarm.Query
			want string
		}{
			{alarm.Query{Limit: 10}, "api-errors api-latency site-errors site_errors über"},
			{alarm.Query{Limit: 2}, "api-errors api-latency"},
			{alarm.Query{After: "api-latency", Limit: 1}, "site-errors"},
			{alarm.Query{Prefix: "api-", Limit: 10}, "api-errors api-latency"},
			{alarm.Query{Prefix: "site_", Limit: 10}, "site_errors"}, // no pattern
			{alarm.Query{Prefix: "%", Limit: 10}, ""},
			{alarm.Query{State: alarm.OK, Limit: 10}, "api-latency"},
			{alarm.Query{Names: []string{"über", "api-errors", "gone"}, Limit: 3}, "api-errors über"},
			{alarm.Query{Match: func(a alarm.Alarm) bool { return strings.HasSuffix(a.Name, "errors") }, Limit: 2}, "api-errors site-errors"},
		} {
			list, err := s.List(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, a := range list {
				names = append(names, a.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
		if err := s.Put(t.Context(), named("one-more"), nil); !errors.Is(err, alarm.ErrLimit) {
			t.Errorf("beyond the limit: %v", err)
		}
		put(t, s, "über") // is no new one
	})
}

func TestHistory(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := alarm.New(st, alarm.Options{})
		put(t, s, "errors", "other")
		set(t, s, "errors", alarm.Alarming, "fire")
		set(t, s, "errors", alarm.Alarming, "more fire") // changes nothing
		if err := s.EnableActions(t.Context(), []string{"errors", "nobody"}, false); err != nil {
			t.Fatal(err)
		}
		set(t, s, "errors", alarm.OK, "out")
		set(t, s, "errors", alarm.Alarming, strings.Repeat("ü", 1023))
		if _, err := s.Delete(t.Context(), []string{"errors"}); err != nil {
			t.Fatal(err)
		}
		list := func(q alarm.HistoryQuery) []alarm.Item {
			t.Helper()
			if q.Limit == 0 {
				q.Limit = 100
			}
			items, err := s.History(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			return items
		}
		var summaries []string
		all := list(alarm.HistoryQuery{Alarm: "errors", Ascending: true})
		for _, i := range all {
			summaries = append(summaries, i.Summary)
			if !json.Valid([]byte(i.Data)) || len(i.Data) > 4095 || i.At.IsZero() {
				t.Errorf("%+v", i)
			}
		}
		if got := strings.Join(summaries, "\n"); got != `Alarm "errors" created
Alarm updated from INSUFFICIENT_DATA to ALARM
Failed to execute action arn:aws:sns:us-east-1:1:pager
Alarm "errors" updated
Alarm updated from ALARM to OK
Alarm updated from OK to ALARM
Alarm "errors" deleted` {
			t.Error(got)
		}
		if !strings.Contains(all[1].Data, `"stateReasonData":{"n":1}`) || !strings.Contains(all[1].Data, `"stateReason":"fire"`) {
			t.Error(all[1].Data)
		}
		newest := list(alarm.HistoryQuery{Alarm: "errors", Limit: 2})
		if len(newest) != 2 || newest[0].ID != all[6].ID || newest[1].ID != all[5].ID {
			t.Errorf("%+v", newest)
		}
		if next := list(alarm.HistoryQuery{Alarm: "errors", Limit: 1, After: newest[1].ID}); next[0].ID != all[4].ID {
			t.Errorf("%+v", next)
		}
		if n := len(list(alarm.HistoryQuery{Kind: alarm.StateUpdate})); n != 3 {
			t.Errorf("%d changes of state", n)
		}
		if n := len(list(alarm.HistoryQuery{From: all[1].At, To: all[1].At, Alarm: "errors"})); n != 2 {
			t.Errorf("%d items at that moment", n)
		}
		if err := s.Prune(t.Context(), all[4].At); err != nil {
			t.Fatal(err)
		}
		if left := list(alarm.HistoryQuery{Ascending: true}); len(left) != 3 || left[0].ID != all[4].ID {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestTags(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := alarm.New(st, alarm.Options{})
		put(t, s, "errors")
		var seen map[string]string
		check := func(have map[string]string) error { seen = have; return nil }
		if err := s.Tag(t.Context(), "errors", map[string]string{"team": "ops", "a": ""}, nil, check); err != nil || seen["team"] != "web" {
			t.Errorf("%v, %v", seen, err)
		}
		no := errors.New("no")
		if err := s.Tag(t.Context(), "errors", map[string]string{"b": ""}, nil, func(map[string]string) error { return no }); !errors.Is(err, no) {
			t.Error(err)
		}
		if err := s.Tag(t.Context(), "errors", nil, []string{"a", "unknown"}, nil); err != nil {
			t.Error(err)
		}
		if tags, err := s.Tags(t.Context(), "errors"); err != nil || fmt.Sprint(tags) != "map[team:ops]" {
			t.Errorf("%v, %v", tags, err)
		}
		if err := s.Tag(t.Context(), "nobody", nil, []string{"a"}, nil); !errors.Is(err, alarm.ErrNotFound) {
			t.Error(err)
		}
	})
}

// Many put and set the same alarm at once, from servers that share a database: nothing fails, nothing is lost.
func TestTogether(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := alarm.New(st, alarm.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				if err := s.Put(ctx, named("errors"), nil); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := s.SetState(ctx, "errors", []alarm.State{alarm.OK, alarm.Alarming}[i%2], "", ""); err != nil {
					t.Errorf("set: %v", err)
				}
			})
		}
		wg.Wait()
		items, err := s.History(ctx, alarm.HistoryQuery{Kind: alarm.ConfigurationUpdate, Limit: 100})
		if err != nil || len(items) != 6 {
			t.Errorf("%d of 6 definitions are in the history, %v", len(items), err)
		}
	})
}
