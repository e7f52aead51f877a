package capa

import (
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// rolloutGaps returns the zones whose loss costs the quorum at some moment of a
// rollout, though it did not before, in the plan's order. A KubeadmControlPlane
// replaces its members one by one:
//
//	add     in the zone with the fewest new members, then with the fewest of all
//	remove  in the zone with the most old members, then with the most of all
//
// (util/failuredomains, PickFewest and PickMost.) What ties leave to chance is the
// first in the order of names here, so that a gap's zone may be another in truth;
// whether there is one does not hang on it, since zones that tie have like counts.
func rolloutGaps(p *v1alpha1.ClusterPlan) []string {
	var stands []string
	for _, m := range p.ControlPlane.Members {
		stands = append(stands, m.Zone)
	}
	old, renewed := quorum.Count(stands), map[string]int{}
	before := quorum.Survivors(old, p.Zones)
	zones := slices.Sorted(slices.Values(p.Zones))
	total := func(zone string) int { return old[zone] + renewed[zone] }
	var gaps []string
	look := func() {
		all := map[string]int{}
		for _, z := range zones {
			all[z] = total(z)
		}
		now := quorum.Survivors(all, p.Zones)
		for _, z := range before {
			if !slices.Contains(now, z) && !slices.Contains(gaps, z) {
				gaps = append(gaps, z)
			}
		}
	}
	for range p.ControlPlane.Members {
		renewed[slices.MinFunc(zones, func(a, b string) int {
			if d := renewed[a] - renewed[b]; d != 0 {
				return d
			}
			return total(a) - total(b)
		})]++
		look()
		old[slices.MaxFunc(zones, func(a, b string) int {
			if d := old[a] - old[b]; d != 0 {
				return d
			}
			return total(a) - total(b)
		})]--
		look()
	}
	slices.SortFunc(gaps, func(a, b string) int { return slices.Index(p.Zones, a) - slices.Index(p.Zones, b) })
	return gaps
}
