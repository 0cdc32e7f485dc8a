package store

import "context"

type guardKey struct{}

// Guard may refuse a write transaction, which then fails with the guard's error and changes nothing.
type Guard func(ctx context.Context, tx Tx) error

// WithGuard gives every transaction that InTx runs with the context a guard, run first in it. The queue uses it so that a
// server which stood still and lost its job meanwhile stores nothing more on the job's behalf.
func WithGuard(ctx context.Context, g Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// Guarded runs the context's guard in tx, if there is one. Implementations of InTx call it.
func Guarded(ctx context.Context, tx Tx) error {
	if g, ok := ctx.Value(guardKey{}).(Guard); ok {
		return g(ctx, tx)
	}
	return nil
}

// CheckGuard tells whether a transaction would be let through now, for what is about to be done outside of one.
func CheckGuard(ctx context.Context, st Store) error {
	if _, ok := ctx.Value(guardKey{}).(Guard); !ok {
		return nil
	}
	return st.InTx(ctx, func(Tx) error { return nil })
}
