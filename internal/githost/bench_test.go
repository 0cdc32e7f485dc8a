package githost_test

import (
	"fmt"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/githost"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// A whole push of one small commit, as its user waits for it: through the server, recorded, and as plain git does it
// between two directories.
func BenchmarkPush(b *testing.B) {
	push := func(b *testing.B, to string) {
		dir := worktree(b)
		git(b, dir, "push", "-q", to, "main")
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			commit(b, dir, "index.html", fmt.Sprint(i))
			b.StartTimer()
			git(b, dir, "push", "-q", to, "main")
		}
	}
	b.Run("http", func(b *testing.B) {
		s := serve(b, sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{}), githost.Options{})
		s.create("site")
		push(b, s.url("site"))
	})
	b.Run("path", func(b *testing.B) {
		dir := b.TempDir()
		git(b, dir, "init", "-q", "--bare")
		push(b, dir)
	})
}
