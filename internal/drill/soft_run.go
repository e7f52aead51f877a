//go:build linux

package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
)

// softRunner is one soft drill.
type softRunner struct {
	measured
	site *softSite
	// marks are set while nodes carry the mark.
	marks *marks
}

func newSoftRunner(s *softSite, o Options) *softRunner {
	r := &softRunner{measured: newMeasured(o, s.clock), site: s}
	r.amiss, r.gap = r.wrong, o.Fault.Gap
	r.observer = watcher(s.api, r.journal)
	r.observer.well = local.NodeReady
	r.observer.servers = []*rest.Config{s.config}
	r.marks = &marks{api: s.api, name: namespaceOf(s.clock), nodes: s.aim.nodes}
	return r
}

// wrong says what is not as it should be.
func (r *softRunner) wrong() error {
	if nodes := r.observer.unready(); len(nodes) > 0 {
		return fmt.Errorf("%d nodes are not ready: %s", len(nodes), strings.Join(nodes[:min(3, len(nodes))], ", "))
	}
	return nil
}

// empty marks, cordons and evicts, lets it last and takes it back. Whatever happens on
// the way is in the record.
func (r *softRunner) empty(ctx context.Context) {
	s := r.site
	r.expectOnly()
	r.marks.value = markOf(r.marks.name, time.Now().Add(emptyTimeout+r.For+margin))
	if err := r.marks.set(ctx); err != nil {
		r.record.Aborted = fmt.Sprintf("no node was cordoned: %v", err)
		r.unmark(ctx)
		return
	}
	at := s.clock.now()
	r.record.InjectedAt = &at
	r.Say("cordoning " + s.what() + ": " + strings.Join(s.aim.nodes, ", "))
	err := r.marks.cordon(ctx)
	if err == nil {
		r.proveCordon(ctx)
		err = r.evict(ctx)
	}
	if err == nil {
		err = r.wait(ctx, "fault "+r.Fault.Name, r.For, r.abort)
	}
	if err != nil {
		r.record.Aborted = err.Error()
		r.Say("aborted: " + err.Error())
	} else {
		r.stillEmpty(ctx)
	}
	r.heal(ctx)
	r.settle(ctx)
}

// expectOnly forgets the workloads that are not watched (a Job ends by itself), and
// asks of the others no more than they had before.
func (r *softRunner) expectOnly() {
	before := map[string]int{}
	for i := range r.record.Workloads {
		w := &r.record.Workloads[i]
		name := w.Kind + " " + w.Namespace + "/" + w.Name
		before[name] = r.before[name]
		if had := r.before[name]; had < w.MinAvailable {
			r.record.Notes = append(r.record.Notes, fmt.Sprintf("%s had %d ready before the drill, less than its minimum of %d: it is held to what it had", name, had, w.MinAvailable))
			w.MinAvailable = had
		}
	}
	r.before = before
}

func (r *softRunner) proof(ok bool, format string, args ...any) {
	r.journal.note(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedProof, Object: r.Fault.Name, Text: fmt.Sprintf(format, args...), Ready: ok})
}

// schedulable asks which of the drill's nodes pods may be placed on, and which nodes
// of the zone came since it was aimed.
func (r *softRunner) schedulable(ctx context.Context) (open, fresh []string, err error) {
	nodes, err := r.site.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	for _, n := range nodes.Items {
		_, known := r.site.nodeZones[n.Name]
		switch {
		case slices.Contains(r.site.aim.nodes, n.Name):
			if !n.Spec.Unschedulable {
				open = append(open, n.Name)
			}
		case !known && r.site.aim.target == "" && n.Labels[corev1.LabelTopologyZone] == r.site.aim.zone:
			fresh = append(fresh, n.Name)
		}
	}
	return open, fresh, nil
}

func (r *softRunner) proveCordon(ctx context.Context) {
	all := len(r.site.aim.nodes)
	open, _, err := r.schedulable(ctx)
	if err != nil {
		r.proof(false, "reading the nodes: %v", err)
		return
	}
	if r.site.aim.target != "" && len(open) == 0 {
		r.proof(true, "%s is unschedulable", r.site.what())
		return
	}
	r.proof(len(open) == 0, "%d of %d nodes of %s are unschedulable", all-len(open), all, r.site.what())
}

// stillEmpty looks for signs, at the end, that the zone was not empty.
func (r *softRunner) stillEmpty(ctx context.Context) {
	open, fresh, err := r.schedulable(ctx)
	switch {
	case err != nil:
		r.proof(false, "reading the nodes: %v", err)
	case len(open) > 0:
		r.proof(false, "somebody uncordoned %s in the meantime", strings.Join(open, ", "))
	case len(fresh) > 0:
		r.proof(false, "zone %s got nodes that are not cordoned in the meantime: %s", r.site.aim.zone, strings.Join(fresh, ", "))
	}
}

