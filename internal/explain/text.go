package explain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Write writes explanations for a person in a terminal: what is so and why, stage by stage, and at the end the commands
// that would change it.
func Write(w io.Writer, list []flow.Explanation) error {
	var out strings.Builder
	for i := range list {
		if i > 0 {
			out.WriteString("\n")
		}
		writeOne(&out, &list[i])
	}
	if len(list) == 0 {
		out.WriteString("The pipeline has never run. Start it: aws codepipeline start-pipeline-execution --name NAME\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func writeOne(out *strings.Builder, x *flow.Explanation) {
	fmt.Fprintf(out, "%s  %s  %s\n", x.Pipeline, x.ID, describe(x))
	fmt.Fprintf(out, "  started %s by %s", x.Started.UTC().Format(time.DateTime+" UTC"), x.Trigger.TriggerType)
	if r := x.Revisions; len(r) > 0 {
		fmt.Fprintf(out, ", %s %s", r[0].Action, short(r[0].Revision.ID))
	}
	fmt.Fprintf(out, "\n  %s\n\n", oneLine(x.Reason))
	writeStages(out, x.Stages)
	if len(x.Remedies) == 0 {
		return
	}
	out.WriteString("\n")
	for _, r := range x.Remedies {
		what, command := remedy(x.Pipeline, r)
		fmt.Fprintf(out, "  %s:\n    %s\n", what, command)
	}
}

// describe is the execution's status, as a person would say it.
func describe(x *flow.Explanation) string {
	s := string(x.Status)
	if x.Status == pipeline.StatusInProgress && strings.HasPrefix(x.Reason, "Waits ") {
		s = "waits"
	}
	if x.Type == pipeline.Rollback {
		s += " (rollback)"
	}
	return s
}

func writeStages(out *strings.Builder, stages []flow.ExplainedStage) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(depth int, name string, status pipeline.Status, reason string) {
		fmt.Fprintf(t, "  %s%s\t%s\t%s\n", strings.Repeat("  ", depth), name, orNone(status), oneLine(reason))
	}
	for _, st := range stages {
		row(0, st.Name, st.Status, st.Reason)
		for _, slot := range []engine.ConditionType{engine.BeforeEntry, "", engine.OnSuccess, engine.OnFailure} {
			if slot == "" {
				for _, a := range st.Actions {
					row(1, a.Name, a.Status, a.Reason)
				}
			}
			for _, r := range st.Rules {
				if r.Condition == slot {
					row(1, r.Name+" (rule)", r.Status, r.Reason)
				}
			}
		}
	}
	_ = t.Flush() // a strings.Builder takes everything
}

func orNone(status pipeline.Status) string {
	if status == "" {
		return "-"
	}
	return string(status)
}

const longest = 300

// oneLine keeps a reason from breaking the table.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "..."
	}
	return s
}

func short(revision string) string {
	if len(revision) > 12 {
		return revision[:12]
	}
	return revision
}

// remedy says in words what helps, and the command that does it.
func remedy(name string, r engine.Remedy) (what, command string) {
	aws := func(operation string, arguments ...string) string {
		return join(append([]string{"aws", "codepipeline", operation}, arguments...))
	}
	switch r.Kind {
	case engine.RemedyEnable:
		return "To let it into stage " + r.Stage, aws("enable-stage-transition", "--pipeline-name", name, "--stage-name", r.Stage, "--transition-type", "Inbound")
	case engine.RemedyApprove:
		return fmt.Sprintf("To approve %s (or reject: status=Rejected)", r.Action), aws("put-approval-result", "--pipeline-name", name, "--stage-name", r.Stage,
			"--action-name", r.Action, "--token", r.Token, "--result", "status=Approved,summary=...")
	case engine.RemedyOverride:
		return fmt.Sprintf("To let it pass the %s condition of stage %s all the same", r.Condition, r.Stage), aws("override-stage-condition", "--pipeline-name", name,
			"--stage-name", r.Stage, "--pipeline-execution-id", r.Execution, "--condition-type", string(r.Condition))
	case engine.RemedyRetry:
		return "To run stage " + r.Stage + " again", aws("retry-stage-execution", "--pipeline-name", name, "--stage-name", r.Stage,
			"--pipeline-execution-id", r.Execution, "--retry-mode", "FAILED_ACTIONS")
	case engine.RemedyStart:
		return "To start the pipeline again", aws("start-pipeline-execution", "--name", name)
	case engine.RemedyLook:
		return "To see what the execution in front of it does", join([]string{"conveyor", "explain", name, r.Execution})
	case engine.RemedyReadLog:
		group, stream := logOf(r.Log)
		return "To read the log of " + r.Action, join([]string{"aws", "logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream, "--output", "text"})
	}
	return string(r.Kind), ""
}

// logOf takes the ARN of a log stream apart: arn:aws:logs:REGION:ACCOUNT:log-group:GROUP:log-stream:STREAM.
func logOf(arn string) (group, stream string) {
	_, rest, _ := strings.Cut(arn, ":log-group:")
	group, stream, _ = strings.Cut(rest, ":log-stream:")
	return group, stream
}

// join writes words as a line of shell.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+=@%,") != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
