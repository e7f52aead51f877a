// Package process starts programs that do not outlive who started them.
//
// In goes a command and a file for its output; out comes a Process that can be
// ended, frozen and waited for.
package process
