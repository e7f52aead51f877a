package report

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// lostThrough says what zones lose with a group of dependencies.
var lostThrough = map[v1alpha1.DependencyEffect]string{
	v1alpha1.EffectNodes:   "nodes cannot reach the API and become NotReady in",
	v1alpha1.EffectAPI:     "the API does not answer: nothing is noticed or replaced in",
	v1alpha1.EffectEgress:  "no way out of",
	v1alpha1.EffectPull:    "no images from outside in",
	v1alpha1.EffectTraffic: "no traffic from users to",
	v1alpha1.EffectScaling: "no machine is made or replaced in",
}

// dependencyLines tells what surviving zones lose through dependencies, each thing
// once with the failures that it holds for.
func dependencyLines(all []*fate) []string {
	var l lines
	for _, f := range all {
		d := f.scenario.Dependencies
		if d == nil {
			continue
		}
		for _, e := range d.Effects {
			l.add(fmt.Sprintf("%s %s, with %s", lostThrough[e.Effect], join(e.Zones), e.Group), f.label)
		}
		if d.ScalingStops != "" {
			l.add(d.ScalingStops, f.label)
		}
	}
	var out []string
	for _, sentence := range l.order {
		out = append(out, fmt.Sprintf("%s: %s", fold(l.labels[sentence], 4), sentence))
	}
	return capped(out, maxCauses)
}
