package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// deadline bounds every wait of a script; a wait that reaches it fails the script with what was seen last.
const deadline = 60 * time.Second

// commands are the words scripts have beside testscript's own.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"make":     cmdMake, // make repository|bucket|versioned|site|project|pipeline NAME
		"sink":     cmdSink,
		"server":   cmdServer,   // server [second] start [FLAG...] | use | stop | kill : clients then talk to the one started or used last
		"belt":     cmdBelt,     // belt NAME STEP... : writes NAME.json, a pipeline of one action per step
		"push":     cmdPush,     // push DIR BRANCH REPOSITORY : commits everything in DIR and pushes it
		"await":    cmdAwait,    // await PIPELINE [STAGE [ACTION]] STATUS
		"runs":     cmdRuns,     // runs PIPELINE N [STATUS] : waits until the pipeline has had N executions (of that status)
		"page":     cmdPage,     // page BUCKET/PATH REGEXP : waits until the website serves a match; ! page: does not serve one now
		"set":      cmdSet,      // set FILE PATH JSON : changes one value of a JSON file, as in pipeline.stages.1.onFailure
		"start":    cmdStart,    // start PIPELINE N : starts N executions
		"pending":  cmdPending,  // pending PIPELINE ACTION VARIABLE : the token of the oldest approval that history shows pending
		"token":    cmdToken,    // token PIPELINE STAGE ACTION VARIABLE : puts the pending approval's token into the environment
		"database": cmdDatabase, // database : a fresh PostgreSQL database, its URL in $DATABASE
		"approve":  cmdApprove,  // approve PIPELINE STAGE ACTION : approves what is pending
		"retry":    cmdRetry,    // retry PIPELINE STAGE : retries the failed actions of the stage's latest execution
		"serve":    cmdServe,    // serve git|svn|hg|ssh DIR VARIABLE : a real server of version control, its URL in the variable
		"commit":   cmdCommit,   // commit DIR VARIABLE : the id of the newest commit of a working copy
		"forge":    cmdForge,    // forge start|event|hooks|status ... : a forge
		"closed":   cmdClosed,   // closed ID : waits until the pull request is closed
		"fill":     cmdFill,     // fill FILE BYTES : writes bytes that do not compress
	}
}

func check(ts *testscript.TestScript, err error) {
	if err != nil {
		ts.Fatalf("%v", err)
	}
}

func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// step describes one action of a belt, written PROVIDER[:ARGUMENT[:ARGUMENT]] with `+` between actions of one stage and
// an optional `NAME=` in front of the stage.
//
//	Source=CodeCommit:site:main  Build=CodeBuild:site  Approve=Manual  Deploy=S3:site
func cmdBelt(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 3, "belt NAME STAGE=ACTION[+ACTION...]...")
	name := args[0]
	b := beltBuilder{artifacts: map[string]bool{}}
	for _, arg := range args[1:] {
		check(ts, b.addStage(arg))
	}
	text, err := json.MarshalIndent(map[string]any{"pipeline": map[string]any{
		"name": name, "roleArn": "arn:aws:iam::000000000000:role/conveyor",
		"artifactStore": map[string]any{"type": "S3", "location": "artifacts"},
		"stages":        b.stages,
	}}, "", "  ")
	check(ts, err)
	check(ts, os.WriteFile(ts.MkAbs(name+".json"), text, 0o600))
}

type beltBuilder struct {
	stages    []any
	artifacts map[string]bool
	last      string // the newest artifact
}

func (b *beltBuilder) addStage(text string) error {
	stage, actions, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("stage %q is not NAME=ACTION", text)
	}
	var list []any
	input := b.last
	for i, a := range strings.Split(actions, "+") {
		action, output, err := b.action(stage, i, a, input)
		if err != nil {
			return err
		}
		if output != "" {
			b.last = output
		}
		list = append(list, action)
	}
	b.stages = append(b.stages, map[string]any{"name": stage, "actions": list})
	return nil
}

