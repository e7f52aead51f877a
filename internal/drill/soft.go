//go:build linux

package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/verdict"
)

// A soft drill empties a zone, or a node, of a live cluster with nothing but its
// Kubernetes API:
//
//	mark      every node gets DrillAnnotation: who finds it can take the drill back
//	cordon    no pod is placed there any more
//	evict     every pod that a controller replaces, by the Eviction API, which asks
//	          PodDisruptionBudgets; again until all are gone, emptyTimeout at most
//	wait      Options.For
//	heal      uncordon what carries the mark, and take it away
//
// The nodes run on, and so does the control plane: nothing is said of etcd, of the
// API's address or of what a machine's death does. There is no dead-man: whatever
// ends the runner before it heals leaves the nodes cordoned until HealSoft.

// SoftTarget is a live cluster.
type SoftTarget struct {
	// Config as a kubeconfig gives it: client certificates, tokens and exec plugins.
	Config *rest.Config
	// Name for people: the kubeconfig's context.
	Name string
	// Heal is the command line that takes a drill back, for people.
	Heal string
}

func (t SoftTarget) connect() (kubernetes.Interface, *rest.Config, error) {
	config := rest.CopyConfig(t.Config)
	config.QPS, config.Burst = 50, 100 // the API server's own fairness limits as well
	config.UserAgent = "bulkhead-drill"
	config.WarningHandler = rest.NoWarnings{}
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to %s: %w", t.Config.Host, err)
	}
	return api, config, nil
}

// softSite is a live cluster as a soft drill uses it.
type softSite struct {
	SoftTarget
	api     kubernetes.Interface
	config  *rest.Config
	clients *http.Client
	server  string // URL without the path of an object
	version string // of Kubernetes
	clock   clock

	aim       *softAim
	allZones  []string
	nodeZones map[string]string
	provider  string
}

// openSoft connects, makes sure of the rights, and decides what is emptied. It changes
// nothing.
func openSoft(ctx context.Context, t SoftTarget, o Options) (*softSite, error) {
	s := &softSite{SoftTarget: t, clock: newClock(), nodeZones: map[string]string{}}
	var err error
	if s.api, s.config, err = t.connect(); err != nil {
		return nil, err
	}
	if err := s.reachAPI(); err != nil {
		return nil, err
	}
	if err := s.supported(ctx); err != nil {
		return nil, err
	}
	nodes, err := s.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	if s.aim, err = aimSoftly(nodes.Items, o, rand.New(rand.NewPCG(uint64(o.Seed), 5))); err != nil {
		return nil, err
	}
	s.provider = providerOf(nodes.Items)
	for _, n := range nodes.Items {
		zone := n.Labels[corev1.LabelTopologyZone]
		s.nodeZones[n.Name] = zone
		if zone != "" && !slices.Contains(s.allZones, zone) {
			s.allZones = append(s.allZones, zone)
		}
	}
	slices.Sort(s.allZones)
	return s, nil
}

// softDialTimeout is when a client gives a connection over any line up.
const softDialTimeout = 2 * time.Second

// reachAPI makes the load's way to the API: client-go's transport, which knows tokens,
// exec plugins and proxies, over HTTP/1.1, so that a question that hangs holds nobody
// else up.
func (s *softSite) reachAPI() error {
	config := rest.CopyConfig(s.config)
	config.TLSClientConfig.NextProtos = []string{"http/1.1"}
	config.Dial = (&net.Dialer{Timeout: softDialTimeout, KeepAlive: 30 * time.Second}).DialContext
	clients, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	s.clients, s.server = clients, strings.TrimSuffix((&url.URL{Scheme: server.Scheme, Host: server.Host, Path: server.Path}).String(), "/")
	return nil
}

func (s *softSite) client(_ string, timeout time.Duration) *http.Client {
	c := *s.clients
	c.Timeout = timeout
	return &c
}

func (s *softSite) base(string) string { return s.server }

// softRights are what a soft drill does.
var softRights = []authorizationv1.ResourceAttributes{
	{Verb: "list", Resource: "nodes"}, {Verb: "watch", Resource: "nodes"}, {Verb: "patch", Resource: "nodes"},
	{Verb: "list", Resource: "pods"}, {Verb: "watch", Resource: "pods"}, {Verb: "create", Resource: "pods", Subresource: "eviction"},
	{Verb: "watch", Resource: "replicasets", Group: "apps"}, {Verb: "watch", Resource: "jobs", Group: "batch"},
	{Verb: "watch", Resource: "endpointslices", Group: "discovery.k8s.io"},
	{Verb: "create", Resource: "namespaces"}, {Verb: "delete", Resource: "namespaces"},
	{Verb: "create", Resource: "configmaps"}, {Verb: "update", Resource: "configmaps"}, {Verb: "get", Resource: "configmaps"}, {Verb: "list", Resource: "configmaps"},
}

// supported refuses a cluster that cannot do what a soft drill does, or does not let
// this user.
func (s *softSite) supported(ctx context.Context) error {
	version, err := s.api.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("reading the cluster at %s: %w", s.server, err)
	}
	s.version = version.GitVersion
	list, err := s.api.Discovery().ServerResourcesForGroupVersion("v1")
	if err != nil {
		return fmt.Errorf("reading the cluster at %s: %w", s.server, err)
	}
	if !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool {
		return r.Name == "pods/eviction" && r.Group == "policy" && r.Version == "v1"
	}) {
		return Refused{fmt.Errorf("the API at %s (Kubernetes %s) has no Eviction API (policy/v1)", s.server, s.version)}
	}
	var missing []string
	for i := range softRights {
		review, err := s.api.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &softRights[i]},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking for the rights that a soft drill needs: %w", err)
		}
		if !review.Status.Allowed {
			r := softRights[i]
			text := r.Verb + " " + r.Resource
			if r.Subresource != "" {
				text += "/" + r.Subresource
			}
			missing = append(missing, text)
		}
	}
	if len(missing) > 0 {
		return Refused{fmt.Errorf("this user may not: %s", strings.Join(missing, ", "))}
	}
	return nil
}

