// Package catalog knows which zones of a region offer which machine types, so
// that a zone is taken only where the machines can be had.
//
//	bundled.go   catalogues that come with the program, each with source and date
//	aws.go       asking Amazon EC2
//	scaleway.go  asking Scaleway
//	ask.go       which of them to ask
//
// CPU and memory are a machine's capacity as its vendor documents it. What the
// kubelet keeps for itself is not subtracted here: package plan does that, since
// it depends on how the kubelet is set up.
package catalog