// evict empties the nodes; an error says that the drill is to end early.
func (r *softRunner) evict(ctx context.Context) error {
	pods, left, err := r.site.pods(ctx)
	if err != nil {
		return err
	}
	for _, text := range grouped(left, 20) {
		r.record.Notes = append(r.record.Notes, "left on the nodes: "+text)
	}
	if n := emptyDirs(pods); n > 0 {
		r.record.Notes = append(r.record.Notes, fmt.Sprintf("%d of the evicted pods had emptyDir volumes, which were lost with them", n))
	}
	var mu sync.Mutex
	taken := 0
	e := &evictor{api: r.site.api,
		evicted: func(p *corev1.Pod) {
			r.journal.note(v1alpha1.DrillObservation{
				Kind: v1alpha1.ObservedEviction, Object: p.Namespace + "/" + p.Name, Workload: r.observer.workloadOf(p), Where: p.Spec.NodeName, Text: string(p.UID),
			})
			mu.Lock()
			defer mu.Unlock()
			taken++
		},
		round: func(done, total int) error {
			r.Progress("evicting, pods", done, total)
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("interrupted: %w", context.Cause(ctx))
			}
			return r.abort()
		},
	}
	limited, cancel := context.WithTimeout(ctx, emptyTimeout)
	defer cancel()
	done, refused, err := e.evict(limited, pods)
	text := fmt.Sprintf("%d of %d pods evicted from %s", taken, len(pods), r.site.what())
	if gone := done - taken; gone > 0 {
		text += fmt.Sprintf(", %d went by themselves", gone)
	}
	for _, why := range grouped(refused, 5) {
		text += "; still there: " + why
	}
	r.proof(len(refused) == 0, "%s", text)
	r.Say(text)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	return err
}

// unmark uncordons what carries this drill's mark, also when the drill was interrupted.
func (r *softRunner) unmark(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healTimeout)
	defer cancel()
	if _, err := uncordon(ctx, r.site.api, r.marks.name); err != nil {
		r.record.Notes = append(r.record.Notes, fmt.Sprintf("healing: %v", err))
		r.Say(fmt.Sprintf("NOT HEALED: %v; nodes may still be cordoned: %s", err, r.site.Heal))
		return false
	}
	return true
}

func (r *softRunner) heal(ctx context.Context) {
	at := r.clock.now()
	if !r.unmark(ctx) {
		return
	}
	r.record.HealedAt, r.record.HealedBy = &at, "runner"
	r.Say(fmt.Sprintf("uncordoned after %.1f s", at-*r.record.InjectedAt))
}

// writeRecord notes what is asked for and expected. Nothing of a soft drill is
// predicted: nodes that live and are emptied are no failure that is simulated.
func (r *softRunner) writeRecord(f *forecast) {
	s := r.site
	gap := r.gap
	versions := map[string]string{"kubernetes": s.version}
	for name, v := range r.Versions {
		versions[name] = v
	}
	r.record = &v1alpha1.DrillRecord{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.DrillRecordKind},
		Cluster:  s.Name, Provider: s.provider, Fault: r.Fault.Name, Zone: s.aim.zone, Target: s.aim.target, Seed: r.Seed, Soft: true,
		Started: metav1.NewMicroTime(s.clock.start), AllZones: s.allZones,
		LostNodes: []string{}, LostMachines: []string{}, Machines: map[string]string{}, NodeZones: s.nodeZones, AskedSeconds: r.For.Seconds(),
		Hypothesis: v1alpha1.DrillHypothesis{
			SteadyP99Milliseconds: steadyP99, SteadyFailedShare: steadyFailed, APIGapSeconds: &gap, SteadyAgainSeconds: steadyAgain,
		},
		Predicted: v1alpha1.DrillPredicted{APIGapTerms: []v1alpha1.RecoveryTerm{}, Timings: []v1alpha1.Timing{}},
		Flags:     map[string][]string{}, Versions: versions,
		Notes: []string{
			"a soft drill: nodes were cordoned and their pods evicted, which asks PodDisruptionBudgets; the machines ran on. It shows whether the workloads stand being moved out of " + s.what() + " and where they go, not what its sudden loss does, and nothing of etcd or of the API's address",
			"the time of the fault is from the first cordon to the uncordoning; the evictions are in it",
			s.noDeadMan(),
			"the client asks over HTTP/1.1 by the kubeconfig's server, each question on a connection of its own while it lasts",
		},
	}
	if len(f.refused) > 0 {
		r.record.Notes = append(r.record.Notes, "forced, although the simulation of the loss says: "+strings.Join(f.refused, "; "))
	} else {
		r.record.Notes = append(r.record.Notes, "before the drill the loss of "+s.what()+" was simulated: the rest has room for everything")
	}
	if s.provider == "kwok" {
		r.record.Notes = append(r.record.Notes, "pods are kwok's: they are placed, evicted and replaced as real ones are, and are Ready at once; nothing runs in them")
	}
	r.record.Workloads, r.record.Services = f.subjects()
}
