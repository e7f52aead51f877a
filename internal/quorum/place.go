package quorum

// Place spreads n voters over the zones and returns the zone of each, in turn:
// voter i stands in zones[i mod len(zones)]. Counts differ by one at most, and
// the first zones have the more. It is nil without zones or voters.
//
// For an odd n over three or more zones no zone has more than (n-1)/2 voters, so
// that any zone's loss leaves a majority:
//
//	largest zone = ceil(n/3) at most, and ceil(n/3) <= (n-1)/2 for odd n >= 3
//
// Over two zones one of them always has half or more; over one all are in it.
func Place(n int, zones []string) []string {
	if len(zones) == 0 || n <= 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = zones[i%len(zones)]
	}
	return out
}

// Count returns how many times each zone is named.
func Count(zones []string) map[string]int {
	out := map[string]int{}
	for _, z := range zones {
		out[z]++
	}
	return out
}
