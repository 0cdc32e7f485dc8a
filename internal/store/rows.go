package store

import "context"

// Strings runs a query of one text column and returns it, in the order of the rows.
func Strings(ctx context.Context, r Reader, query string, args ...any) ([]string, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var column []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		column = append(column, s)
	}
	return column, rows.Err()
}
