// Package cli is the command line: one folder a verb, each with Complete,
// Validate and Run; here are the root command, exit codes and how errors are
// said.
//
// stdout is data, stderr is progress and messages. Exit codes: 0 holds, 1 does
// not hold, 2 wrong usage or invalid input, 3 could not be determined, 130
// interrupted.
package cli
