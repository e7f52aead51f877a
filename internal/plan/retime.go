package plan

import (
	"fmt"
	"reflect"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// retime changes the timings. Kubelets renew faster before less is borne, and slower
// after more is: at no moment is a grace period shorter than its heartbeats need.
func (d *differ) retime() {
	if reflect.DeepEqual(d.from.Timings, d.to.Timings) {
		return
	}
	from, to := paceOf(d.from.Timings), paceOf(d.to.Timings)
	kubelets := func() {
		if from.lease != to.lease || from.timeout != to.timeout {
			d.step(v1alpha1.Step{
				Action: "set-kubelet-timings", Object: d.to.Name,
				Reason: fmt.Sprintf("every kubelet renews its lease every %s, not %s, with what render writes for it; one zone before the next", seconds(to.lease/4), seconds(from.lease/4)),
			})
		}
	}
	if to.lease < from.lease {
		kubelets()
	}
	d.step(v1alpha1.Step{
		Action: "set-control-plane-timings", Object: d.to.Name,
		Reason: "with the flags that render writes, one member of the control plane after the other; pods keep the tolerations that they were admitted with until they are made again",
	})
	if to.lease > from.lease {
		kubelets()
	}
}