func (b *beltBuilder) action(stage string, index int, text, input string) (map[string]any, string, error) {
	parts := strings.Split(text, ":")
	arg := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	name := parts[0]
	if index > 0 {
		name = fmt.Sprintf("%s%d", parts[0], index+1)
	}
	output := stage + "Output"
	if index > 0 {
		output = fmt.Sprintf("%s%d", output, index+1)
	}
	action := map[string]any{"name": name}
	typeID := func(category, provider string) {
		action["actionTypeId"] = map[string]any{"category": category, "owner": "AWS", "provider": provider, "version": "1"}
	}
	in := []any{map[string]any{"name": input}}
	out := []any{map[string]any{"name": output}}
	switch parts[0] {
	case "CodeCommit":
		typeID("Source", "CodeCommit")
		action["configuration"] = map[string]any{"RepositoryName": arg(1), "BranchName": arg(2)}
		action["outputArtifacts"] = out
	case "Remote": // where it is is set in the file afterwards
		name = "Fetch"
		action["name"] = name
		typeID("Source", arg(1))
		action["outputArtifacts"] = out
	case "S3Source":
		typeID("Source", "S3")
		action["configuration"] = map[string]any{"S3Bucket": arg(1), "S3ObjectKey": arg(2)}
		action["outputArtifacts"] = out
	case "CodeBuild":
		typeID("Build", "CodeBuild")
		action["configuration"] = map[string]any{"ProjectName": arg(1)}
		action["inputArtifacts"], action["outputArtifacts"] = in, out
	case "Commands": // what to run is set in the file afterwards
		typeID("Compute", "Commands")
		action["inputArtifacts"], action["outputArtifacts"] = in, out
		action["namespace"] = stage
	case "Manual":
		typeID("Approval", "Manual")
		output = ""
	case "S3":
		typeID("Deploy", "S3")
		configuration := map[string]any{"BucketName": arg(1), "Extract": "true"}
		if arg(2) != "" {
			configuration["ObjectKey"] = arg(2)
		}
		action["configuration"] = configuration
		if arg(3) != "" {
			in = []any{map[string]any{"name": arg(3)}}
		}
		action["inputArtifacts"] = in
		output = ""
	default:
		return nil, "", fmt.Errorf("unknown action %q", parts[0])
	}
	return action, output, nil
}

func cmdPush(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "push DIR BRANCH REPOSITORY")
	dir, branch, repository := ts.MkAbs(args[0]), args[1], args[2]
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		check(ts, ts.Exec("git", "-C", dir, "init", "-q"))
	}
	if ts.Exec("git", "-C", dir, "switch", "-q", branch) != nil {
		check(ts, ts.Exec("git", "-C", dir, "switch", "-q", "-c", branch))
	}
	check(ts, ts.Exec("git", "-C", dir, "add", "-A"))
	check(ts, ts.Exec("git", "-C", dir, "commit", "-q", "--allow-empty", "-m", "Change of "+branch))
	check(ts, ts.Exec("git", "-C", dir, "push", "-q", ts.Getenv("AWS_ENDPOINT_URL")+"/v1/repos/"+repository, branch))
}

func client(ts *testscript.TestScript) *codepipeline.Client {
	return codepipeline.NewFromConfig(aws.Config{
		Region:       ts.Getenv("AWS_DEFAULT_REGION"),
		BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(
			ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
}

// eventually calls look until it says done, and fails the script with what it saw last. It looks ever less often: a script
// that waits long takes the processor from the others that run.
func eventually(ts *testscript.TestScript, what string, look func(context.Context) (seen string, done bool, err error)) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var seen string
	for pause := 10 * time.Millisecond; ; pause = min(pause*5/4, 150*time.Millisecond) {
		var done bool
		var err error
		if seen, done, err = look(ctx); err != nil {
			seen = err.Error()
		} else if done {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s: not within %s; last seen: %s", what, deadline, seen)
		case <-time.After(pause):
		}
	}
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2 && len(args) <= 4, "await PIPELINE [STAGE [ACTION]] STATUS")
	c, name, want := client(ts), args[0], args[len(args)-1]
	eventually(ts, "await "+strings.Join(args, " "), func(ctx context.Context) (string, bool, error) {
		var seen string
		var err error
		if len(args) == 2 {
			seen, err = newestStatus(ctx, c, name)
		} else {
			seen, err = stateOf(ctx, c, name, args[1:len(args)-1])
		}
		return seen, seen == want, err
	})
}

func newestStatus(ctx context.Context, c *codepipeline.Client, name string) (string, error) {
	out, err := c.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: aws.Int32(1)})
	if err != nil || len(out.PipelineExecutionSummaries) == 0 {
		return "no execution", err
	}
	return string(out.PipelineExecutionSummaries[0].Status), nil
}

// stateOf is the status of a stage, or of an action of it, as GetPipelineState shows it.
func stateOf(ctx context.Context, c *codepipeline.Client, name string, path []string) (string, error) {
	out, err := c.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &name})
	if err != nil {
		return "", err
	}
	for _, s := range out.StageStates {
		if aws.ToString(s.StageName) != path[0] {
			continue
		}
		if len(path) == 1 && s.LatestExecution != nil {
			return string(s.LatestExecution.Status), nil
		}
		if len(path) == 2 {
			return actionStatus(s, path[1]), nil
		}
	}
	return "not reached", nil
}

func actionStatus(s types.StageState, action string) string {
	for _, a := range s.ActionStates {
		if aws.ToString(a.ActionName) == action && a.LatestExecution != nil {
			return string(a.LatestExecution.Status)
		}
	}
	return "not reached"
}

func cmdRuns(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 2 || len(args) == 3), "runs PIPELINE N [STATUS]")
	c := client(ts)
	eventually(ts, "runs "+strings.Join(args, " "), func(ctx context.Context) (string, bool, error) {
		out, err := c.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &args[0]})
		if err != nil {
			return "", false, err
		}
		var statuses []string
		n := 0
		for _, e := range out.PipelineExecutionSummaries {
			statuses = append(statuses, string(e.Status))
			if len(args) == 2 || string(e.Status) == args[2] {
				n++
			}
		}
		return strings.Join(statuses, " "), fmt.Sprint(n) == args[1], nil
	})
}

