// Package quorum is the arithmetic of voting over zones: how many voters decide,
// how many may fail, and where voters must stand so that no zone's loss takes
// the majority.
//
// Voters are counts by zone. A learner (a raft member without a vote) is no
// voter and is never counted. Every function is pure and total: there is no
// input for which one fails.
package quorum
