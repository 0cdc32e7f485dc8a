package app

import (
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// The check asks the configuration, not the database, what kind it is; so SQLite can stand in for PostgreSQL.
func TestADatabaseHasOneDataDirectory(t *testing.T) {
	db, other := sqltest.SQLite(t), sqltest.SQLite(t)
	first := config.Config{Data: t.TempDir(), Database: "postgres://db/conveyor"}
	second := config.Config{Data: t.TempDir(), Database: "postgres://db/conveyor"}
	for range 2 {
		if err := together(t.Context(), first, db); err != nil {
			t.Fatal(err)
		}
	}
	if err := together(t.Context(), second, db); err == nil || !strings.Contains(err.Error(), "share one data directory") {
		t.Errorf("another directory, new: %v", err)
	}
	if err := together(t.Context(), second, other); err != nil {
		t.Errorf("another directory with another database: %v", err)
	}
	if err := together(t.Context(), second, db); err == nil {
		t.Error("another directory was accepted once it had an id")
	}
	if err := together(t.Context(), first, other); err == nil {
		t.Error("another database was accepted")
	}
	alone := config.Config{Data: t.TempDir(), Database: "sqlite:x"}
	if err := together(t.Context(), alone, db); err != nil {
		t.Errorf("SQLite: %v", err)
	}
}
