package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterSnapshotKind is the kind of the first document of a snapshot file.
const ClusterSnapshotKind = "ClusterSnapshot"

// ClusterSnapshot is the first document of a file that `bulkhead snapshot`
// writes. The objects follow, one a document, as the API server stores them but
// for what plays no part and what may be secret.
type ClusterSnapshot struct {
	metav1.TypeMeta `json:",inline"`

	// TakenAt is when reading began.
	TakenAt metav1.Time `json:"takenAt"`
	// Versions of the API server that was asked and of bulkhead.
	Versions Versions `json:"versions"`
	// Anonymized says that names, labels and images are pseudonyms.
	Anonymized bool `json:"anonymized"`
	// Namespaces that were read; empty for all.
	Namespaces []string `json:"namespaces,omitempty"`
	// Counts of the objects that follow, by kind. A file with fewer is cut short.
	Counts map[string]int `json:"counts,omitempty"`
	// Omitted names what could not be read.
	Omitted []OmittedResource `json:"omitted,omitempty"`
	// Timings holds those constants of the time axis that the flags of the
	// cluster's control plane set.
	Timings Timings `json:"timings"`
	// TimingSources names the flag behind each field of Timings.
	TimingSources map[string]string `json:"timingSources,omitempty"`
	// Notes are for people: what could not be told from here.
	Notes []string `json:"notes,omitempty"`
}

// OmittedResource is a kind of object that a snapshot lacks.
type OmittedResource struct {
	// Resource as RBAC names it, for example "resourcequotas" or
	// "poddisruptionbudgets.policy".
	Resource string `json:"resource"`
	// Reason for people: forbidden, not served.
	Reason string `json:"reason"`
}