// pods on the nodes that are emptied.
func (s *softSite) pods(ctx context.Context) (evict []corev1.Pod, left []leftPod, err error) {
	list, err := s.api.CoreV1().Pods("").List(ctx, metav1.ListOptions{ResourceVersion: ""})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the pods: %w", err)
	}
	evict, left = choosePods(list.Items, s.aim.nodes)
	return evict, left, nil
}

// room simulates the loss of what is emptied, and says what refuses the drill. Only
// whether the rest holds everything is asked: an eviction's time is not simulated.
func (s *softSite) room(ctx context.Context) (*forecast, error) {
	failure := &model.FailureSpec{Zones: []string{s.aim.zone}}
	if s.aim.target != "" {
		failure = &model.FailureSpec{Nodes: []string{s.aim.target}}
	}
	f, err := foresee(ctx, s.Config, s.Name, failure, nil, nil, simulate.Options{})
	if err != nil {
		return nil, fmt.Errorf("simulating the loss of %s: %w", s.what(), err)
	}
	return f, nil
}

// what is emptied, for people.
func (s *softSite) what() string {
	switch {
	case s.aim.target == "":
		return "zone " + s.aim.zone
	case s.aim.zone == "":
		return "node " + s.aim.target
	}
	return "node " + s.aim.target + " of zone " + s.aim.zone
}

// noDeadMan is what everybody is told who is about to make a soft drill.
func (s *softSite) noDeadMan() string {
	return "nothing beside this program takes a soft drill back: if it is killed, the nodes stay cordoned until: " + s.Heal
}

// RunSoft makes one soft drill in a live cluster and returns its evidence. o.Fault is
// one that Fault.Soft returned. What was done is taken back whatever happens, save
// the end of this process.
func RunSoft(ctx context.Context, t SoftTarget, o Options) (*verdict.Evidence, error) {
	s, err := openSoft(ctx, t, o)
	if err != nil {
		return nil, err
	}
	r := newSoftRunner(s, o)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r.Progress("watching the cluster", 0, 0)
	if err := r.observer.watch(watching); err != nil {
		return nil, err
	}
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	r.Progress("simulating the loss of "+s.what(), 0, 0)
	f, err := s.room(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.refuse(); err != nil && !r.Force {
		return nil, Refused{err}
	}
	if len(f.refused) == 0 {
		r.Say("room: the rest holds everything")
	}
	if r.For == 0 {
		r.For = shortest
	}
	r.writeRecord(f)
	r.Say(s.noDeadMan())
	err = r.measure(ctx, s, []way{{from: outside, via: viaVIP, writes: r.Writes / 2, fresh: r.Writes / 2, reads: r.Reads}}, func() { r.empty(ctx) })
	if err != nil {
		return nil, err
	}
	return r.evidence(), nil
}

// DescribeSoft tells what RunSoft would do, for people, and changes nothing: which
// nodes it would cordon, which pods evict, and which leave, and why.
func DescribeSoft(ctx context.Context, t SoftTarget, o Options) (string, error) {
	s, err := openSoft(ctx, t, o)
	if err != nil {
		return "", err
	}
	evict, left, err := s.pods(ctx)
	if err != nil {
		return "", err
	}
	f, err := s.room(ctx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "soft %s in %s: %s\n", o.Fault.Name, s.Name, o.Fault.What)
	fmt.Fprintf(&b, "%-9s %s\n", "provider", s.provider)
	fmt.Fprintf(&b, "%-9s %s\n", "zone", s.aim.zone)
	fmt.Fprintf(&b, "%-9s nodes: %d\n", "cordon", len(s.aim.nodes))
	for _, n := range s.aim.nodes {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	fmt.Fprintf(&b, "%-9s pods: %d, as PodDisruptionBudgets allow, for %s at most\n", "evict", len(evict), emptyTimeout)
	for _, p := range evict {
		fmt.Fprintf(&b, "  %s/%s on %s\n", p.Namespace, p.Name, p.Spec.NodeName)
	}
	fmt.Fprintf(&b, "%-9s pods: %d\n", "leave", len(left))
	for _, l := range left {
		fmt.Fprintf(&b, "  %s on %s: %s\n", l.name, l.node, l.why)
	}
	if n := emptyDirs(evict); n > 0 {
		fmt.Fprintf(&b, "%-9s %d of the evicted pods have emptyDir volumes, which are lost with them\n", "data", n)
	}
	if len(f.refused) > 0 {
		fmt.Fprintf(&b, "%-9s %s\n", "refused", strings.Join(f.refused, "; "))
	} else {
		fmt.Fprintf(&b, "%-9s the rest holds everything\n", "room")
	}
	last := o.For
	if last == 0 {
		last = shortest
	}
	fmt.Fprintf(&b, "%-9s %s after the evictions, then uncordoned\n", "for", last)
	fmt.Fprintf(&b, "%-9s %s\n", "beware", s.noDeadMan())
	return b.String(), nil
}
