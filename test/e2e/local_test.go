//go:build linux

package e2e_test

import (
	"context"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/testkit/lab"
)

var bulkhead = flag.String("bulkhead", "", "absolute path of the program; empty builds it")

// bound is the longest that all may take, the build too.
const bound = 9 * time.Minute

const (
	example = "../../examples/local.yaml"
	shop    = "../../examples/shop/hardened"
	zones   = 3
	// nodes a zone.
	nodes = 3
)

// TestLocal is one cluster from its making to its end.
func TestLocal(t *testing.T) {
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	s := newSuite(ctx, t)
	must := func(name string, part func(*suite, *testing.T)) {
		if !t.Run(name, func(t *testing.T) { part(s, t) }) {
			t.Fatalf("without %s there is nothing to go on with", name)
		}
	}
	may := func(name string, part func(*suite, *testing.T)) {
		t.Run(name, func(t *testing.T) { part(s, t) })
	}
	may("NoCluster", (*suite).noCluster)
	may("KilledApply", (*suite).killedApply)
	may("DryRun", (*suite).dryRun)
	must("Apply", (*suite).apply)
	may("Files", (*suite).files)
	may("ApplyAgain", (*suite).applyAgain)
	may("Status", (*suite).status)
	must("Shop", (*suite).deploy)
	may("Refused", (*suite).refused)
	must("ZonePowerLoss", (*suite).zonePowerLoss)
	may("Verdict", (*suite).verdict)
	may("ZonePartition", (*suite).zonePartition)
	may("APIServerHang", (*suite).apiServerHang)
	may("RunnerKilled", (*suite).runnerKilled)
	may("Interrupt", (*suite).interrupt)
	may("Beside", (*suite).beside)
	may("Delete", (*suite).delete)
}

// suite is what the parts share.
type suite struct {
	*lab.Cluster
	ctx context.Context
	// folder of everything that the test writes but state.
	folder string
	// before any cluster.
	before []string
	// evidence of the drill whose verdict is judged again, and how it ended.
	evidence string
	judged   *lab.Result
}

func newSuite(ctx context.Context, t *testing.T) *suite {
	s := &suite{ctx: ctx, folder: t.TempDir()}
	p := lab.Program{Path: *bulkhead, State: filepath.Join(t.TempDir(), "state")}
	var err error
	if p.Path == "" {
		if p.Path, err = lab.Build(ctx, t.TempDir(), "e2e"); err != nil {
			t.Fatal(err)
		}
	}
	s.Cluster = s.write(t, p, "e2e", nodes)
	s.before = s.machine(t)
	return s
}

// write writes a Cluster, and takes it away with the test.
func (s *suite) write(t *testing.T, p lab.Program, name string, nodes int) *lab.Cluster {
	t.Helper()
	c, err := p.Write(example, s.folder, name, nodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// machine lists what of this machine must be as before.
func (s *suite) machine(t *testing.T) []string {
	t.Helper()
	lines, err := lab.Machine(filepath.Dir(s.State))
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// run runs the program, which must end with one of the exit codes.
func (s *suite) run(t *testing.T, codes []int, args ...string) *lab.Result {
	t.Helper()
	r, err := s.Run(s.ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bulkhead %s: exit code %d after %.1f s", strings.Join(args, " "), r.Code, r.Wall.Seconds())
	if !slices.Contains(codes, r.Code) {
		t.Fatalf("want one of %v: %s", codes, r)
	}
	return r
}

// ok and invalid are exit codes.
var (
	ok      = []int{0}
	invalid = []int{2}
)
