package function

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/logstore"
)

// The directories of a program's place.
const (
	taskDir    = "task"    // the function's code, and where its program starts
	runtimeDir = "runtime" // the client that speaks the runtime interface for a module
)

// sandbox is one program of a function: it runs one invocation at a time, one after the other.
type sandbox struct {
	s        *Service
	function *Function
	host     Host
	log      *logstore.Writer
	tail     *tail
	listener net.Listener
	server   *http.Server
	stop     context.CancelCauseFunc
	born     time.Time
	used     time.Time // guarded by the pool

	next   chan *invocation // handed to the program when it asks
	exited chan struct{}    // closed when it has ended
	status int              // valid after exited
	err    error            // as well

	mu      sync.Mutex
	current *invocation // what the program works on
	failed  *outcome    // how it said that it could not start
}

// invocation is one call on its way through a program.
type invocation struct {
	id      string
	payload []byte
	answer  chan outcome // has room for one
}

// outcome is what a program answered.
type outcome struct {
	payload   []byte
	errorType string // not empty: it failed
}

// initTime is how long a program may take before it asks for its first invocation.
const initTime = 10 * time.Second

// errKilled is why a program's context ends when its time is over or it is no longer needed.
var errKilled = errors.New("the function was ended")

// start makes a place for a function and starts its program there.
func (s *Service) start(ctx context.Context, f *Function) (_ *sandbox, err error) {
	id := uuid.New()
	host, err := s.o.Hosts.Prepare(ctx, id.String())
	if err != nil {
		return nil, err
	}
	sb := &sandbox{
		s: s, function: f, host: host, born: time.Now(), tail: new(tail),
		next: make(chan *invocation), exited: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sb.release())
		}
	}()
	if err := s.unpack(ctx, f, filepath.Join(host.Root(), taskDir)); err != nil {
		return nil, err
	}
	command, err := sb.command()
	if err != nil {
		return nil, err
	}
	stream := time.Now().UTC().Format("2006/01/02/") + "[$LATEST]" + hex.EncodeToString(id[:])
	if sb.log, err = s.o.Logs.Writer(context.WithoutCancel(ctx), f.LogGroup(), stream); err != nil {
		return nil, err
	}
	if sb.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen for the program of function %s: %w", f.Name, err)
	}
	env, err := sb.environment(ctx, stream)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	sb.stop = stop
	sb.serve()
	go sb.run(running, env, command)
	return sb, nil
}

func (sb *sandbox) run(ctx context.Context, env []string, command string) {
	sb.status, sb.err = sb.host.Run(ctx, taskDir, env, outputs{sb.log, sb.tail}, command)
	close(sb.exited)
}

// environment is what the program is told, and nothing of this server's own.
func (sb *sandbox) environment(ctx context.Context, stream string) ([]string, error) {
	f, o := sb.function, sb.s.o
	env := map[string]string{}
	if o.Credentials != nil {
		credentials, err := o.Credentials(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("make credentials for function %s: %w", f.Name, err)
		}
		for k, v := range credentials {
			env[k] = v
		}
	}
	for k, v := range map[string]string{"TZ": ":UTC", "LANG": "en_US.UTF-8", "AWS_ENDPOINT_URL": o.Endpoint} {
		env[k] = v
	}
	for k, v := range f.Environment { // these may be replaced, those below may not
		env[k] = v
	}
	for k, v := range map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          sb.listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.Memory),
		"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup(),
		"AWS_LAMBDA_LOG_STREAM_NAME":      stream,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_" + f.Runtime,
		"AWS_REGION":                      o.Region,
		"AWS_DEFAULT_REGION":              o.Region,
		"LAMBDA_TASK_ROOT":                filepath.Join(sb.host.Root(), taskDir),
		"LAMBDA_RUNTIME_DIR":              filepath.Join(sb.host.Root(), runtimeDir),
		"_HANDLER":                        f.Handler,
	} {
		env[k] = v
	}
	return environment(env), nil
}

func (sb *sandbox) alive() bool {
	select {
	case <-sb.exited:
		return false
	default:
		return true
	}
}

