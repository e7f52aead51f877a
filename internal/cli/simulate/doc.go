// Package simulate is the verb that proves on paper what a failure does.
//
//	flags.go     what the command line says → Options (Complete, Validate)
//	simulate.go  Options → snapshot → simulation → report (Run)
package simulate
