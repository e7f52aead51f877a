// Package e2e tests local clusters as their users have them: the program, as root,
// makes one, breaks it, judges what was seen, and takes it away.
//
//	local_test.go     the order of the parts, on one cluster
//	apply_test.go     apply, what it makes, apply again, an apply that was killed
//	status_test.go    what status says
//	drill_test.go     faults, a runner that is killed or interrupted
//	evidence_test.go  the verdict on it, and on evidence that was changed
//	usage_test.go     what is refused
//	delete_test.go    a second cluster; nothing is left
//
// It takes some four minutes on two cores and needs 4 GiB. The long form is
// test/drills.
package e2e
