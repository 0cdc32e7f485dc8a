package e2e

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/rogpeppe/go-internal/testscript"
)

// postgresURL is the throwaway PostgreSQL that hack/with-postgres starts; empty without one.
func postgresURL() string { return os.Getenv("CONVEYOR_TEST_POSTGRES") }

// cmdDatabase makes a fresh PostgreSQL database for this script and puts its URL into $DATABASE.
func cmdDatabase(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "database")
	name := fmt.Sprintf("e2e_%d_%s", os.Getpid(), ts.Name())
	check(ts, execSQL(fmt.Sprintf("CREATE DATABASE %q", name)))
	ts.Defer(func() {
		if err := execSQL(fmt.Sprintf("DROP DATABASE %q WITH (FORCE)", name)); err != nil {
			ts.Logf("dropping the database: %v", err)
		}
	})
	u, err := url.Parse(postgresURL())
	check(ts, err)
	u.Path = "/" + name
	ts.Setenv("DATABASE", u.String())
}

func execSQL(statement string) error {
	db, err := sql.Open("pgx", postgresURL())
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}
