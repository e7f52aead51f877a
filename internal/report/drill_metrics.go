package report

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// WriteDrillMetrics writes the last drill as metrics in Prometheus' text format, for
// the textfile collector of its node exporter. Times are in seconds.
func WriteDrillMetrics(w io.Writer, r *v1alpha1.DrillReport) error {
	zone := r.Zone
	if len(r.Zones) > 1 {
		zone = strings.Join(r.Zones, "/")
	}
	m := &metrics{common: []named{{"cluster", r.Cluster}, {"fault", r.Fault}, {"zone", zone}}}
	if !r.Started.IsZero() {
		m.family("bulkhead_drill_last_timestamp_seconds", "When the last drill began, as Unix time.")
		m.sample(float64(r.Started.UnixMicro()) / 1e6)
	}
	m.family("bulkhead_drill_verdict", "1 for the verdict of the last drill, 0 for the others.")
	for _, v := range []v1alpha1.DrillVerdict{v1alpha1.DrillHolds, v1alpha1.DrillFails, v1alpha1.DrillUndetermined} {
		m.sample(truth(r.Verdict == v), named{"verdict", string(v)})
	}
	m.family("bulkhead_drill_api_gap_seconds", "Longest time between two acknowledged writes of the API around the fault.")
	m.sample(r.APIGapSeconds)
	m.family("bulkhead_drill_acknowledged_writes", "Writes that the API acknowledged during the last drill.")
	m.sample(float64(r.AcknowledgedWrites))
	m.family("bulkhead_drill_acknowledged_writes_lost", "Acknowledged writes that were not found at the end of the last drill.")
	m.sample(float64(r.AcknowledgedWritesLost))
	m.family("bulkhead_drill_healed", "1 when the fault was taken back, else 0.")
	m.sample(truth(r.Healed))
	const recovery = "bulkhead_drill_workload_recovery_seconds"
	for i := range r.Workloads {
		workload := &r.Workloads[i]
		for _, t := range []struct {
			source  string
			seconds *float64
		}{{"predicted", workload.PredictedSeconds}, {"observed", workload.ObservedSeconds}} {
			if t.seconds == nil {
				continue
			}
			if m.name != recovery {
				m.family(recovery, "Time from the fault to a workload's full count, predicted and observed; absent where it is not known or never.")
			}
			m.sample(*t.seconds, named{"namespace", workload.Namespace}, named{"kind", workload.Kind}, named{"workload", workload.Name}, named{"source", t.source})
		}
	}
	return writeAll(w, "the metrics of a drill", &m.Buffer)
}

// metrics are in Prometheus' text format 0.0.4.
type metrics struct {
	bytes.Buffer
	common []named
	name   string
}

// family begins a metric; all are gauges: the next drill sets them anew.
func (m *metrics) family(name, help string) {
	m.name = name
	m.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n")
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (m *metrics) sample(value float64, labels ...named) {
	var parts []string
	for _, l := range append(m.common[:len(m.common):len(m.common)], labels...) {
		parts = append(parts, l.Name+`="`+labelEscapes.Replace(strings.ToValidUTF8(l.Value, "�"))+`"`)
	}
	m.WriteString(m.name + "{" + strings.Join(parts, ",") + "} " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
