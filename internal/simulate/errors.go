package simulate

import "fmt"

// InputError says that what was asked for does not go with the snapshot: a zone
// or node that does not exist, for example.
type InputError struct{ message string }

func (e *InputError) Error() string { return e.message }

func inputError(format string, args ...any) error {
	return &InputError{fmt.Sprintf(format, args...)}
}
