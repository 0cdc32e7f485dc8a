package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestScripts runs testdata/*.txt. A script is a list of blocks: a command, perhaps with lines of input, a line of four
// dashes, and what is expected. The commands are the methods of script below; executions are called e1, e2, ..., action
// executions e1/Stage/action. After every event the script also checks the invariants, that the event's repetition
// changes nothing, that the input state is untouched and that the state survives JSON; at its end, that a replay of the
// events gives the same state.
func TestScripts(t *testing.T) {
	for _, file := range scriptFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t)
	var out bytes.Buffer
	for _, b := range parseScript(string(text)) {
		out.WriteString(b.comment)
		if b.command == "" {
			continue
		}
		got := s.run(b.command, b.input)
		if !*update && got != b.expected {
			t.Errorf("%s: %s\n--- expected\n%s--- got\n%s", file, b.command, b.expected, got)
		}
		fmt.Fprintf(&out, "%s\n%s----\n%s", b.command, b.input, got)
	}
	s.replay()
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// block is one command of a script, with the comment and blank lines before it.
type block struct{ comment, command, input, expected string }

func parseScript(text string) []block {
	var blocks []block
	var b block
	part := 0 // 0 comment, 1 input, 2 expected
	for _, line := range strings.SplitAfter(text, "\n") {
		switch trimmed := strings.TrimSuffix(line, "\n"); {
		case part == 2 && (trimmed == "" || strings.HasPrefix(trimmed, "#")):
			blocks, b, part = append(blocks, b), block{comment: line}, 0
		case part == 0 && (trimmed == "" || strings.HasPrefix(trimmed, "#")):
			b.comment += line
		case part == 0:
			b.command, part = trimmed, 1
		case part == 1 && trimmed == "----":
			part = 2
		case part == 1:
			b.input += line
		default:
			b.expected += line
		}
	}
	return append(blocks, b)
}

// script is a pipeline being played with.
type script struct {
	t     *testing.T
	d     *pipeline.Definition
	s     State
	now   time.Time
	names map[string]string // id or token -> name
	ids   map[string]string // e1/Stage/action -> newest action execution id
	token map[string]string // e1/Stage/action -> newest token
	timer map[string]Timer  // e1/Stage/action or e1 -> newest timer
	log   []logged
	by    string   // who the command is played as; "" is ann
	as    []string // the groups they are in
}

type logged struct {
	d  *pipeline.Definition
	ev Event
}

func newScript(t *testing.T) *script {
	return &script{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		names: map[string]string{}, ids: map[string]string{}, token: map[string]string{}, timer: map[string]Timer{},
	}
}

// run plays one command and returns what it shows.
func (s *script) run(command, input string) string {
	args := strings.Fields(command)
	rest := func(n int) string { return strings.Join(args[min(n, len(args)):], " ") }
	arg := func(n int) string { return rest(n)[:len(first(rest(n)))] }
	switch args[0] {
	case "pipeline":
		s.d = parseDefinition(s.t, args[1:], input)
		return ""
	case "edit":
		s.d = parseDefinition(s.t, args[1:], input)
		return s.step(DefinitionChanged{At: s.now, By: "ann", Version: s.d.Version})
	case "as": // USER, USER+GROUP or ROLE/SESSION, and a command
		return s.playAs(arg(1), rest(2))
	case "wait":
		d, err := time.ParseDuration(arg(1))
		s.must(err)
		s.now = s.now.Add(d)
		return ""
	case "start":
		return s.step(ExecutionRequested{
			At: s.now, By: s.by, ID: arg(1), Nonce: "secret", Failure: rest(2),
			Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerStart, TriggerDetail: "ann"},
		})
	case "start-with": // execution name=value... action:TYPE=value...
		return s.startWith(arg(1), args[2:])
	case "many": // number start execution-prefix
		return s.many(atoi(arg(1)), arg(3))
	case "check-start":
		return s.verdict(CheckStart(s.d, s.s))
	case "progress":
		return s.step(ActionStarted{At: s.now, Action: s.action(arg(1)), ExternalID: "ext-1", Percent: atoi(arg(2)), Summary: rest(3)})
	case "ok":
		return s.step(s.succeeded(arg(1), args[2:]))
	case "fail":
		return s.step(ActionFailed{At: s.now, Action: s.action(arg(1)), Error: pipeline.ErrorDetails{Code: pipeline.JobFailed, Message: rest(2)}})
	case "approve", "reject":
		return s.decide(arg(1), args[0] == "approve", rest(2))
	case "check-approval":
		return s.verdict(CheckApproval(s.d, s.s, arg(1), arg(2), ApprovalGiven{Token: s.token[arg(3)], Approved: true}))
	case "stop", "abandon":
		return s.checked(CheckStop(s.s, arg(1), args[0] == "abandon"), StopRequested{
			At: s.now, By: "ann", Execution: arg(1), Abandon: args[0] == "abandon", Reason: rest(2),
		})
	case "retry":
		how := pipeline.RetryMode(arg(3))
		return s.checked(CheckRetry(s.d, s.s, arg(2), arg(1), how), RetryRequested{
			At: s.now, By: "ann", Execution: arg(1), Stage: arg(2), Mode: how,
		})
	case "rollback": // new stage target
		return s.rollback(arg(1), arg(2), arg(3))
	case "disable", "enable":
		typ := Inbound
		if rest(2) == "outbound" || strings.HasPrefix(rest(2), "outbound ") {
			typ = Outbound
		}
		return s.checked(CheckStage(s.d, arg(1)), TransitionSet{
			At: s.now, By: "ann", Stage: arg(1), Type: typ, Enabled: args[0] == "enable", Reason: strings.TrimPrefix(rest(2), "outbound "),
		})
	case "fire":
		timer, ok := s.timer[arg(1)]
		if !ok {
			s.t.Fatalf("no timer for %s", arg(1))
		}
		s.now = later(s.now, timer.At)
		return s.step(TimerFired{At: s.now, Timer: timer})
	case "rule": // path status summary
		return s.step(RuleResolved{At: s.now, Rule: s.action(arg(1)), Status: pipeline.Status(arg(2)), Summary: rest(3)})
	case "rules": // path of a condition, status: all its rules at once
		return s.run("rule "+arg(1)+"/a "+rest(2), "") + s.run("rule "+arg(1)+"/b "+rest(2), "")
	case "override": // execution stage condition
		return s.override(arg(1), arg(2), ConditionType(arg(3)))
	case "delete":
		return s.step(PipelineDeleted{At: s.now, By: "ann"})
	case "timers":
		return s.timers()
	case "state":
		return s.show()
	case "work":
		return s.work(arg(1))
	case "revisions":
		return s.revisions(arg(1))
	case "remedies":
		return s.remedies(arg(1))
	case "pending":
		return s.pending(arg(1))
	case "supports":
		return s.verdict(Supports(s.d))
	}
	s.t.Fatalf("unknown command %q", command)
	return ""
}

func first(s string) string { a, _, _ := strings.Cut(s, " "); return a }

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) action(path string) string {
	if i := strings.IndexByte(path, '#'); i >= 0 { // an older run
		p := strings.Split(path[:i], "/")
		if len(p) == 4 {
			return ruleExecutionID(p[0], p[1], ConditionType(p[2]), p[3], atoi(path[i+1:]))
		}
		return ActionExecutionID(p[0], p[1], p[2], atoi(path[i+1:]))
	}
	if id, ok := s.ids[path]; ok {
		return id
	}
	s.t.Fatalf("%s never started: %v", path, s.ids)
	return ""
}

// startWith starts an execution with pipeline-level variables and pinned source revisions.
func (s *script) startWith(id string, args []string) string {
	ev := ExecutionRequested{
		At: s.now, ID: id, Nonce: "secret", Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerStart, TriggerDetail: "ann"},
	}
	for _, arg := range args {
		k, v, _ := strings.Cut(arg, "=")
		if action, kind, pinned := strings.Cut(k, ":"); pinned {
			ev.Overrides = append(ev.Overrides, pipeline.SourceRevisionOverride{ActionName: action, RevisionType: kind, RevisionValue: v})
		} else {
			ev.Variables = append(ev.Variables, pipeline.ResolvedVariable{Name: k, ResolvedValue: v})
		}
	}
	return s.step(ev)
}

// many starts n executions and shows where they are.
func (s *script) many(n int, prefix string) string {
	for i := range n {
		s.run(fmt.Sprint("start ", prefix, i+1), "")
	}
	inside, waiting, ended := 0, 0, n
	for i := range s.s.Executions {
		switch e := &s.s.Executions[i]; {
		case !strings.HasPrefix(e.ID, prefix) || e.Status.Terminal():
			continue
		case e.Waiting != nil:
			waiting++
		default:
			inside++
		}
		ended--
	}
	return fmt.Sprintf("inside a stage %d, waiting %d, ended %d\n", inside, waiting, ended)
}

// succeeded builds an ActionSucceeded; rev=R gives a revision, other k=v are output variables.
func (s *script) succeeded(path string, args []string) Event {
	ev := ActionSucceeded{At: s.now, Action: s.action(path)}
	for _, arg := range args {
		k, v, _ := strings.Cut(arg, "=")
		if k == "pushed-by" {
			ev.Authors = append(ev.Authors, "arn:aws:iam::000000000000:user/"+v)
			continue
		}
		if k == "rev" {
			ev.Revision = &pipeline.Revision{ID: v, Summary: "change " + v}
			continue
		}
		if ev.Variables == nil {
			ev.Variables = map[string]string{}
		}
		ev.Variables[k] = v
	}
	return ev
}

func (s *script) decide(path string, approved bool, summary string) string {
	run := path
	path, _, _ = strings.Cut(path, "#")
	p := strings.Split(path, "/")
	token := s.token[path]
	if run != path {
		token = approvalToken("secret", s.action(run))
	}
	ev := ApprovalGiven{At: s.now, By: cmp.Or(s.by, "ann"), As: s.as, Token: token, Approved: approved, Summary: summary}
	return s.checked(CheckApproval(s.d, s.s, p[1], p[2], ev), ev)
}

// playAs plays a command as somebody else.
func (s *script) playAs(who, command string) string {
	defer func() { s.by, s.as = "", nil }()
	name, group, _ := strings.Cut(who, "+")
	if s.by = "arn:aws:iam::000000000000:user/team/" + name; strings.Contains(name, "/") {
		s.by = "arn:aws:sts::000000000000:assumed-role/" + name
		name, _, _ = strings.Cut(name, "/")
	}
	s.as = []string{name}
	if group != "" {
		s.as = append(s.as, group)
	}
	return s.run(command, "")
}

// checked plays an event that a check guards; a refused event must change nothing.
func (s *script) checked(err error, ev Event) string {
	if err == nil {
		return s.step(ev)
	}
	if after, cmds := Step(s.d, s.s, ev); len(cmds) > 0 || !reflect.DeepEqual(after, s.s) {
		s.t.Errorf("%s was refused (%v) but changes the state", ev.Name(), err)
	}
	return s.verdict(err)
}

func (s *script) verdict(err error) string {
	if err == nil {
		return "allowed\n"
	}
	var r *Refusal
	if !errors.As(err, &r) {
		s.t.Errorf("not a Refusal: %v", err)
	}
	return s.rename("refused: " + err.Error() + "\n")
}

// step applies an event, checks what always holds and renders the commands.
func (s *script) step(ev Event) string {
	before := toJSON(s.t, s.s)
	next, cmds := Step(s.d, s.s, ev)
	if toJSON(s.t, s.s) != before {
		s.t.Errorf("%s changed its input state", ev.Name())
	}
	s.s = next
	s.log = append(s.log, logged{s.d, ev})
	s.must(invariants(s.d, next))
	s.must(roundTrips(next))
	if again, more := Step(s.d, next, ev); len(more) > 0 || !reflect.DeepEqual(again, next) {
		s.t.Errorf("%s delivered twice changes the state", ev.Name())
	}
	r := &renderer{script: s}
	for _, c := range cmds {
		s.must(Dispatch(c, r))
	}
	if len(cmds) == 0 {
		return "nothing\n"
	}
	return s.rename(r.out.String())
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func roundTrips(s State) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var back State
	if err := json.Unmarshal(data, &back); err != nil {
		return err
	}
	if !reflect.DeepEqual(s, back) {
		return fmt.Errorf("the state does not survive JSON:\n%s", data)
	}
	return nil
}

// replay applies the log to the empty state and expects the state reached.
func (s *script) replay() {
	var again State
	for _, l := range s.log {
		data, err := EncodeEvent(l.ev)
		s.must(err)
		ev, err := DecodeEvent(data)
		s.must(err)
		again, _ = Step(l.d, again, ev)
	}
	if !reflect.DeepEqual(again, s.s) {
		s.t.Errorf("the replayed log gives another state:\n%s\n%s", toJSON(s.t, again), toJSON(s.t, s.s))
	}
}

// rename replaces ids by names and tokens by TOKEN.
func (s *script) rename(text string) string {
	return uuidPattern.ReplaceAllStringFunc(text, func(id string) string {
		if name, ok := s.names[id]; ok {
			return name
		}
		return id
	})
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// renderer prints commands.
type renderer struct {
	*script
	out strings.Builder
}

func (r *renderer) StartAction(c StartAction) error {
	path := r.name(c.Execution) + "/" + c.Stage + "/" + c.Action
	r.names[c.ID] = fmt.Sprintf("%s#%d", path, c.Attempt)
	r.ids[path] = c.ID
	if w, ok := Lookup(r.s, c.ID); ok {
		r.token[path] = w.Action.Token
		r.names[w.Action.Token] = "TOKEN(" + r.names[c.ID] + ")"
	}
	fmt.Fprintf(&r.out, "-> start %s\n", c.ID)
	return nil
}

func (r *renderer) CancelAction(c CancelAction) error {
	fmt.Fprintf(&r.out, "-> cancel %s: %s\n", c.ID, c.Cause)
	return nil
}

func (r *renderer) EvaluateRule(c EvaluateRule) error {
	path := r.name(c.Execution) + "/" + c.Stage + "/" + string(c.Condition) + "/" + c.Rule
	r.names[c.ID], r.ids[path] = path, c.ID
	fmt.Fprintf(&r.out, "-> evaluate %s\n", c.ID)
	return nil
}

func (r *renderer) CancelRule(c CancelRule) error {
	fmt.Fprintf(&r.out, "-> cancel %s\n", c.ID)
	return nil
}

func (r *renderer) SetTimer(c SetTimer) error {
	key, _, _ := strings.Cut(r.name(c.Timer.ID), "#")
	r.timer[key] = c.Timer
	return nil
}

func (r *renderer) name(id string) string {
	if n, ok := r.names[id]; ok {
		return n
	}
	return id
}

func (r *renderer) Announce(a Announce) error {
	word := string(a.Word)
	if a.Word == Progress {
		word = "is " + string(a.Execution.Status)
	}
	if a.Execution.Trigger.TriggerType == pipeline.TriggerAutoRollback && r.names[a.Execution.ID] == "" {
		r.names[a.Execution.ID] = "rollback-of-" + a.Execution.Trigger.TriggerDetail
	}
	switch a.Kind {
	case KindPipeline:
		fmt.Fprintf(&r.out, "%s %s: %s\n", a.Execution.ID, word, a.Execution.Reason)
	case KindStage:
		if a.Word == Progress {
			word = "is " + string(a.Stage.Status)
		}
		fmt.Fprintf(&r.out, "%s %s %s: %s\n", a.Execution.ID, a.Stage.Name, word, a.Stage.Reason)
	case KindRule:
		fmt.Fprintf(&r.out, "%s %s %s rule %s is %s\n", a.Execution.ID, a.Stage.Name, a.Condition, a.Rule.Name, a.Rule.Status)
	case KindAction:
		if a.Word == Progress {
			word = fmt.Sprintf("is %s %d%%", a.Action.Status, a.Action.Percent)
		}
		fmt.Fprintf(&r.out, "%s %s/%s %s: %s\n", a.Execution.ID, a.Stage.Name, a.Action.Name, word, a.Action.Reason)
	}
	return nil
}

// timers lists the timers the state still waits for.
func (s *script) timers() string {
	var lines []string
	for key, timer := range s.timer {
		if waitsFor(s.s, timer) {
			lines = append(lines, fmt.Sprintf("%s %s after %s\n", timer.Kind, key, timer.At.Sub(s.now)))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func waitsFor(s State, timer Timer) bool {
	for _, e := range s.Executions {
		if e.Waiting != nil && e.ID == timer.ID && e.Waiting.Expires.Equal(timer.At) {
			return true
		}
		if slot, i := runningRule(&e, timer.ID); i >= 0 && e.Stage.Condition(slot).Rules[i].Deadline.Equal(timer.At) {
			return true
		}
		if i := runningAction(&e, timer.ID); i >= 0 && e.Stage.Actions[i].Deadline.Equal(timer.At) {
			return true
		}
	}
	return false
}

// show prints what GetPipelineState would, and the executions.
func (s *script) show() string {
	var b strings.Builder
	for _, v := range View(s.d, s.s) {
		fmt.Fprintf(&b, "%s:", v.Name)
		if v.Latest != nil {
			fmt.Fprintf(&b, " %s %s", v.Latest.ID, v.Latest.Status)
			if v.Latest.Type == pipeline.Rollback {
				b.WriteString(" (rollback)")
			}
		}
		for _, a := range v.Actions {
			if a.Latest != nil {
				fmt.Fprintf(&b, " | %s %s", a.Latest.ID, a.Latest.Status)
			}
			if a.Revision != nil {
				fmt.Fprintf(&b, " at %s", a.Revision.ID)
			}
		}
		if v.Transition.Disabled {
			fmt.Fprintf(&b, " | disabled by %s: %s", v.Transition.By, v.Transition.Reason)
		}
		if t := v.Transition; !t.Disabled && t.By != "" {
			fmt.Fprintf(&b, " | opened by %s", t.By)
		}
		for _, w := range v.Inbound {
			fmt.Fprintf(&b, " | waiting %s", w.ID)
		}
		if v.Retry != nil {
			fmt.Fprintf(&b, " | retried by hand %d, automatically %d, last %s", v.Retry.Manual, v.Retry.Automatic, v.Retry.Last)
		}
		for _, slot := range slots {
			if c := *conditionSlot(&v.BeforeEntry, &v.OnSuccess, &v.OnFailure, slot); c != nil {
				fmt.Fprintf(&b, " | %s %s", phaseOf(slot), c.Status)
			}
		}
		b.WriteByte('\n')
	}
	for _, e := range s.s.Executions {
		fmt.Fprintf(&b, "%s v%d attempt %d %s: %s\n", e.ID, e.Version, e.Attempt, e.Status, e.Reason)
	}
	if len(s.s.Definitions) > 0 {
		fmt.Fprintf(&b, "pinned definitions: %d\n", len(s.s.Definitions))
	}
	return s.rename(b.String())
}

// work prints what a worker would get to see.
func (s *script) work(path string) string {
	w, ok := Lookup(s.s, s.action(path))
	if !ok {
		return "nothing to do\n"
	}
	var b strings.Builder
	for _, in := range w.Action.Inputs {
		fmt.Fprintf(&b, "in %s s3://%s/%s", in.Name, in.Bucket, in.Key)
		if in.Revision != nil {
			fmt.Fprintf(&b, " at %s", in.Revision.ID)
		}
		b.WriteByte('\n')
	}
	for _, out := range w.Action.Outputs {
		fmt.Fprintf(&b, "out %s s3://%s/%s\n", out.Name, out.Bucket, out.Key)
	}
	for _, o := range w.Overrides {
		fmt.Fprintf(&b, "pinned to %s %s\n", o.RevisionType, o.RevisionValue)
	}
	fmt.Fprintf(&b, "variables %s\n", toJSON(s.t, w.Variables))
	return s.rename(b.String())
}

// revisions prints what history shows of what an execution fetched.
func (s *script) revisions(id string) string {
	var last ExecutionRecord
	for _, a := range announcements(s.log) {
		if a.Execution.ID == id {
			last = a.Execution
		}
	}
	var b strings.Builder
	for _, r := range last.Revisions {
		fmt.Fprintf(&b, "%s %s at %s: %s\n", r.Action, r.Artifact, r.Revision.ID, r.Revision.Summary)
	}
	return b.String()
}

// remedies prints what would release an execution.
func (s *script) remedies(id string) string {
	var b strings.Builder
	for _, r := range Remedies(s.d, s.s, id) {
		fmt.Fprintln(&b, strings.Join(strings.Fields(fmt.Sprint(r.Kind, " ", r.Stage, " ", r.Action, " ", r.Condition, " ", r.Execution, " ", r.Token)), " "))
	}
	if b.Len() == 0 {
		return "none\n"
	}
	return s.rename(b.String())
}

// pending prints what an execution has yet to begin in its stage.
func (s *script) pending(id string) string {
	var b strings.Builder
	for _, a := range Pending(s.s, id) {
		fmt.Fprintf(&b, "%s: %s\n", a.Name, a.Reason)
	}
	if b.Len() == 0 {
		return "none\n"
	}
	return s.rename(b.String())
}

func (s *script) rollback(id, stage, target string) string {
	var found *Snapshot
	var known RollbackTarget
	for _, l := range announcements(s.log) {
		if l.Kind == KindStage && l.Word == WordSucceeded && l.Execution.ID == target && l.Stage.Name == stage {
			found = l.Snapshot
			known = RollbackTarget{ID: target, Version: l.Execution.Version, Type: l.Execution.Type, Succeeded: true}
		}
	}
	if found == nil {
		found, known = &Snapshot{ExecutionID: target}, RollbackTarget{ID: target, Version: s.d.Version}
	}
	err := CheckRollback(s.d, s.s, stage, known)
	if err != nil {
		return s.verdict(err)
	}
	return s.step(RollbackRequested{
		At: s.now, By: "ann", ID: id, Nonce: "secret", Stage: stage, Target: *found,
		Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerManualRollback, TriggerDetail: "ann"},
	})
}

// announcements replays a log for what it announced: what history would hold.
func announcements(log []logged) []Announce {
	var s State
	var out []Announce
	for _, l := range log {
		next, cmds := Step(l.d, s, l.ev)
		s = next
		for _, c := range cmds {
			if a, ok := c.(Announce); ok {
				out = append(out, a)
			}
		}
	}
	return out
}

func (s *script) override(execution, stage string, c ConditionType) string {
	return s.checked(CheckOverride(s.d, s.s, stage, execution, c), ConditionOverridden{
		At: s.now, By: "ann", Execution: execution, Stage: stage, Condition: c,
	})
}

// parseDefinition reads a definition: arguments `v2 QUEUED`, one line per stage, `Name: action action ...`. An action
// is name!Category@runOrder<in,in>out,out~namespace, all but the name optional; the default category is Build. A word
// retry=MODE or rollback sets the stage's onFailure; before=RESULT, success=RESULT and failure=RESULT give it a
// condition with the rules a and b; the keys of an approval's policy, as ConveyorRequiredApprovals=2, belong to the action
// before them.
func parseDefinition(t testing.TB, args []string, text string) *pipeline.Definition {
	t.Helper()
	d := &pipeline.Definition{Name: "a-pipeline-with-a-long-name", Version: 1, ArtifactStore: &pipeline.ArtifactStore{Type: "S3", Location: "bucket"}}
	for _, a := range args {
		if n, err := strconv.Atoi(strings.TrimPrefix(a, "v")); err == nil {
			d.Version = n
		} else {
			d.ExecutionMode = pipeline.ExecutionMode(a)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		name, actions, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("not a stage: %q", line)
		}
		d.Stages = append(d.Stages, parseStage(strings.TrimSpace(name), strings.Fields(actions)))
	}
	return d
}

func parseStage(name string, words []string) pipeline.Stage {
	st := pipeline.Stage{Name: name}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "retry":
			st.OnFailure = &pipeline.FailureConditions{Result: "RETRY"}
			if v != "" {
				st.OnFailure.RetryConfiguration = &pipeline.RetryConfiguration{RetryMode: pipeline.RetryMode(v)}
			}
		case "rollback":
			st.OnFailure = &pipeline.FailureConditions{Result: "ROLLBACK"}
		case pipeline.KeyApprovers, pipeline.KeyRequiredApprovals, pipeline.KeyForbidAuthor:
			a := &st.Actions[len(st.Actions)-1]
			if a.Configuration == nil {
				a.Configuration = map[string]string{}
			}
			a.Configuration[k] = v
		case "before":
			st.BeforeEntry = &pipeline.Conditions{Conditions: parseCondition(v)}
		case "success":
			st.OnSuccess = &pipeline.Conditions{Conditions: parseCondition(v)}
		case "failure":
			st.OnFailure = &pipeline.FailureConditions{Conditions: parseCondition(v)}
		default:
			st.Actions = append(st.Actions, parseAction(w))
		}
	}
	return st
}

func parseCondition(result string) []pipeline.Condition {
	typ := pipeline.RuleTypeID{Category: "Rule", Owner: "AWS", Provider: "VariableCheck", Version: "1"}
	return []pipeline.Condition{{Result: result, Rules: []pipeline.Rule{{Name: "a", RuleTypeID: typ}, {Name: "b", RuleTypeID: typ}}}}
}

var actionPattern = regexp.MustCompile(`^([^!@<>~]+)(?:!([^@<>~]+))?(?:@(\d+))?(?:<([^>~]+))?(?:>([^~]+))?(?:~(.+))?$`)

func parseAction(w string) pipeline.Action {
	m := actionPattern.FindStringSubmatch(w)
	a := pipeline.Action{Name: m[1], RunOrder: atoi(m[3]), Namespace: m[6]}
	a.ActionTypeID = pipeline.ActionTypeID{Category: "Build", Owner: "AWS", Provider: "CodeBuild", Version: "1"}
	if m[2] != "" {
		a.ActionTypeID = pipeline.ActionTypeID{Category: m[2], Owner: "AWS", Provider: map[string]string{"Approval": "Manual", "Source": "S3", "Deploy": "S3"}[m[2]], Version: "1"}
	}
	for _, in := range strings.FieldsFunc(m[4], func(r rune) bool { return r == ',' }) {
		a.InputArtifacts = append(a.InputArtifacts, pipeline.InputArtifact{Name: in})
	}
	for _, out := range strings.FieldsFunc(m[5], func(r rune) bool { return r == ',' }) {
		a.OutputArtifacts = append(a.OutputArtifacts, pipeline.OutputArtifact{Name: out})
	}
	return a
}
