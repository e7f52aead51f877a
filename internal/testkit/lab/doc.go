// Package lab runs the program against clusters of provider local that belong to a
// test: in a state folder of their own, made from examples/local.yaml, and gone with
// the test whatever happened in it.
package lab
