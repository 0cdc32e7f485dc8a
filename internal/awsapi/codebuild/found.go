package codebuild

import "errors"

// found reads what a request names, and tells what there is from the names of what there is not, for which read's error is
// none.
func found[T any](names []string, none error, read func(name string) (T, error)) (list []T, missing []string, err error) {
	list, missing = []T{}, []string{}
	for _, name := range names {
		one, err := read(name)
		switch {
		case errors.Is(err, none):
			missing = append(missing, name)
		case err != nil:
			return nil, nil, exception(err)
		default:
			list = append(list, one)
		}
	}
	return list, missing, nil
}
