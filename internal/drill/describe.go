//go:build linux

package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/internal/local"
)

// Describe tells what Run would break, for people, and breaks nothing.
func Describe(ctx context.Context, c *local.Cluster, o Options) (string, error) {
	r, err := begin(ctx, c, o)
	if err != nil {
		return "", err
	}
	defer r.close()
	s := r.site
	a, err := o.Fault.Aim(s)
	if err != nil {
		return "", Refused{err}
	}
	f, err := s.foresee(ctx, o.Fault, a)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s: %s\n", o.Fault.Name, c.Cluster.Metadata.Name, o.Fault.What)
	line := func(name string, list []string) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "%-9s %s\n", name, strings.Join(list, ", "))
		}
	}
	line("zones", s.zones)
	if a.target != "" {
		line("target", []string{a.target})
	}
	line("power off", a.fault.PowerOff)
	line("nodes", a.nodes)
	line("refused", f.refused)
	last := o.For
	if last == 0 {
		last = f.last()
	}
	fmt.Fprintf(&b, "%-9s %s, taken back by a timer beside the cluster after %s at the latest\n", "for", last, last+margin)
	return b.String(), nil
}

// last is how long a fault lasts whose time was not given: until what is predicted
// to come back should have.
func (f *forecast) last() time.Duration {
	if f.longest == 0 {
		return shortest
	}
	return time.Duration((f.longest*1.1 + 30) * float64(time.Second)).Round(time.Second)
}
