package objectstore

import (
	"database/sql"
	"errors"
)

// errEnough ends each without being an error.
var errEnough = errors.New("enough rows")

// each calls f at every row until it returns an error, and closes rows. errEnough ends it early.
func each(rows *sql.Rows, f func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(); errors.Is(err, errEnough) {
			return rows.Close()
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}
