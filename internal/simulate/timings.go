package simulate

import (
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Timings are the constants of the time axis. Times are in seconds.
type Timings struct {
	NodeMonitorGracePeriod    float64
	NodeMonitorPeriod         float64
	NodeEvictionRate          float64 // nodes a second
	SecondaryNodeEvictionRate float64 // nodes a second
	UnhealthyZoneThreshold    float64 // share, 0 to 1
	LargeClusterSizeThreshold float64 // nodes
	KubeAPIQPS                float64 // requests a second, 0: not limited
	DefaultTolerationSeconds  float64
	LeaderLeaseDuration       float64
	LeaderRetryPeriod         float64
	ControllerStart           float64
	NodeDeletionDelay         float64
	PodGCPeriod               float64
	PodGCQuarantine           float64
	VolumeForceDetach         float64
	VolumeAttach              float64
	QuotaSyncPeriod           float64
	PodStart                  float64
	PodStop                   float64

	changed map[string]bool
}

// constant describes one field of Timings: its default, unit and source.
type constant struct {
	field, unit string
	value       float64
	source      string
}

// constants lists the defaults in the order of the time axis. Sources are
// k8s.io/kubernetes v1.36.3 unless they say otherwise.
var constants = []constant{
	{"NodeMonitorGracePeriod", "s", 50, "kube-controller-manager --node-monitor-grace-period; pkg/controller/nodelifecycle/config/v1alpha1/defaults.go"},
	{"NodeMonitorPeriod", "s", 5, "kube-controller-manager --node-monitor-period; pkg/controller/nodelifecycle"},
	{"NodeEvictionRate", "nodes/s", 0.1, "kube-controller-manager --node-eviction-rate; burst 1: scheduler.EvictionRateLimiterBurst"},
	{"SecondaryNodeEvictionRate", "nodes/s", 0.01, "kube-controller-manager --secondary-node-eviction-rate; node_lifecycle_controller.go ReducedQPSFunc"},
	{"UnhealthyZoneThreshold", "share", 0.55, "kube-controller-manager --unhealthy-zone-threshold; ComputeZoneState, with more than 2 nodes not ready"},
	{"LargeClusterSizeThreshold", "nodes", 50, "kube-controller-manager --large-cluster-size-threshold; a zone with as many nodes or fewer evicts none when partly disrupted"},
	{"KubeAPIQPS", "requests/s", 0, "kube-controller-manager --kube-api-qps, with which it marks lost nodes and their pods; 0: not limited, since a provider's is not known (Kubernetes' default is 20)"},
	{"DefaultTolerationSeconds", "s", 300, "kube-apiserver admission plugin DefaultTolerationSeconds"},
	{"LeaderLeaseDuration", "s", 15, "--leader-elect-lease-duration; component-base/config/v1alpha1/defaults.go"},
	{"LeaderRetryPeriod", "s", 2, "--leader-elect-retry-period; component-base/config/v1alpha1/defaults.go"},
	{"ControllerStart", "s", 6, "measured: a new controller-manager leader's first node check (kube-controller-manager 1.36.3, 78 s to NotReady with the leader lost)"},
	{"NodeDeletionDelay", "s", 5, "cloud-controller-manager deletes nodes without an instance every --node-monitor-period; cloud-provider/controllers/nodelifecycle"},
	{"PodGCPeriod", "s", 20, "pkg/controller/podgc gcCheckPeriod"},
	{"PodGCQuarantine", "s", 40, "pkg/controller/podgc quarantineTime"},
	{"VolumeForceDetach", "s", 360, "attach-detach controller, maxWaitForUnmountDuration; pkg/controller/volume/attachdetach/reconciler"},
	{"VolumeAttach", "s", 10, "assumed: attach and mount a block volume"},
	{"QuotaSyncPeriod", "s", 300, "kube-controller-manager --resource-quota-sync-period"},
	{"PodStart", "s", 8, "assumed: schedule, pull, start and become ready"},
	{"PodStop", "s", 2, "assumed: a pod on a living node ends within this time after its deletion"},
}

// DefaultTimings returns the defaults.
func DefaultTimings() Timings {
	t := Timings{changed: map[string]bool{}}
	for _, c := range constants {
		t.set(c.field, c.value)
	}
	return t
}

func (t *Timings) set(field string, value float64) {
	reflect.ValueOf(t).Elem().FieldByName(field).SetFloat(value)
}

func (t *Timings) get(field string) float64 {
	return reflect.ValueOf(t).Elem().FieldByName(field).Float()
}

// With returns the timings with the overrides applied. Errors name the field:
// negative values, a threshold above 1.
func (t Timings) With(o v1alpha1.Timings) (Timings, error) {
	out := t
	out.changed = map[string]bool{}
	v := reflect.ValueOf(o)
	for _, c := range constants {
		f := v.FieldByName(c.field)
		if f.IsNil() {
			continue
		}
		var value float64
		switch x := f.Interface().(type) {
		case *metav1.Duration:
			value = x.Seconds()
		case *float64:
			value = *x
		case *int64:
			value = float64(*x)
		case *int:
			value = float64(*x)
		}
		name := jsonName(c.field)
		switch {
		case value < 0:
			return t, fmt.Errorf("%s: must not be negative", name)
		case c.field == "UnhealthyZoneThreshold" && value > 1:
			return t, fmt.Errorf("%s: must be a share from 0 to 1", name)
		}
		out.set(c.field, value)
		out.changed[c.field] = value != c.value
	}
	return out, nil
}

// List returns the timings with their sources, for a report.
func (t Timings) List() []v1alpha1.Timing {
	out := make([]v1alpha1.Timing, 0, len(constants))
	for _, c := range constants {
		out = append(out, v1alpha1.Timing{
			Name: jsonName(c.field), Value: t.get(c.field), Unit: c.unit, Source: c.source, Changed: t.changed[c.field],
		})
	}
	return out
}

// jsonName is the name of the field in a Timings file.
func jsonName(field string) string {
	if field == "PodGCPeriod" || field == "PodGCQuarantine" {
		return "pod" + field[3:]
	}
	return string(field[0]+'a'-'A') + field[1:]
}

// seconds formats a time for people, in the shape of "5m 58s".
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		if s := int(d.Seconds()) % 60; s != 0 {
			return fmt.Sprintf("%dm %ds", int(d.Minutes()), s)
		}
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case int(d.Minutes())%60 == 0:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
