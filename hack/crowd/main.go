// Crowd fills the data directory of a stopped server with what a busy one has, for a look at the console under load:
//
//	go run ./hack/crowd --data DIR --pipeline NAME --pipelines 10000 --executions 100000 --lines 500000
//
// It copies a pipeline that has run, ages it, and lengthens the newest log.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/conveyor-cd/conveyor/internal/flow/flowtest"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

func main() {
	data := flag.String("data", "", "the data directory")
	model := flag.String("pipeline", "", "the pipeline that is copied")
	pipelines := flag.Int("pipelines", 0, "how many copies")
	executions := flag.Int("executions", 0, "how many executions more the pipeline gets")
	lines := flag.Int("lines", 0, "how many lines more the newest log gets")
	flag.Parse()
	if err := fill(context.Background(), *data, *model, *pipelines, *executions, *lines); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func fill(ctx context.Context, data, model string, pipelines, executions, lines int) error {
	st, err := sqlstore.Open(ctx, "sqlite:"+filepath.Join(data, "conveyor.db"), sqlstore.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	if pipelines > 0 {
		if err := flowtest.Pipelines(ctx, st, model, pipelines); err != nil {
			return err
		}
	}
	if executions > 0 {
		if err := flowtest.Executions(ctx, st, model, executions); err != nil {
			return err
		}
	}
	if lines == 0 {
		return nil
	}
	return lengthen(ctx, st, lines)
}

// lengthen adds lines to the log that was written last.
func lengthen(ctx context.Context, st store.Store, lines int) error {
	var group, stream string
	err := st.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT g.name, s.name FROM log_streams s JOIN log_groups g ON g.id = s.group_id ORDER BY s.last_ms DESC LIMIT 1`).Scan(&group, &stream)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("there is no log yet: let something build first")
	}
	if err != nil {
		return err
	}
	logs, err := logstore.New(st, logstore.Options{})
	if err != nil {
		return err
	}
	w, err := logs.Writer(ctx, group, stream)
	if err != nil {
		return err
	}
	for i := range lines {
		if _, err := fmt.Fprintf(w, "\x1b[3%dmline %d\x1b[0m of a long log\n", i%8, i); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(ctx), logs.Close(ctx))
}
