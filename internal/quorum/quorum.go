package quorum

// Majority returns how many of n voters must agree: more than half. Without
// voters nothing can be decided, so it is 1 for n below 1.
func Majority(n int) int {
	return max(n, 0)/2 + 1
}

// MaxFaults returns how many of n voters may fail while the others still decide:
// n less the majority, 0 at least.
//
//	n       1  2  3  4  5  6  7  8  9
//	faults  0  0  1  1  2  2  3  3  4
//
// An even voter adds nothing but another machine that can fail.
func MaxFaults(n int) int {
	return max(n-Majority(n), 0)
}

// Total returns the number of voters in all zones.
func Total(voters map[string]int) int {
	n := 0
	for _, v := range voters {
		n += v
	}
	return n
}

// Survives reports whether the voters outside the zone are a majority of all. A
// zone without voters is survived by any voters; no voters survive nothing.
func Survives(voters map[string]int, zone string) bool {
	n := Total(voters)
	return n-voters[zone] >= Majority(n)
}

// Survivors returns those of the zones whose loss, of one alone, the voters
// survive, in the order given.
func Survivors(voters map[string]int, zones []string) []string {
	out := []string{}
	for _, z := range zones {
		if Survives(voters, z) {
			out = append(out, z)
		}
	}
	return out
}

// SurvivesAny reports whether the voters survive the loss of any one zone.
func SurvivesAny(voters map[string]int) bool {
	for z := range voters {
		if !Survives(voters, z) {
			return false
		}
	}
	return Total(voters) > 0
}
