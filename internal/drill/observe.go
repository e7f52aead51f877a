//go:build linux

package drill

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/machine"
)

// observer watches the objects of the cluster by every API server at once: the one
// in the lost zone falls silent, the others go on. Of the same version of an object
// the first who tells it counts.
type observer struct {
	journal *journal
	api     kubernetes.Interface
	servers []*rest.Config // of every API server that is watched
	// expected nodes; well says whether one is as it should be.
	expected map[string]string
	well     func(*corev1.Node) bool
	// lead is told who leads, by lease; nil: nobody asks.
	lead   func(component, machine, text string)
	owners map[string]string // "Kind namespace/name" of a workload by the UID of what owns its pods

	mu       sync.Mutex
	versions map[string]uint64                                // newest seen, by kind and UID
	nodes    map[string]bool                                  // Ready, by name
	pods     map[string]*corev1.Pod                           // by UID
	slices   map[string]map[string]*discoveryv1.EndpointSlice // by Service, by name
	services map[string]string                                // nodes of ready endpoints as last noted
	renewed  map[string]float64                               // when a node's lease was last renewed
}

func newObserver(s *site, j *journal) *observer {
	o := watcher(s.api, j)
	o.expected = s.nodeZones
	if !s.cluster.Loopback { // there a lease's holder does not tell the machine
		o.lead = s.leaders.set
	}
	o.well = func(n *corev1.Node) bool {
		return local.NodeReady(n) && len(n.Spec.Taints) == 0 && !n.Spec.Unschedulable
	}
	for _, m := range s.layout.ControlPlane() {
		config := rest.CopyConfig(s.config)
		config.Host = s.base(m.Name)
		config.ServerName = s.layout.EndpointHost
		config.Dial = s.networks[outside].dial
		o.servers = append(o.servers, config)
	}
	return o
}

// watcher is an observer of no API server yet.
func watcher(api kubernetes.Interface, j *journal) *observer {
	return &observer{
		api: api, journal: j, owners: map[string]string{}, versions: map[string]uint64{}, nodes: map[string]bool{},
		pods: map[string]*corev1.Pod{}, slices: map[string]map[string]*discoveryv1.EndpointSlice{}, services: map[string]string{}, renewed: map[string]float64{},
	}
}

// watch returns when the first API server has told everything, and goes on until
// ctx ends.
func (o *observer) watch(ctx context.Context) error {
	if err := o.readOwners(ctx); err != nil {
		return err
	}
	var synced []cache.InformerSynced
	for _, config := range o.servers {
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		all := informers.NewSharedInformerFactory(client, 0)
		system := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(metav1.NamespaceSystem))
		kubelets := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(corev1.NamespaceNodeLease))
		watched := []cache.SharedIndexInformer{
			all.Core().V1().Pods().Informer(), all.Core().V1().Nodes().Informer(), all.Discovery().V1().EndpointSlices().Informer(),
			all.Apps().V1().ReplicaSets().Informer(), all.Batch().V1().Jobs().Informer(), all.Core().V1().PersistentVolumes().Informer(),
		}
		if o.lead != nil {
			watched = append(watched, system.Coordination().V1().Leases().Informer(), kubelets.Coordination().V1().Leases().Informer())
		}
		for _, i := range watched {
			if _, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{
				AddFunc:    func(x any) { o.see(x, false) },
				UpdateFunc: func(_, x any) { o.see(x, false) },
				DeleteFunc: func(x any) { o.see(x, true) },
			}); err != nil {
				return err
			}
			synced = append(synced, i.HasSynced)
		}
		all.Start(ctx.Done())
		system.Start(ctx.Done())
		kubelets.Start(ctx.Done())
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if !cache.WaitForCacheSync(wait.Done(), synced...) {
		return fmt.Errorf("watching the cluster: not every API server answers: %w", context.Cause(wait))
	}
	return nil
}

// readOwners finds the workloads behind ReplicaSets and Jobs before pods are seen.
func (o *observer) readOwners(ctx context.Context) error {
	sets, err := o.api.AppsV1().ReplicaSets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("reading ReplicaSets: %w", err)
	}
	for i := range sets.Items {
		o.own(&sets.Items[i].ObjectMeta)
	}
	jobs, err := o.api.BatchV1().Jobs("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("reading Jobs: %w", err)
	}
	for i := range jobs.Items {
		o.own(&jobs.Items[i].ObjectMeta)
	}
	return nil
}

