package verdict

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// judgePartition says what a partition looks like from Kubernetes: as if there were
// none. Every node reaches the control plane and stays Ready, no endpoint is
// withdrawn, and what has members on both sides has two halves.
func (d *drill) judgePartition() {
	if !d.begun || d.record.Fault != faultZonePartition || len(d.record.Zones) != 2 {
		return
	}
	unready := map[string]bool{}
	for _, o := range d.underFault(v1alpha1.ObservedNode) {
		if !o.Ready {
			unready[o.Object] = true
		}
	}
	all := len(d.record.NodeZones)
	text := fmt.Sprintf("split brain: %d of %d nodes stayed Ready for Kubernetes while pods of zone %s and of zone %s could not reach each other", all-len(unready), all, d.record.Zones[0], d.record.Zones[1])
	halved := 0
	for _, s := range d.report.Services {
		if len(s.Halves) > 0 {
			halved++
		}
	}
	if halved > 0 {
		text += fmt.Sprintf("; %s kept endpoints on both sides, and clients of one side were still sent to the other", plural(halved, "Service"))
	}
	d.report.Notes = append(d.report.Notes, text)
	if d.record.Predicted.Scenario == nil {
		return
	}
	for _, w := range d.record.Predicted.Scenario.Workloads {
		for _, reason := range w.Reasons {
			if reason.Code == "two-halves" {
				d.report.Notes = append(d.report.Notes, name(w.WorkloadRef)+": "+reason.Message)
			}
		}
	}
}
