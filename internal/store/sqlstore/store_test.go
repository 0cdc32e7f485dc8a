package sqlstore_test

import (
	"testing"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/store/storetest"
)

func TestContractOnSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return sqltest.SQLite(t) })
}

func TestContractOnPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return sqltest.Postgres(t) })
}
