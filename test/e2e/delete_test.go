//go:build linux

package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/testkit/lab"
)

// gone: nothing of a cluster is left, and this machine is as it was before any.
func (s *suite) gone(t *testing.T, c *lab.Cluster, processes []lab.Process) {
	t.Helper()
	left, err := c.Left(processes)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range left {
		t.Errorf("still runs: %s", p)
	}
	var here []string
	for _, line := range s.machine(t) {
		// The other cluster may be there.
		if !strings.HasPrefix(line, "file "+s.State) || strings.Contains(line, filepath.Join(c.Home(), c.Name)) || strings.HasSuffix(line, "."+c.Name+".lock") {
			here = append(here, line)
		}
	}
	if diff := cmp.Diff(s.before, here); diff != "" {
		t.Errorf("left (-before +after):\n%s", diff)
	}
}

// beside: a second cluster, with the same addresses, does not touch the first.
func (s *suite) beside(t *testing.T) {
	before, err := s.Processes()
	if err != nil {
		t.Fatal(err)
	}
	c := s.write(t, s.Program, "beside", 1)
	s.run(t, ok, "apply", "-f", c.File, "-q")
	s.refuse(t, refusals{{"drill gateway", "there are several local clusters: beside, e2e"}})
	processes, err := c.Processes()
	if err != nil || len(processes) < 20 {
		t.Fatalf("%d processes run: %v", len(processes), err)
	}
	s.haveNodes(t, zones*nodes)
	s.run(t, ok, "delete", "-f", c.File, "--yes")
	s.gone(t, c, processes)
	s.haveNodes(t, zones*nodes)
	after, err := s.Processes()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("processes of the first (-before +after):\n%s", diff)
	}
}

// delete leaves processes, mounts, namespaces, links and files as they were.
func (s *suite) delete(t *testing.T) {
	f, err := s.Fabric()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	status, err := f.Status()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range status.Machines {
		for _, x := range m.Services {
			if !m.On || x.State != machine.Running {
				t.Errorf("%s on %s (power %t) is %s at the end", x.Name, m.Name, m.On, x.State)
			}
		}
	}
	processes, err := s.Processes()
	if err != nil || len(processes) < 20 {
		t.Fatalf("%d processes run: %v", len(processes), err)
	}
	if r := s.run(t, ok, "delete", "-f", s.File, "--yes"); r.Stdout != "e2e: deleted\n" {
		t.Error(r)
	}
	s.gone(t, s.Cluster, processes)
	if diff := cmp.Diff(s.before, s.machine(t)); diff != "" {
		t.Errorf("left (-before +after):\n%s", diff)
	}
}
