//go:build linux

package controlplane

import (
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// Start runs a control plane for as long as the test. It fails the test when it
// cannot start, or when a component ends by itself. When the test has failed, the
// end of each log is printed and the logs are kept.
//
// Without the programs, the test is skipped, unless BULKHEAD_REQUIRE_ALL=1; with
// -short always.
func Start(t testing.TB, o Options) *ControlPlane {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: without a control plane")
	}
	kept := o.LogDir != ""
	if !kept {
		dir, err := os.MkdirTemp("", "bulkhead-controlplane-logs-")
		if err != nil {
			t.Fatal(err)
		}
		o.LogDir = dir
	}
	var c *ControlPlane
	t.Cleanup(func() {
		if c != nil {
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
		}
		if !t.Failed() && !kept {
			if err := os.RemoveAll(o.LogDir); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() && c != nil {
			for _, name := range slices.Sorted(maps.Keys(c.processes)) {
				t.Log(process.Tail(c.LogPath(name)))
			}
		}
		if t.Failed() && !kept {
			_ = os.Remove(o.LogDir) // when nothing was started, it is empty
		}
	})
	var err error
	c, err = Run(t.Context(), o)
	if errors.Is(err, components.ErrMissing) && os.Getenv("BULKHEAD_REQUIRE_ALL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
