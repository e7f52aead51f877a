package fast

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// The plugins whose answer for a pod on a node is remembered, by what of the
// node it depends on. Of the pod it depends on what they sign (fwk.SignPlugin).
// Checked in the plugins of kube-scheduler 1.36.3.
var (
	// The node's object: taints, labels, declared features, unschedulable.
	nodePlugins = []string{
		names.NodeUnschedulable, names.NodeName, names.TaintToleration, names.NodeAffinity, names.NodeDeclaredFeatures,
	}
	// The node's object and the pods on it: allocatable, requested, ports. They
	// sign less than they read: requestSignature.
	roomPlugins = []string{names.NodePorts, names.NodeResourcesFit, names.NodeResourcesBalancedAllocation}
	// The images on nodes. It signs less than it reads: imageSignature.
	imagePlugins = []string{names.ImageLocality}
)

// facet is the answers of some plugins on each node for pods of one signature.
type facet struct {
	plugins []string
	// filters and scorers are those that play a part for such pods; learnt from
	// the first.
	filters []fwk.FilterPlugin
	scorers []fwk.ScorePlugin
	// relative are the scorers whose scores are normalized over the nodes.
	relative []fwk.ScorePlugin
	known    bool // filters
	rated    bool // scorers

	verdict []uint32 // version of the node that was judged, shifted, and whether it passed
	failed  map[int32]*fwk.Status
	scored  []uint32 // version of the node that was scored
	plain   []int64  // by node: the others' scores, times their weights
	scores  []int32  // by node and relative scorer, before they are normalized
}

// addFacets finds the facets of the pod's signature.
func (p *Profile) addFacets(fam *family, pod *corev1.Pod) {
	node, signed := p.signature(pod, nodePlugins)
	room, ok := p.signature(pod, roomPlugins)
	if !signed || !ok {
		return
	}
	fam.signed = true
	fam.node = p.facet("node "+node, nodePlugins)
	fam.room = p.facet("room "+room+requestSignature(pod), roomPlugins)
	if p.engine.anyImages {
		fam.image = p.facet("image "+imageSignature(pod), imagePlugins)
	}
}

// facet returns the facet with the signature, of this profile's plugins.
func (p *Profile) facet(signature string, plugins []string) *facet {
	e := p.engine
	key := p.name + " " + signature
	if known, ok := e.facets[key]; ok {
		return known
	}
	c := &facet{plugins: plugins, verdict: make([]uint32, len(e.nodes)), scored: make([]uint32, len(e.nodes))}
	e.facets[key] = c
	return c
}

// signature is equal for pods that the plugins cannot tell apart; ok is false if
// one of them does not sign the pod.
func (p *Profile) signature(pod *corev1.Pod, plugins []string) (string, bool) {
	parts := map[string]any{}
	for _, name := range plugins {
		plugin, there := p.plugins[name]
		if !there {
			continue
		}
		signer, ok := plugin.(fwk.SignPlugin)
		if !ok {
			return "", false
		}
		fragments, status := signer.SignPod(p.ctx, pod)
		if !status.IsSuccess() {
			return "", false
		}
		for _, fragment := range fragments {
			parts[fragment.Key] = fragment.Value
		}
	}
	text, err := json.Marshal(parts)
	return string(text), err == nil
}

// requestSignature is all that is read of what a pod requests. NodeResourcesFit
// signs the sum; its score also takes a container that requests nothing to
// request a little (scheduler/util GetNonzeroRequests), so it is not the same for
// one container and for two.
func requestSignature(pod *corev1.Pod) string {
	type container struct {
		Requests corev1.ResourceList
		Restart  *corev1.ContainerRestartPolicy `json:",omitempty"`
	}
	part := func(all []corev1.Container) []container {
		var out []container
		for _, c := range all {
			out = append(out, container{c.Resources.Requests, c.RestartPolicy})
		}
		return out
	}
	return textOf([]any{part(pod.Spec.InitContainers), part(pod.Spec.Containers), pod.Spec.Resources, pod.Spec.Overhead})
}

// imageSignature is all that ImageLocality reads of a pod.
func imageSignature(pod *corev1.Pod) string {
	var images []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		images = append(images, c.Image)
	}
	images = append(images, "") // scores are divided by the number of containers
	for _, v := range pod.Spec.Volumes {
		if v.Image != nil {
			images = append(images, v.Image.Reference)
		}
	}
	return textOf(images)
}

// textOf is equal for equal values. Should one ever not marshal, it is like no
// other that is not the same in memory.
func textOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%#v", value)
	}
	return string(text)
}

// judge returns the first rejection of the facet's filters, or nil.
func (c *facet) judge(ctx context.Context, p *Profile, state fwk.CycleState, pod *corev1.Pod, i int32, version uint32) *fwk.Status {
	if was := c.verdict[i]; was>>1 == version {
		if was&1 == 1 {
			return nil
		}
		return c.failed[i]
	}
	if !c.known {
		c.filters, c.known = active[fwk.FilterPlugin](p, p.filters, c.plugins, state.GetSkipFilterPlugins()), true
	}
	for _, pl := range c.filters {
		status := pl.Filter(ctx, state, pod, p.engine.nodes[i])
		if status.IsSuccess() {
			continue
		}
		status.SetPlugin(pl.Name())
		if status.Code() == fwk.Error {
			return status
		}
		if c.failed == nil {
			c.failed = map[int32]*fwk.Status{}
		}
		c.failed[i], c.verdict[i] = status, version<<1
		return status
	}
	c.verdict[i] = version<<1 | 1
	return nil
}

// prepare learns which of the plugins score such pods; PreScore has run.
func (c *facet) prepare(p *Profile, state fwk.CycleState) {
	if c.rated {
		return
	}
	c.scorers, c.rated = active[fwk.ScorePlugin](p, p.scorers, c.plugins, state.GetSkipScorePlugins()), true
	for _, pl := range c.scorers {
		if pl.ScoreExtensions() != nil {
			c.relative = append(c.relative, pl)
		}
	}
	c.plain, c.scores = make([]int64, len(c.scored)), make([]int32, len(c.scored)*len(c.relative))
}

// rate asks for the scores of the node.
func (c *facet) rate(ctx context.Context, p *Profile, state fwk.CycleState, pod *corev1.Pod, i int32, version uint32) *fwk.Status {
	relative := c.scores[int(i)*len(c.relative):]
	c.plain[i] = 0
	for _, pl := range c.scorers {
		score, status := pl.Score(ctx, state, pod, p.engine.nodes[i])
		if !status.IsSuccess() {
			return failed(pl, status)
		}
		if pl.ScoreExtensions() != nil {
			relative[0], relative = int32(score), relative[1:]
			continue
		}
		weighed, status := p.weigh(pl, score)
		if !status.IsSuccess() {
			return status
		}
		c.plain[i] += weighed
	}
	c.scored[i] = version
	return nil
}

// active returns those of the plugins that an extension point runs, in its order.
func active[P fwk.Plugin](p *Profile, point []string, among []string, skipped sets.Set[string]) []P {
	var out []P
	for _, name := range point {
		if slices.Contains(among, name) && !skipped.Has(name) {
			if pl, ok := p.plugins[name].(P); ok {
				out = append(out, pl)
			}
		}
	}
	return out
}
