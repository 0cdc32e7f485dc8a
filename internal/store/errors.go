package store

import "errors"

// ErrNotFound is returned by aggregates (not by Reader) when a row that must exist does not.
var ErrNotFound = errors.New("not found")

// ErrTxFailed is returned by the statements and the commit of a transaction in which an earlier statement failed.
var ErrTxFailed = errors.New("an earlier statement of this transaction failed, so nothing of it can be kept")

// IsUnique reports whether err says that a row with the same primary or unique key exists. The transaction cannot go
// on after it (see Tx): use ON CONFLICT where a duplicate is expected and the transaction should continue.
func IsUnique(err error) bool { return isCode(err, "23505", 2067, 1555, 2579) }

// IsForeignKey reports whether err says that a row refers to one that does not exist, or is still referred to.
func IsForeignKey(err error) bool { return isCode(err, "23503", 787) }

// isCode knows the drivers by the methods of their errors, so that this package depends on none of them: an SQLSTATE
// from PostgreSQL, an extended result code from SQLite.
func isCode(err error, sqlState string, sqlite ...int) bool {
	var pg interface{ SQLState() string }
	if errors.As(err, &pg) {
		return pg.SQLState() == sqlState
	}
	var lite interface{ Code() int }
	if !errors.As(err, &lite) {
		return false
	}
	for _, code := range sqlite {
		if lite.Code() == code {
			return true
		}
	}
	return false
}
