//go:build linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusals are arguments and what is said about them; the exit code is 2.
type refusals []struct{ args, want string }

func (s *suite) refuse(t *testing.T, all refusals) {
	t.Helper()
	for _, c := range all {
		r := s.run(t, invalid, strings.Fields(c.args)...)
		if !strings.Contains(r.Stderr, c.want) || r.Stdout != "" {
			t.Errorf("stderr has no %q, or stdout something: %s", c.want, r)
		}
	}
}

// noCluster: what is refused where there is no cluster, and that nothing is made.
func (s *suite) noCluster(t *testing.T) {
	s.refuse(t, refusals{
		{"drill zone-power-loss", "there is no local cluster"},
		{"drill zone-power-loss --cluster e2e", "e2e: there is no such local cluster"},
		{"drill heal", "there is no local cluster"},
		{"drill earthquake", `there is no fault "earthquake": there are zone-power-loss, `},
		{"drill", "accepts 1 arg"},
		{"drill gateway --steady 0s", "--steady at least 1s"},
		{"drill gateway --repeat 0", "--repeat 0: want at least 1"},
		{"drill gateway --repeat 2 -o json", "every drill's report.json is in its own folder"},
		{"drill gateway -o xml", "--output xml: want "},
		{"drill gateway --writes 0", "want 1 to 1000"},
		{"apply", "no Cluster is named"},
		{"apply -f ../../examples/clusters/eks.yaml", "is not made by bulkhead apply"},
		{"delete", "no Cluster is named"},
		{"delete -f ../../examples/clusters/eks.yaml --yes", "deletes only what it made"},
		{"verdict ../../examples", "this is no evidence of a drill"},
	})
	if r := s.run(t, ok, "delete", "-f", s.File, "--yes"); r.Stdout != "e2e: there is nothing to delete\n" {
		t.Error(r)
	}
	if diff := cmp.Diff(s.before, s.machine(t)); diff != "" {
		t.Errorf("something was made (-before +after):\n%s", diff)
	}
}

// refused: what is refused of a cluster that runs; nothing is broken by it.
func (s *suite) refused(t *testing.T) {
	s.refuse(t, refusals{
		{"drill zone-power-loss --zone d -q", `there is no zone "d": there are a, b, c`},
		{"drill zone-power-loss --zone a/b -q", "fault zone-power-loss takes 1 of the zones: --zone names 2"},
		{"drill zone-partition --zone a/a -q", "fault zone-partition is between two zones: --zone names a twice"},
		{"drill gateway --zone a -q", "fault gateway is not in a zone of its own"},
		{"drill zone-power-loss --cluster none -q", "none: there is no such local cluster"},
		{"delete -f " + s.File, "hint: --yes does it"},
	})
	if r := s.run(t, ok, "drill", "heal"); r.Stdout != "e2e: no fault is in force\n" {
		t.Error(r)
	}
	r := s.run(t, ok, "drill", "zone-power-loss", "--zone", "b", "--dry-run", "-q")
	if !strings.Contains(r.Stdout, "e2e-cp-2") {
		t.Errorf("it does not say what would be broken: %s", r)
	}
	if healed, err := s.Healed(s.ctx); err != nil || healed.By != "" {
		t.Errorf("something was broken: %+v, %v", healed, err)
	}
}
