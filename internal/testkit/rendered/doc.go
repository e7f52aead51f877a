// Package rendered helps to test what render makes: the plan of an example Cluster
// or of a variant of it, comparison with golden files, HCL checked against the
// provider's arguments, and programs that read the files.
package rendered
