package simulate_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// town is a small random cluster with what runs on it.
type town struct {
	zones        []string
	perZone, cpu int
	text         string         // the workloads, as macros
	milli        map[string]int // cpu of a pod, by workload
}

func drawTown(t *rapid.T) town {
	c := town{
		zones:   []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "zones")],
		perZone: rapid.IntRange(1, 3).Draw(t, "per zone"),
		cpu:     rapid.IntRange(1, 4).Draw(t, "cpu"),
		milli:   map[string]int{},
	}
	var lines strings.Builder
	lines.WriteString("priorityclass high value=1000\nstorageclass ebs\nstorageclass local provisioner=rancher.io/local-path\n" +
		"storageclass regional provisioner=pd.csi.storage.gke.io parameters=replication-type:regional-pd\nstorageclass now Immediate\n")
	for i := range rapid.IntRange(1, 5).Draw(t, "workloads") {
		kind := rapid.SampledFrom([]string{"deployment", "deployment", "statefulset", "daemonset", "job", "pod"}).Draw(t, "kind")
		name := fmt.Sprintf("w%d", i)
		c.milli[name] = rapid.IntRange(0, 6).Draw(t, "quarters") * 250
		fmt.Fprintf(&lines, "%s %s cpu=%dm", kind, name, c.milli[name])
		replicas := rapid.IntRange(0, 6).Draw(t, "replicas")
		switch kind {
		case "deployment", "statefulset":
			fmt.Fprintf(&lines, " replicas=%d", replicas)
		case "job":
			fmt.Fprintf(&lines, " parallelism=%d", replicas+1)
		}
		if kind == "statefulset" {
			lines.WriteString(rapid.SampledFrom([]string{"", " volume=ebs", " volume=regional", " volume=now", " volume=local"}).Draw(t, "volume"))
			lines.WriteString(rapid.SampledFrom([]string{"", " parallel"}).Draw(t, "order"))
		}
		if kind == "job" {
			lines.WriteString(rapid.SampledFrom([]string{"", " replace=Failed"}).Draw(t, "replace"))
		}
		if kind != "daemonset" {
			lines.WriteString(rapid.SampledFrom([]string{"", " spread=zone:hard", " spread=zone:hard:honor", " spread=zone|node", " apart=zone", " apart=node", " prefer-apart=zone"}).Draw(t, "spread"))
		}
		lines.WriteString(rapid.SampledFrom([]string{"", "", " priority=high"}).Draw(t, "priority"))
		lines.WriteString(rapid.SampledFrom([]string{"", "", "", " grace=0", " tolerate=node.kubernetes.io/unreachable:NoExecute:30", " tolerate=node.kubernetes.io/unreachable:NoExecute"}).Draw(t, "dies"))
		lines.WriteString("\n")
		lines.WriteString(rapid.SampledFrom([]string{
			"", "", "pdb NAME min=1\n", "pdb NAME max-unavailable=50%\n", "service NAME\n", "service NAME near=PreferSameZone\n",
			"service NAME internal=Local\n", "service NAME type=LoadBalancer external=Local\n",
		}).Draw(t, "beside"))
		text := strings.ReplaceAll(lines.String(), "NAME", name)
		lines.Reset()
		lines.WriteString(text)
	}
	if rapid.Bool().Draw(t, "with quota") {
		fmt.Fprintf(&lines, "quota team pods=%d\n", rapid.IntRange(1, 30).Draw(t, "quota"))
	}
	c.text = lines.String()
	return c
}

func (c town) manifests(t *rapid.T) string {
	nodes, err := expandNodes([]datadriven.CmdArg{
		{Key: "zones", Vals: c.zones}, {Key: "per-zone", Vals: []string{fmt.Sprint(c.perZone)}}, {Key: "cpu", Vals: []string{fmt.Sprint(c.cpu)}},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	workloads, err := expand(c.text)
	if err != nil {
		t.Fatal(err)
	}
	return nodes + workloads
}

// TestInvariants holds the outcomes of small random clusters to what must be
// true of any.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawTown(t)
		o := simulate.Options{
			Failures:     []model.FailureSpec{{Each: "zones"}, {Each: "zone-pairs"}, {Nodes: []string{"a-1"}}},
			DeadNodes:    rapid.SampledFrom(simulate.Worlds()).Draw(t, "world"),
			RecoveryTime: rapid.SampledFrom([]float64{60, 600}).Draw(t, "objective"),
			Timings:      simulate.DefaultTimings(), Parallel: 1,
		}
		r, err := run(t.Context(), c.manifests(t), o)
		if err != nil {
			t.Fatal(err)
		}
		worst := v1alpha1.Survives
		for i := range r.Scenarios {
			s := &r.Scenarios[i]
			worst = worst.Worse(s.Verdict)
			check := checker{t, c, o, s}
			check.scenario()
		}
		if r.Verdict != worst {
			t.Errorf("report: verdict %s, the worst scenario's is %s", r.Verdict, worst)
		}
	})
}

// checker checks one scenario.
type checker struct {
	t *rapid.T
	town
	o simulate.Options
	s *v1alpha1.Scenario
}

func (c checker) wrong(format string, args ...any) {
	c.t.Helper()
	p := printer{show: []string{"timeline", "terms", "services", "capacity"}}
	p.scenario(c.s)
	c.t.Errorf("%s\nin %s, world %s, %d nodes a zone of %d cpu, with\n%s%s", fmt.Sprintf(format, args...), c.s.Name, c.o.DeadNodes, c.perZone, c.cpu, c.text, p.String())
}

