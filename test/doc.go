// Package test holds the tests that see bulkhead as its users do.
//
//	script/          stories: what a user types, and what comes back
//	shop_test.go     every hardening measure of examples/shop is necessary
//	inputs_test.go   answers on real inputs that were checked by hand
//	testdata/        those answers, and why they are right
package test
