//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// status of a cluster that is whole.
func (s *suite) status(t *testing.T) {
	s.readyAgain(t)
	got := s.statusNow(t, ok, "--cluster", s.Name)
	if got.Cluster != s.Name || !got.APIReady || len(got.Why) > 0 || got.Fault != "" || len(got.Zones) != zones {
		t.Errorf("%+v", got)
	}
	for _, z := range got.Zones {
		if z.Nodes != nodes || z.NodesReady != nodes || len(z.Machines) != 2 {
			t.Errorf("%+v", z)
		}
		for _, m := range z.Machines {
			for _, p := range m.Processes {
				if !p.Ready {
					t.Errorf("%s: %+v", m.Name, p)
				}
			}
		}
	}
	for _, component := range []string{"kube-controller-manager", "kube-scheduler"} {
		if !strings.HasPrefix(got.Leaders[component], "e2e-cp-") {
			t.Errorf("%s leads on %q", component, got.Leaders[component])
		}
	}
	for _, args := range [][]string{{"status"}, {"status", "-f", s.File}, {"status", "-f", s.File, "-o", "yaml"}} {
		if r := s.run(t, ok, args...); !strings.Contains(r.Stdout, "e2e") || !strings.Contains(r.Stdout, "ready") {
			t.Error(r)
		}
	}
	s.refuse(t, refusals{
		{"status --cluster none", "none: there is no such local cluster"},
		{"status --cluster e2e -f x.yaml", "both name a cluster"},
		{"status -o xml", "--output xml: want table, json, yaml"},
	})
}

// statusNow asks the program for it.
func (s *suite) statusNow(t *testing.T, codes []int, args ...string) *v1alpha1.LocalClusterStatus {
	t.Helper()
	r := s.run(t, codes, append([]string{"status", "-o", "json"}, args...)...)
	got := &v1alpha1.LocalClusterStatus{}
	if err := json.Unmarshal([]byte(r.Stdout), got); err != nil {
		t.Fatal(err)
	}
	return got
}

// readyAgain waits until the cluster is whole after a fault, without a hand.
func (s *suite) readyAgain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Minute)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Error(err)
	}
}
