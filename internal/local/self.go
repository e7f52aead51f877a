//go:build linux

package local

import (
	"fmt"
	"os"

	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
)

// Self returns how to start this program again: the file that runs, and what it
// was called.
func Self() (program, name string, err error) {
	program, err = os.Executable()
	return program, os.Args[0], err
}

// Main is this program as a fabric or as the init of a machine, when it was started
// as one; is tells whether it was. The error is for the log.
func Main(args []string) (is bool, err error) {
	if len(args) != 3 {
		return false, nil
	}
	switch args[1] {
	case fabric.Argument:
		err = fabric.Main(args[2])
	case machine.Argument:
		err = machine.Main(args[2])
	default:
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("%s %s: %w", args[1], args[2], err)
	}
	return true, nil
}
