// Package snapshot is the verb that reads a live cluster into one file.
//
//	snapshot.go  flags → snapshot.Collect → file
//	progress.go  what is being read, on stderr
package snapshot