// own notes who owns something that owns pods.
func (o *observer) own(m *metav1.ObjectMeta) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c := metav1.GetControllerOfNoCopy(m); c != nil {
		o.owners[string(m.UID)] = c.Kind + " " + m.Namespace + "/" + c.Name
	}
}

// see takes one version of an object.
func (o *observer) see(x any, gone bool) {
	if d, ok := x.(cache.DeletedFinalStateUnknown); ok {
		x = d.Obj
	}
	switch x := x.(type) {
	case *corev1.Pod:
		if o.newer("pod", &x.ObjectMeta, gone) {
			o.pod(x, gone)
		}
	case *corev1.Node:
		if o.newer("node", &x.ObjectMeta, gone) {
			o.node(x, gone)
		}
	case *discoveryv1.EndpointSlice:
		if o.newer("slice", &x.ObjectMeta, gone) {
			o.slice(x, gone)
		}
	case *coordinationv1.Lease:
		if o.newer("lease", &x.ObjectMeta, gone) {
			o.lease(x)
		}
	case *corev1.PersistentVolume:
		if o.newer("volume", &x.ObjectMeta, gone) {
			o.volume(x, gone)
		}
	case metav1.ObjectMetaAccessor: // a ReplicaSet or a Job
		if m, ok := x.GetObjectMeta().(*metav1.ObjectMeta); ok {
			o.own(m)
		}
	}
}

// newer reports whether this version of the object is new. Versions are revisions
// of etcd, the same by every API server, and may be compared
// (apimachinery/pkg/util/resourceversion says so since 1.35).
func (o *observer) newer(kind string, m *metav1.ObjectMeta, gone bool) bool {
	version, err := strconv.ParseUint(m.ResourceVersion, 10, 64)
	if err != nil {
		return false
	}
	key := kind + string(m.UID)
	o.mu.Lock()
	defer o.mu.Unlock()
	const deleted = ^uint64(0)
	last := o.versions[key]
	if last == deleted || !gone && version <= last {
		return false
	}
	if o.versions[key] = version; gone {
		o.versions[key] = deleted
	}
	return true
}

func (o *observer) pod(p *corev1.Pod, gone bool) {
	o.mu.Lock()
	o.pods[string(p.UID)] = p
	if gone {
		delete(o.pods, string(p.UID))
	}
	workload := o.workload(p)
	o.mu.Unlock()
	o.journal.note(v1alpha1.DrillObservation{
		Kind: v1alpha1.ObservedPod, Object: p.Namespace + "/" + p.Name, Workload: workload, Where: p.Spec.NodeName,
		Ready: podReady(p), Terminating: p.DeletionTimestamp != nil, Gone: gone, Text: string(p.UID),
	})
}

// workload that a pod is of, as DrillObservation names it; under mu.
func (o *observer) workload(p *corev1.Pod) string {
	c := metav1.GetControllerOfNoCopy(p)
	if c == nil {
		return "Pod " + p.Namespace + "/" + p.Name
	}
	if above, ok := o.owners[string(c.UID)]; ok {
		return above
	}
	return c.Kind + " " + p.Namespace + "/" + c.Name
}

// workloadOf is workload, for those outside.
func (o *observer) workloadOf(p *corev1.Pod) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.workload(p)
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func (o *observer) node(n *corev1.Node, gone bool) {
	ready := !gone && local.NodeReady(n)
	var taints []string
	for _, t := range n.Spec.Taints {
		taints = append(taints, t.Key+":"+string(t.Effect))
	}
	slices.Sort(taints)
	o.mu.Lock()
	o.nodes[n.Name] = ready && o.well(n)
	if gone {
		delete(o.nodes, n.Name)
	}
	o.mu.Unlock()
	o.journal.note(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedNode, Object: n.Name, Ready: ready, Taints: taints, Gone: gone})
}

// slice notes the ready endpoints of the slice's Service, over all its slices.
func (o *observer) slice(s *discoveryv1.EndpointSlice, gone bool) {
	service := s.Labels[discoveryv1.LabelServiceName]
	if service == "" || s.Namespace == metav1.NamespaceDefault && service == "kubernetes" {
		return
	}
	service = s.Namespace + "/" + service
	o.mu.Lock()
	if o.slices[service] == nil {
		o.slices[service] = map[string]*discoveryv1.EndpointSlice{}
	}
	o.slices[service][s.Name] = s
	if gone {
		delete(o.slices[service], s.Name)
	}
	nodes := []string{}
	for _, x := range o.slices[service] {
		for _, e := range x.Endpoints {
			if (e.Conditions.Ready == nil || *e.Conditions.Ready) && e.NodeName != nil {
				nodes = append(nodes, *e.NodeName)
			}
		}
	}
	slices.Sort(nodes)
	now := strings.Join(nodes, " ")
	last, known := o.services[service]
	o.services[service] = now
	o.mu.Unlock()
	if !known || now != last {
		o.journal.note(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedEndpoints, Object: service, Endpoints: nodes})
	}
}

