package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// The tests of this file kill real servers. A server is this test binary, started again with a role to play.
const (
	roleVariable = "CONVEYOR_TEST_QUEUE_ROLE"
	dsnVariable  = "CONVEYOR_TEST_QUEUE_DSN"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role, os.Getenv(dsnVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashConfig makes other servers notice a death soon.
func crashConfig() queue.Config {
	return queue.Config{Lease: 500 * time.Millisecond, Poll: 20 * time.Millisecond, Backoff: soon}
}

// play is the main function of a server that will be killed.
func play(role, dsn string) error {
	ctx := context.Background()
	st, err := sqlstore.Open(ctx, dsn, sqlstore.Options{Connections: 5})
	if err != nil {
		return err
	}
	q := queue.New(st, crashConfig())
	handleWork(q, os.Stdout)
	idle := make(chan struct{})
	q.Handle("idle", func(context.Context, queue.Job) (queue.Completion, error) {
		close(idle)
		return nil, nil
	}, queue.Options{})
	if err := q.Start(ctx); err != nil {
		return err
	}
	switch role {
	case "work":
	case "work on a job that never ends":
		err = enqueueIn(st, q, queue.Job{Kind: "work", Payload: []byte("endless")})
	case "die between the commit and the work":
		// Wait until a job is handed over at once, because nothing waits in the table.
		if err := enqueueIn(st, q, queue.Job{Kind: "idle"}); err != nil {
			return err
		}
		<-idle
		err = st.InTx(ctx, func(tx store.Tx) error {
			tx.AfterCommit(func() {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			})
			_, err := q.Enqueue(ctx, tx, queue.Job{Kind: "work", Payload: []byte("1")})
			return err
		})
	default:
		return fmt.Errorf("no such role: %s", role)
	}
	if err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

func enqueueIn(st store.Store, q *queue.Queue, job queue.Job) error {
	return st.InTx(context.Background(), func(tx store.Tx) error {
		_, err := q.Enqueue(context.Background(), tx, job)
		return err
	})
}

// handleWork is the kind "work": its payload is a number, which its completion writes to the table results. The payload
// "endless" never completes at its first attempt.
func handleWork(q *queue.Queue, out io.Writer) {
	q.Handle("work", func(_ context.Context, job queue.Job) (queue.Completion, error) {
		fmt.Fprintf(out, "attempt %d of %s\n", job.Attempt, job.Payload)
		if string(job.Payload) == "endless" {
			if job.Attempt == 1 {
				select {}
			}
			job.Payload = []byte("0")
		}
		return func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO results (job, attempt) VALUES (CAST(CAST($1 AS TEXT) AS BIGINT), $2)",
				string(job.Payload), job.Attempt)
			return err
		}, nil
	}, queue.Options{Workers: 3})
}

// server is a process that plays a role.
type server struct {
	cmd   *exec.Cmd
	lines chan string
}

func launch(t testing.TB, role, dsn string) *server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dsnVariable+"="+dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd, lines: make(chan string, 10_000)}
	go func() {
		defer close(s.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.lines <- scan.Text()
		}
	}()
	t.Cleanup(s.kill)
	return s
}

// says waits until the server prints a line.
func (s *server) says(t testing.TB, want string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("the server ended before it said %q", want)
			}
			if line == want {
				return
			}
		case <-deadline:
			t.Fatalf("the server does not say %q", want)
		}
	}
}

// kill ends the server as a power cut would, and waits until it has ended.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func createResults(t testing.TB, dsn string) *sqlstore.DB {
	t.Helper()
	st := sqltest.Open(t, dsn, sqlstore.Options{Connections: 5})
	mustExec(t, st, "CREATE TABLE results (job BIGINT PRIMARY KEY, attempt BIGINT NOT NULL)")
	return st
}

func TestAServerKilledInTheMiddleOfAJob(t *testing.T) {
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		st := createResults(t, dsn)
		victim := launch(t, "work on a job that never ends", dsn)
		victim.says(t, "attempt 1 of endless")
		victim.kill()
		q := queue.New(st, crashConfig())
		handleWork(q, io.Discard)
		start(t, q)
		until(t, "the job ran again", func() bool { return count(t, st, "results WHERE attempt = 2") == 1 })
	})
}

func TestAServerKilledBetweenTheCommitAndTheWork(t *testing.T) {
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		st := createResults(t, dsn)
		victim := launch(t, "die between the commit and the work", dsn)
		_ = victim.cmd.Wait()
		if rows(t, st, "kind = 'work' AND state = 'running' AND attempt = 1") != 1 {
			t.Fatal("the job was not handed over and left behind")
		}
		q := queue.New(st, crashConfig())
		handleWork(q, io.Discard)
		start(t, q)
		until(t, "the job runs", func() bool { return count(t, st, "results WHERE attempt = 2") == 1 })
	})
}

// Servers are killed again and again while they work off a queue. Every job completes, and every one once: a second
// completion would violate the primary key of the results.
func TestServersKilledAgainAndAgainCompleteEveryJobOnce(t *testing.T) {
	const jobs = 400
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		st := createResults(t, dsn)
		q := queue.New(st, crashConfig())
		var all []queue.Job
		for i := range jobs {
			all = append(all, queue.Job{Kind: "work", Group: fmt.Sprint(i % 5), Payload: fmt.Append(nil, i)})
		}
		enqueue(t, st, q, all...)
		// PostgreSQL serves several servers at a time.
		servers := 1
		if strings.HasPrefix(dsn, "postgres") {
			servers = 2
		}
		for range 3 {
			done := count(t, st, "results")
			var running []*server
			for range servers {
				running = append(running, launch(t, "work", dsn))
			}
			until(t, "the servers make progress", func() bool {
				return count(t, st, "results") > done+20 || rows(t, st, "1 = 1") == 0
			})
			for _, s := range running {
				s.kill()
			}
		}
		handleWork(q, io.Discard)
		start(t, q)
		until(t, "all jobs are done", func() bool { return rows(t, st, "1 = 1") == 0 })
		if n := count(t, st, "results"); n != jobs {
			t.Errorf("%d jobs completed, want %d", n, jobs)
		}
	})
}
