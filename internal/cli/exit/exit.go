// Package exit holds the exit codes of every verb and the error that carries one.
package exit

// The exit codes. What cannot be judged never exits 0 or 1.
const (
	// Holds: it holds, no difference, nothing found.
	Holds = 0
	// DoesNotHold: a zone's loss is not survived, a finding, a difference.
	DoesNotHold = 1
	// Invalid: wrong usage or invalid input.
	Invalid = 2
	// Undetermined: it could not be determined.
	Undetermined = 3
	// Interrupted by a signal.
	Interrupted = 130
)

// Error carries an exit code. Without Err nothing is said: the output says it.
type Error struct {
	Code int
	Err  error
}

func (e Error) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e Error) Unwrap() error { return e.Err }