// lease notes who leads (a holder's name begins with its host's), or that a node's
// kubelet was heard of.
func (o *observer) lease(l *coordinationv1.Lease) {
	if l.Namespace == corev1.NamespaceNodeLease {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.renewed[l.Name] = o.journal.clock.now()
		return
	}
	if l.Name != controllerManager && l.Name != scheduler {
		return
	}
	holder := ""
	if l.Spec.HolderIdentity != nil {
		holder, _, _ = strings.Cut(*l.Spec.HolderIdentity, "_")
	}
	o.lead(l.Name, holder, "")
}

// volume notes whose claim a volume is, in which zone it can be used, and its phase.
func (o *observer) volume(v *corev1.PersistentVolume, gone bool) {
	if v.Spec.ClaimRef == nil {
		return
	}
	o.journal.note(v1alpha1.DrillObservation{
		Kind: v1alpha1.ObservedVolume, Object: v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name, Where: volumeZone(v), Text: string(v.Status.Phase), Gone: gone,
	})
}

// volumeZone is the zone that a volume is bound to; "" when it is bound to none.
func volumeZone(v *corev1.PersistentVolume) string {
	if v.Spec.NodeAffinity == nil || v.Spec.NodeAffinity.Required == nil {
		return ""
	}
	for _, term := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, e := range term.MatchExpressions {
			if e.Key == corev1.LabelTopologyZone && len(e.Values) == 1 {
				return e.Values[0]
			}
		}
	}
	return ""
}

// heard tells when the last of some nodes was heard of, by its lease; false: none of
// their leases was seen.
func (o *observer) heard(nodes []string) (last float64, seen bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, name := range nodes {
		if at, ok := o.renewed[name]; ok {
			last, seen = max(last, at), true
		}
	}
	return last, seen
}

// unready names the nodes that are not as they should be.
func (o *observer) unready() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for name := range o.expected {
		if _, there := o.nodes[name]; !there {
			out = append(out, name)
		}
	}
	for name, well := range o.nodes {
		if !well {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// ready counts the ready pods of every workload.
func (o *observer) ready() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := map[string]int{}
	for _, p := range o.pods {
		if p.DeletionTimestamp != nil || !podReady(p) {
			continue
		}
		out[o.workload(p)]++
	}
	return out
}

// servers reads what every HAProxy has said since the drill began about servers
// that went and came, out of its machine's log, into the journal.
func (s *site) servers(j *journal) error {
	for _, m := range s.layout.Balancers() {
		for _, server := range s.layout.ControlPlane() {
			j.at(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedServer, Object: server.Name, Where: m.Name, Ready: true, Text: "before the drill"})
		}
		path := s.cluster.MachineLog(m.Name, strings.TrimSuffix(machine.SyslogFile, ".log"))
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("reading what HAProxy said: %w", err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if o, ok := serverLine(lines.Text()); ok {
				at, err := time.Parse(time.RFC3339Nano, strings.Fields(lines.Text())[0])
				if err != nil || at.Before(s.clock.start.Round(0)) {
					continue
				}
				o.Where, o.At = m.Name, s.clock.of(at)
				j.at(o)
			}
		}
		err = lines.Err()
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("reading what HAProxy said: %w", err)
		}
	}
	return nil
}

// serverLine reads a line of HAProxy's log: "Server kube-apiservers/NAME is DOWN, …"
// or "is UP".
func serverLine(line string) (v1alpha1.DrillObservation, bool) {
	_, after, ok := strings.Cut(line, "Server kube-apiservers/")
	if !ok {
		return v1alpha1.DrillObservation{}, false
	}
	name, state, ok := strings.Cut(after, " is ")
	up := strings.HasPrefix(state, "UP")
	if !ok || !up && !strings.HasPrefix(state, "DOWN") {
		return v1alpha1.DrillObservation{}, false
	}
	return v1alpha1.DrillObservation{Kind: v1alpha1.ObservedServer, Object: name, Ready: up, Text: state}, true
}