func cmdPage(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "page BUCKET/PATH REGEXP")
	want := regexp.MustCompile(args[1])
	url := ts.Getenv("AWS_ENDPOINT_URL") + "/conveyor/websites/" + args[0]
	look := func(ctx context.Context) (string, bool, error) {
		body, err := get(ctx, url)
		return body, want.MatchString(body), err
	}
	if neg {
		body, matched, err := look(context.Background())
		check(ts, err)
		if matched {
			ts.Fatalf("%s serves what it should not: %s", url, body)
		}
		return
	}
	eventually(ts, "page "+strings.Join(args, " "), look)
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.Status + "\n" + string(body), err
}

func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 4, "token PIPELINE STAGE ACTION VARIABLE")
	c := client(ts)
	eventually(ts, "token "+strings.Join(args, " "), func(ctx context.Context) (string, bool, error) {
		out, err := c.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &args[0]})
		if err != nil {
			return "", false, err
		}
		for _, s := range out.StageStates {
			for _, a := range s.ActionStates {
				if aws.ToString(s.StageName) == args[1] && aws.ToString(a.ActionName) == args[2] &&
					a.LatestExecution != nil && a.LatestExecution.Token != nil {
					ts.Setenv(args[3], *a.LatestExecution.Token)
					return "", true, nil
				}
			}
		}
		return "no token", false, nil
	})
}

func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "fill FILE BYTES")
	path := ts.MkAbs(args[0])
	check(ts, os.MkdirAll(filepath.Dir(path), 0o700))
	out, err := exec.Command("dd", "if=/dev/urandom", "of="+path, "bs=1M", "iflag=count_bytes", "count="+args[1]).CombinedOutput()
	if err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}

func cmdApprove(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "approve PIPELINE STAGE ACTION")
	cmdToken(ts, false, append(args[:3:3], "TOKEN"))
	_, err := client(ts).PutApprovalResult(context.Background(), &codepipeline.PutApprovalResultInput{
		PipelineName: &args[0], StageName: &args[1], ActionName: &args[2], Token: aws.String(ts.Getenv("TOKEN")),
		Result: &types.ApprovalResult{Status: types.ApprovalStatusApproved, Summary: aws.String("fine")},
	})
	check(ts, err)
}

func cmdRetry(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "retry PIPELINE STAGE")
	c := client(ts)
	out, err := c.ListPipelineExecutions(context.Background(), &codepipeline.ListPipelineExecutionsInput{PipelineName: &args[0], MaxResults: aws.Int32(1)})
	check(ts, err)
	if len(out.PipelineExecutionSummaries) == 0 {
		ts.Fatalf("pipeline %s has no execution", args[0])
	}
	_, err = c.RetryStageExecution(context.Background(), &codepipeline.RetryStageExecutionInput{
		PipelineName: &args[0], StageName: &args[1], PipelineExecutionId: out.PipelineExecutionSummaries[0].PipelineExecutionId,
		RetryMode: types.StageRetryModeFailedActions,
	})
	check(ts, err)
}

func cmdSet(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "set FILE PATH JSON")
	var value, document any
	check(ts, json.Unmarshal([]byte(args[2]), &value))
	check(ts, json.Unmarshal([]byte(ts.ReadFile(args[0])), &document))
	path := strings.Split(args[1], ".")
	at := document
	for i, name := range path {
		switch node := at.(type) {
		case map[string]any:
			if i == len(path)-1 {
				node[name] = value
			}
			at = node[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(node) {
				ts.Fatalf("%s has no %s", args[0], args[1])
			}
			if i == len(path)-1 {
				node[n] = value
			}
			at = node[n]
		default:
			ts.Fatalf("%s has no %s", args[0], args[1])
		}
	}
	text, err := json.MarshalIndent(document, "", "  ")
	check(ts, err)
	check(ts, os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "start PIPELINE N")
	n, err := strconv.Atoi(args[1])
	check(ts, err)
	c := client(ts)
	for range n {
		_, err := c.StartPipelineExecution(context.Background(), &codepipeline.StartPipelineExecutionInput{Name: &args[0]})
		check(ts, err)
	}
}

func cmdPending(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "pending PIPELINE ACTION VARIABLE")
	c := client(ts)
	eventually(ts, "pending "+strings.Join(args, " "), func(ctx context.Context) (string, bool, error) {
		out, err := c.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: &args[0]})
		if err != nil {
			return "", false, err
		}
		token := ""
		for _, d := range out.ActionExecutionDetails { // newest first
			if aws.ToString(d.ActionName) == args[1] && d.Status == types.ActionExecutionStatusInProgress {
				token = aws.ToString(d.Output.ExecutionResult.ExternalExecutionId)
			}
		}
		ts.Setenv(args[2], token)
		return "nothing pending", token != "", nil
	})
}
