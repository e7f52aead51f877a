// Package render is the verb that writes a plan's files into a folder.
//
//	render.go  the command line → Cluster → plan → files
//	write.go   files → a folder, whole or not at all
package render
