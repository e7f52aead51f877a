package snapshot

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/internal/model"
)

// objectives reads bulkhead's annotations on a workload.
func (a *assembly) objectives(w *model.Workload, s start) {
	all := s.meta.GetAnnotations()
	if text, ok := all[model.AnnotationMinAvailable]; ok {
		n, err := minAvailable(text, w)
		if err != nil {
			a.annotationFault(s, model.AnnotationMinAvailable, text, err)
		} else {
			w.MinAvailable = &n
		}
	}
	if text, ok := all[model.AnnotationRecoveryTime]; ok {
		objective, err := recoveryTime(text)
		if err != nil {
			a.annotationFault(s, model.AnnotationRecoveryTime, text, err)
		} else {
			w.RecoveryTime = objective
		}
	}
}

func (a *assembly) annotationFault(s start, key, text string, err error) {
	message := "invalid value: " + err.Error()
	if len(text) <= longestValue {
		message = fmt.Sprintf("invalid value: %q: %s", text, err)
	}
	a.fault(s.source, "metadata.annotations["+key+"]", oneLine(message), "")
}

// minAvailable reads "2", or "50%" of the replicas, rounded up.
func minAvailable(text string, w *model.Workload) (int, error) {
	percent, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseInt(percent, 10, 32)
	switch {
	case err != nil || n < 0 || isPercent && n > 100:
		return 0, fmt.Errorf("must be a number from 0, or a percentage from 0%% to 100%%")
	case isPercent && w.Kind == model.KindDaemonSet:
		return 0, fmt.Errorf("must be an integer on a DaemonSet, whose count depends on the nodes")
	case isPercent:
		return int((n*int64(w.Replicas) + 99) / 100), nil
	}
	return int(n), nil
}

// recoveryTime reads "5m", or "with-zone".
func recoveryTime(text string) (*model.RecoveryObjective, error) {
	if text == "with-zone" {
		return &model.RecoveryObjective{WithZone: true}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return nil, fmt.Errorf("must be a positive duration such as 5m, or with-zone")
	}
	return &model.RecoveryObjective{Seconds: d.Seconds()}, nil
}
