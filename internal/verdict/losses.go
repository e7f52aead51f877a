package verdict

import (
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// namedLosses is how many lost writes a report names.
const namedLosses = 20

// judgeLosses counts acknowledged writes, and those that are gone at the end:
//
//   - an object whose creation was acknowledged and that is not there;
//   - a register's write with a version above that of the register's last read,
//     when that read was sent after the write was acknowledged. Versions only
//     grow, so the register has gone back to before the write.
func (d *drill) judgeLosses() {
	there := set(d.record.FinalKeys)
	last := map[string]v1alpha1.DrillOperation{}
	for _, o := range d.ops { // by Start
		if _, ok := version(o); ok && o.Kind == v1alpha1.DrillRead && o.Outcome == v1alpha1.DrillOK {
			last[o.Key] = o
		}
	}
	var lost []string
	for _, o := range d.ops {
		if o.Outcome != v1alpha1.DrillOK || o.Kind == v1alpha1.DrillRead {
			continue
		}
		d.report.AcknowledgedWrites++
		if o.Kind == v1alpha1.DrillCreate {
			if d.record.FinalKeys != nil && !there[o.Key] {
				lost = append(lost, o.Key)
			}
			continue
		}
		read, ok := last[o.Key]
		if !ok || read.Start < o.End {
			continue
		}
		seen, _ := version(read)
		if wrote, ok := version(o); ok && wrote > seen {
			lost = append(lost, o.Key+"="+o.Value)
		}
	}
	slices.Sort(lost)
	d.report.AcknowledgedWritesLost = len(lost)
	d.report.LostWrites = lost[:min(namedLosses, len(lost))]
}