func (c checker) scenario() {
	living, used := map[string]int{}, map[string]int{}
	for _, zone := range c.zones {
		living[zone] = c.perZone
	}
	for _, node := range c.s.Failure.Nodes {
		zone, _, _ := strings.Cut(node, "-")
		living[zone]--
	}
	worst := v1alpha1.Survives
	for i := range c.s.Workloads {
		w := &c.s.Workloads[i]
		worst = worst.Worse(w.Verdict)
		c.workload(w)
		for zone, n := range w.After {
			used[zone] += n * c.milli[w.Name]
			if living[zone] == 0 {
				c.wrong("%s: %d ready in zone %s, where no node lives", w.Name, n, zone)
			}
		}
	}
	if c.s.Verdict != worst {
		c.wrong("verdict %s, the worst workload's is %s", c.s.Verdict, worst)
	}
	for zone, milli := range used {
		if milli > living[zone]*c.cpu*1000 {
			c.wrong("zone %s: %d milli-cpu in use on %d nodes", zone, milli, living[zone])
		}
	}
	for zone, room := range c.s.Capacity.Free {
		if room.CPU < 0 || room.CPU > float64(living[zone]*c.cpu) {
			c.wrong("zone %s: %g cpu free of %d nodes", zone, room.CPU, living[zone])
		}
	}
	c.services()
	if !slices.IsSortedFunc(c.s.Timeline, func(a, b v1alpha1.Event) int { return cmp.Compare(a.At, b.At) }) {
		c.wrong("the timeline is out of order")
	}
	if n := len(c.s.Timeline); n == 0 || c.s.Timeline[n-1].Event != "settled" || c.s.Timeline[n-1].At != c.s.SettledSeconds {
		c.wrong("the timeline does not end when all has settled")
	}
}

func (c checker) workload(w *v1alpha1.WorkloadOutcome) {
	before, after := total(w.Before), total(w.After)
	daemon := w.Kind == model.KindDaemonSet
	switch {
	case before > w.Replicas || after > w.Replicas:
		c.wrong("%s: more ready than wanted", w.Name)
	case w.Lowest > before || w.Lowest > after:
		c.wrong("%s: lowest %d is not the lowest", w.Name, w.Lowest)
	case w.Lost > before || w.Lost < 0:
		c.wrong("%s: lost %d of %d", w.Name, w.Lost, before)
	case w.Lowest > before-w.Lost:
		c.wrong("%s: lowest %d, but %d of %d lost", w.Name, w.Lowest, w.Lost, before)
	case min(w.Pending, w.NotCreated, w.StuckTerminating, w.PlacedAgain, w.Preempted) < 0:
		c.wrong("%s: a negative count", w.Name)
	case !daemon && w.RecoverySeconds != nil && after < before:
		c.wrong("%s: full count with %d of %d", w.Name, after, before)
	case !daemon && w.RecoverySeconds == nil && after >= before:
		c.wrong("%s: never full with %d of %d", w.Name, after, before)
	case !daemon && after+w.Pending+w.NotCreated+w.PlacedAgain < before:
		c.wrong("%s: %d of %d are unaccounted for", w.Name, before-after-w.Pending-w.NotCreated, before)
	case w.RecoverySeconds == nil && len(w.Reasons) == 0:
		c.wrong("%s: never full, and no reason", w.Name)
	case c.o.DeadNodes != simulate.Keep && w.StuckTerminating > 0:
		c.wrong("%s: stuck although dead pods are collected", w.Name)
	}
	switch w.Verdict {
	case v1alpha1.Survives:
		if w.RecoverySeconds == nil || *w.RecoverySeconds > c.o.RecoveryTime || w.Lowest < w.MinAvailable && w.Replicas > 0 {
			c.wrong("%s: does not survive", w.Name)
		}
	case v1alpha1.Outage:
		if w.Lowest >= w.MinAvailable || w.OutageSeconds != nil && *w.OutageSeconds == 0 {
			c.wrong("%s: no outage", w.Name)
		}
	case v1alpha1.Degraded:
		if w.Lowest < w.MinAvailable || w.RecoverySeconds != nil && *w.RecoverySeconds <= c.o.RecoveryTime {
			c.wrong("%s: not degraded", w.Name)
		}
	case v1alpha1.Undetermined:
		if w.Lost > 0 {
			c.wrong("%s: lost pods, so there is an answer", w.Name)
		}
	}
	sum := 0.0
	for _, term := range w.RecoveryTerms {
		sum += term.Seconds
	}
	if len(w.RecoveryTerms) > 0 && (w.RecoverySeconds == nil || math.Abs(sum-*w.RecoverySeconds) > 0.01) {
		c.wrong("%s: the terms add up to %g", w.Name, sum)
	}
}

func (c checker) services() {
	for _, s := range c.s.Services {
		sum := 0.0
		for _, share := range s.Shares {
			sum += float64(share.Pods) * share.Share
		}
		if sum > 1.01 || s.WorstShare > 1 || s.FailingShare < 0 || s.FailingShare > 1 || s.ReadyLowest > min(s.ReadyBefore, s.ReadyAfter) {
			c.wrong("service %s does not add up", s.Name)
		}
	}
}

func total(count map[string]int) int {
	n := 0
	for _, c := range count {
		n += c
	}
	return n
}
