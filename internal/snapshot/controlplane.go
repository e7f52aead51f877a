package snapshot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// controlPlane reads the flags of a control plane that runs as static pods, whose
// mirrors stand in kube-system (kubeadm: label component). Only flags of the time
// axis are looked at, and only their values are kept.
type controlPlane struct {
	// flags by component, then by name; the first pod by name decides.
	flags map[string]map[string]string
	// differs names components whose pods do not agree.
	differs map[string]bool
}

const manager = "kube-controller-manager"

// timingFlag is a flag that sets a constant of the time axis. Of several lines for
// one constant the first that is set counts.
type timingFlag struct {
	component, flag string
	// field as in a Timings file.
	field string
	set   func(t *v1alpha1.Timings, value string) error
}

// kubeAPIQPS is the flag whose default says more than that of a Timings file, which is
// of a control plane that nothing is known of.
const kubeAPIQPS = "kube-api-qps"

// timingFlags are the flags that are read, with the names of
// https://kubernetes.io/docs/reference/command-line-tools-reference/.
func timingFlags() []timingFlag {
	const server, scheduler = "kube-apiserver", "kube-scheduler"
	return []timingFlag{
		{manager, "node-monitor-grace-period", "nodeMonitorGracePeriod", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.NodeMonitorGracePeriod })},
		{manager, "node-monitor-period", "nodeMonitorPeriod", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.NodeMonitorPeriod })},
		{manager, "node-eviction-rate", "nodeEvictionRate", setFloat(func(t *v1alpha1.Timings) **float64 { return &t.NodeEvictionRate })},
		{manager, "secondary-node-eviction-rate", "secondaryNodeEvictionRate", setFloat(func(t *v1alpha1.Timings) **float64 { return &t.SecondaryNodeEvictionRate })},
		{manager, "unhealthy-zone-threshold", "unhealthyZoneThreshold", setFloat(func(t *v1alpha1.Timings) **float64 { return &t.UnhealthyZoneThreshold })},
		{manager, "large-cluster-size-threshold", "largeClusterSizeThreshold", func(t *v1alpha1.Timings, value string) error {
			n, err := strconv.Atoi(value)
			t.LargeClusterSizeThreshold = &n
			return err
		}},
		{manager, kubeAPIQPS, "kubeAPIQPS", setFloat(func(t *v1alpha1.Timings) **float64 { return &t.KubeAPIQPS })},
		{manager, "resource-quota-sync-period", "quotaSyncPeriod", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.QuotaSyncPeriod })},
		{manager, "leader-elect-lease-duration", "leaderLeaseDuration", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.LeaderLeaseDuration })},
		{scheduler, "leader-elect-lease-duration", "leaderLeaseDuration", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.LeaderLeaseDuration })},
		{manager, "leader-elect-retry-period", "leaderRetryPeriod", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.LeaderRetryPeriod })},
		{scheduler, "leader-elect-retry-period", "leaderRetryPeriod", setDuration(func(t *v1alpha1.Timings) **metav1.Duration { return &t.LeaderRetryPeriod })},
		// A lost zone's nodes are unreachable: this one of the two decides.
		{server, "default-unreachable-toleration-seconds", "defaultTolerationSeconds", func(t *v1alpha1.Timings, value string) error {
			n, err := strconv.ParseInt(value, 10, 64)
			t.DefaultTolerationSeconds = &n
			return err
		}},
	}
}

func setDuration(field func(*v1alpha1.Timings) **metav1.Duration) func(*v1alpha1.Timings, string) error {
	return func(t *v1alpha1.Timings, value string) error {
		d, err := time.ParseDuration(value)
		*field(t) = &metav1.Duration{Duration: d}
		return err
	}
}

func setFloat(field func(*v1alpha1.Timings) **float64) func(*v1alpha1.Timings, string) error {
	return func(t *v1alpha1.Timings, value string) error {
		f, err := strconv.ParseFloat(value, 64)
		*field(t) = &f
		return err
	}
}

// see looks at a pod before it is redacted.
func (c *controlPlane) see(p *corev1.Pod) {
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	component := p.Labels["component"]
	known := component == "kube-controller-manager" || component == "kube-scheduler" || component == "kube-apiserver"
	if !mirror || !known || p.Namespace != metav1.NamespaceSystem {
		return
	}
	flags := map[string]string{}
	for _, container := range p.Spec.Containers {
		if container.Name == component || len(p.Spec.Containers) == 1 {
			flags = flagsOf(component, slices.Concat(container.Command, container.Args))
		}
	}
	if c.flags == nil {
		c.flags, c.differs = map[string]map[string]string{}, map[string]bool{}
	}
	if first, ok := c.flags[component]; ok {
		for _, f := range timingFlags() {
			if f.component == component && first[f.flag] != flags[f.flag] {
				c.differs[component] = true
			}
		}
		return
	}
	c.flags[component] = flags
}

// flagsOf reads "--name=value", "--name value" and "-name=value", also within a
// shell's command; of equal flags the last counts. Those that set no timing are
// dropped, but for the scheduler's --config, of which only its being there is kept.
func flagsOf(component string, command []string) map[string]string {
	var words []string
	for _, w := range command {
		words = append(words, strings.Fields(w)...)
	}
	kept := map[string]string{}
	for i, w := range words {
		name, value, ok := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !strings.HasPrefix(w, "-") {
			continue
		}
		if !ok && i+1 < len(words) {
			value = words[i+1]
		}
		if component == "kube-scheduler" && name == "config" {
			kept[name] = "set"
		}
		for _, f := range timingFlags() {
			if f.component == component && f.flag == name {
				kept[name] = strings.Trim(value, `"'`)
			}
		}
	}
	return kept
}

// tell writes what was found into the header.
func (c *controlPlane) tell(h *v1alpha1.ClusterSnapshot) {
	sources := map[string]string{}
	note := func(format string, args ...any) { h.Notes = append(h.Notes, fmt.Sprintf(format, args...)) }
	for _, f := range timingFlags() {
		value, ok := c.flags[f.component][f.flag]
		if _, earlier := sources[f.field]; !ok || earlier {
			continue
		}
		var read v1alpha1.Timings
		if err := f.set(&read, value); err != nil || strings.HasPrefix(value, "-") {
			note("%s --%s: its value could not be read; the default of Kubernetes is taken", f.component, f.flag)
			continue
		}
		_ = f.set(&h.Timings, value) // as into read
		sources[f.field] = fmt.Sprintf("%s --%s=%s", f.component, f.flag, value)
	}
	if c.flags[manager] != nil && h.Timings.KubeAPIQPS == nil {
		qps := float64(model.KubeAPIQPS)
		h.Timings.KubeAPIQPS = &qps
		sources["kubeAPIQPS"] = fmt.Sprintf("%s without --%s: %g", manager, kubeAPIQPS, qps)
	}
	if len(sources) > 0 {
		h.TimingSources = sources
	}
	var hidden []string
	for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if c.differs[component] {
			note("the pods of %s have different flags: those of the first are taken", component)
		}
		if c.flags[component] == nil && component != "kube-scheduler" {
			hidden = append(hidden, component)
		}
	}
	if len(hidden) > 0 {
		note("the flags of %s are not visible: the defaults of Kubernetes are taken (--timings overrides them)", strings.Join(hidden, " and "))
	}
	if c.flags["kube-scheduler"]["config"] != "" {
		note("kube-scheduler has a configuration file, which cannot be read from here: give it with --scheduler-config")
	}
}
