package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// A caller that goes away just while its transaction begins leaves nothing begun to whoever has the connection next.
func TestCallersThatGoAwayLeaveNothingOpen(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		for i := range 3000 {
			ctx, cancel := context.WithCancel(context.Background())
			timer := time.AfterFunc(time.Duration(i%150)*time.Microsecond, cancel)
			_ = st.Read(ctx, func(store.Reader) error { return nil }) // whether it was in time does not matter
			if i%10 == 0 {
				_ = st.InTx(ctx, func(store.Tx) error { return nil })
			}
			timer.Stop()
			cancel()
		}
		if err := st.Read(t.Context(), func(store.Reader) error { return nil }); err != nil {
			t.Errorf("the next reader: %v", err)
		}
		if err := st.InTx(t.Context(), func(store.Tx) error { return nil }); err != nil {
			t.Errorf("the next writer: %v", err)
		}
	})
}
