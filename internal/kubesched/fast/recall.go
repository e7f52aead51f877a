package fast

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// Before a profile looks at nodes (PreFilter) and before it scores them
// (PreScore), each of its plugins prepares what it needs in the cycle's state, or
// says that it has nothing to do with the pod. What it prepares depends
//
//	plugins                          | on
//	---------------------------------+-------------------------------------------
//	nodePlugins, roomPlugins         | the pod's signature
//	volumePlugins                    | the pod's volumes, claims and these objects:
//	                                 | nothing to do without volumes and claims
//	PodTopologySpread,               | the pods on nodes: asked in every cycle
//	InterPodAffinity                 |
//
// so that pods of a family without volumes and claims share what the first two
// prepared (StateData of these plugins is not changed once it is written).
var (
	volumePlugins = []string{
		names.VolumeRestrictions, names.NodeVolumeLimits, names.VolumeBinding, names.VolumeZone, names.DynamicResources,
	}
	unshared = [2]string{names.PodTopologySpread, names.InterPodAffinity}
)

// nothingToDo is what a plugin says that has nothing to do with the pod.
var nothingToDo = fwk.NewStatus(fwk.Skip)

// recall is what the plugins of an extension point prepared for a family, but for
// PodTopologySpread and InterPodAffinity.
type recall struct {
	written []written
	// skipped are the plugins with nothing to do, by whether PodTopologySpread and
	// InterPodAffinity are among them.
	skipped [4]sets.Set[string]
	asked   [4]*plan
	rates   [4]*ratingPlan
}

type written struct {
	key  fwk.StateKey
	data fwk.StateData
}

// recorder is a cycle's state that notes what is written to it.
type recorder struct {
	fwk.CycleState
	written []written
}

// Write implements fwk.CycleState.
func (r *recorder) Write(key fwk.StateKey, data fwk.StateData) {
	r.written = append(r.written, written{key, data})
	r.CycleState.Write(key, data)
}

// unrecorded returns the state without a recorder.
func unrecorded(state fwk.CycleState) fwk.CycleState {
	if r, ok := state.(*recorder); ok {
		return r.CycleState
	}
	return state
}

// recallable reports whether all plugins of the extension point are known here.
func recallable(point []string) bool {
	return !slices.ContainsFunc(point, func(name string) bool {
		return rankOf(name) == byOther && !slices.Contains(volumePlugins, name)
	})
}

// shares reports whether the pod's family may share what plugins prepare.
func (p *Profile) shares(pod *corev1.Pod) bool {
	return p.recallable && len(pod.Spec.Volumes) == 0 && len(pod.Spec.ResourceClaims) == 0
}

// newRecall keeps what was prepared, given the plugins that have nothing to do.
// It returns nil if a plugin of volumes has something to do all the same.
func newRecall(point []string, recorded []written, skipped sets.Set[string]) *recall {
	for _, name := range point {
		if slices.Contains(volumePlugins, name) && !skipped.Has(name) {
			return nil
		}
	}
	r := &recall{written: recorded}
	for bits := range r.skipped {
		r.skipped[bits] = skipped.Clone()
		for bit, name := range unshared {
			if bits>>bit&1 == 1 {
				r.skipped[bits].Insert(name)
			} else {
				r.skipped[bits].Delete(name)
			}
		}
	}
	return r
}

func (r *recall) write(state fwk.CycleState) {
	for _, w := range r.written {
		state.Write(w.key, w.data)
	}
}

// recallPreFilter is RunPreFilterPlugins of p.views, from memory where it can be.
func (p *Profile) recallPreFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	fam := p.family
	if r := fam.preFilter; r != nil {
		if bits, ok := prepare(p.preFiltering, func(pl preparer) *fwk.Status {
			_, status := pl.PreFilter(ctx, state, pod, nil)
			return status
		}); ok {
			r.write(state)
			state.SetSkipFilterPlugins(r.skipped[bits])
			if r.asked[bits] == nil {
				r.asked[bits] = p.newPlan(r.skipped[bits])
			}
			p.asked = r.asked[bits]
			return nil, nil, sets.New[string]()
		}
	}
	rec := &recorder{CycleState: state}
	result, status, rejected := p.views.RunPreFilterPlugins(ctx, rec, pod)
	skipped := state.GetSkipFilterPlugins()
	p.asked = p.newPlan(skipped)
	if fam.shares && status.IsSuccess() && result.AllNodes() {
		fam.preFilter = newRecall(p.preFilters, rec.written, skipped)
	}
	return result, status, rejected
}

// recallPreScore is RunPreScorePlugins of p.views, from memory where it can be.
func (p *Profile) recallPreScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) *fwk.Status {
	fam := p.family
	if r := fam.preScore; r != nil {
		if bits, ok := prepare(p.preScoring, func(pl preparer) *fwk.Status {
			return pl.PreScore(ctx, state, pod, nil)
		}); ok {
			r.write(state)
			state.SetSkipScorePlugins(r.skipped[bits])
			if r.rates[bits] == nil {
				r.rates[bits] = p.newRatingPlan(state)
			}
			p.rates = r.rates[bits]
			return nil
		}
	}
	rec := &recorder{CycleState: state}
	status := p.views.RunPreScorePlugins(ctx, rec, pod, p.nodes())
	p.rates = p.newRatingPlan(state)
	if fam.shares && status.IsSuccess() {
		fam.preScore = newRecall(p.preScores, rec.written, state.GetSkipScorePlugins())
	}
	return status
}

// prepare asks PodTopologySpread and InterPodAffinity, if they are in the
// extension point, and returns which of them have nothing to do; ok is false if
// one did not succeed.
func prepare(point [2]preparer, ask func(preparer) *fwk.Status) (bits int, ok bool) {
	for bit, pl := range point {
		if pl == nil {
			continue
		}
		switch status := ask(pl); {
		case status.IsSkip():
			bits |= 1 << bit
		case !status.IsSuccess():
			return 0, false
		}
	}
	return bits, true
}

// preparer is PodTopologySpread or InterPodAffinity. They take the nodes from the
// profile.
type preparer interface {
	fwk.PreFilterPlugin
	fwk.PreScorePlugin
}

// preparers returns those that are in the extension point.
func (p *Profile) preparers(point []string) (out [2]preparer) {
	for bit, name := range unshared {
		if pl, ok := p.plugins[name].(preparer); ok && slices.Contains(point, name) {
			out[bit] = pl
		}
	}
	return out
}
