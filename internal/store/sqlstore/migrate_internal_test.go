package sqlstore

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/conveyor-cd/conveyor/internal/store"
)

func TestMigrationsAreReadInOrder(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  string
		wrong string
	}{
		{"in order of their numbers", []string{"0010_b.sql", "0002_a.sql"}, "0002_a 0010_b", ""},
		{"two of one number", []string{"0001_a.sql", "0001_b.sql"}, "", "the same number"},
		{"a name of another form", []string{"1_a.sql"}, "", "not named"},
		{"another file", []string{"0001_a.sql", "0002_b.sql.orig"}, "", "not named"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for _, name := range tt.files {
				files["migrations/sqlite/"+name] = &fstest.MapFile{Data: []byte("SELECT 1")}
			}
			list, err := migrations(files, store.SQLite)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v", err)
				}
				return
			}
			var names []string
			for _, one := range list {
				names = append(names, one.name)
			}
			if got := strings.Join(names, " "); err != nil || got != tt.want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

// Both dialects have the same migrations, or one of them lacks a table.
func TestTheDialectsHaveTheSameMigrations(t *testing.T) {
	names := map[store.Dialect]string{}
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		list, err := migrations(migrationFiles, dialect)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			names[dialect] += one.name + "\n"
		}
	}
	if names[store.SQLite] != names[store.Postgres] {
		t.Errorf("SQLite:\n%sPostgreSQL:\n%s", names[store.SQLite], names[store.Postgres])
	}
}
