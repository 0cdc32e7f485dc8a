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

// Pairs runs a query of two text columns and returns the second by the first.
func Pairs(ctx context.Context, r Reader, query string, args ...any) (map[string]string, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	pairs := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		pairs[name] = value
	}
	return pairs, rows.Err()
}