// end ends the program and gives everything back.
func (sb *sandbox) end() {
	sb.stop(errKilled)
	<-sb.exited
	if err := sb.release(); err != nil {
		sb.s.o.Log.Error("what a function left could not be cleared away", "function", sb.function.Name, "error", err)
	}
}

func (sb *sandbox) release() error {
	var errs []error
	if sb.server != nil {
		errs = append(errs, sb.server.Close())
	} else if sb.listener != nil {
		errs = append(errs, sb.listener.Close())
	}
	errs = append(errs, sb.host.Discard(context.Background()))
	if sb.log != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		errs = append(errs, sb.log.Close(ctx))
	}
	return errors.Join(errs...)
}

// memoryLook is how often the memory of a running program is looked at.
const memoryLook = 200 * time.Millisecond

// invoke lets the program do one invocation. fit tells whether it can do another.
func (sb *sandbox) invoke(ctx context.Context, inv *invocation) (o outcome, most int64, fit bool) {
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	limit := time.NewTimer(max(initTime, sb.timeout()))
	defer limit.Stop()
	next := sb.next
	started := false
	// A program that answers within one look is measured once, at its end.
	defer func() {
		if sb.alive() && most == 0 {
			most = sb.host.Resident()
		}
	}()
	for {
		select {
		case next <- inv:
			next, started = nil, true
			limit.Reset(sb.timeout())
		case o := <-inv.answer:
			sb.host.Drain()
			return o, most, true
		case <-sb.exited:
			return sb.ended(inv), most, false
		case <-limit.C:
			sb.kill()
			return sb.overdue(inv, started), most, false
		case <-ctx.Done():
			sb.kill()
			return failure("Sandbox.Cancelled", "RequestId: %s Error: %v", inv.id, context.Cause(ctx)), most, false
		case <-look.C:
			if most = max(most, sb.host.Resident()); most > sb.memory() {
				sb.kill()
				return failure("Runtime.OutOfMemory", "RequestId: %s Error: Runtime exited with error: signal: killed. It held %d MB of memory; %d MB are allowed",
					inv.id, most>>20, sb.function.Memory), most, false
			}
		}
	}
}

func (sb *sandbox) timeout() time.Duration { return time.Duration(sb.function.Timeout) * time.Second }

func (sb *sandbox) memory() int64 { return int64(sb.function.Memory) << 20 }

func (sb *sandbox) kill() {
	sb.stop(errKilled)
	<-sb.exited
}

// ended is what became of an invocation whose program ended instead of answering.
func (sb *sandbox) ended(inv *invocation) outcome {
	select {
	case o := <-inv.answer: // it answered with its last breath
		return o
	default:
	}
	sb.mu.Lock()
	failed := sb.failed
	sb.mu.Unlock()
	switch {
	case failed != nil:
		return *failed
	case sb.err != nil:
		return failure("Runtime.InvalidEntrypoint", "RequestId: %s Error: %v", inv.id, sb.err)
	case sb.status == 0:
		return failure("Runtime.ExitError", "RequestId: %s Error: Runtime exited without providing a reason", inv.id)
	default:
		return failure("Runtime.ExitError", "RequestId: %s Error: Runtime exited with error: exit status %d", inv.id, sb.status)
	}
}

func (sb *sandbox) overdue(inv *invocation, started bool) outcome {
	if !started {
		return failure("Sandbox.Timedout", "RequestId: %s Error: The program did not ask for work within %s", inv.id, max(initTime, sb.timeout()))
	}
	return failure("Sandbox.Timedout", "RequestId: %s Error: Task timed out after %d.00 seconds", inv.id, sb.function.Timeout)
}

func failure(kind, format string, args ...any) outcome {
	text, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": fmt.Sprintf(format, args...)})
	if err != nil {
		panic(err) // two texts always marshal
	}
	return outcome{payload: text, errorType: kind}
}

// outputs writes a program's output to its log and remembers the end of it.
type outputs struct {
	log  *logstore.Writer
	tail *tail
}

func (o outputs) Write(p []byte) (int, error) {
	o.tail.add(p)
	return o.log.Write(p)
}

// tail is the end of what an invocation wrote: what LogType Tail answers with.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) add(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
}

func (t *tail) take() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.text
	t.text = nil
	return text
}
