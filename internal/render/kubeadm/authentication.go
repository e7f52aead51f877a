package kubeadm

import (
	"fmt"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// authenticationConfiguration is the part of apiserver.config.k8s.io/v1 that is
// about anonymous requests; GA in 1.34. (Its own types live in k8s.io/apiserver,
// whose list of JWT issuers is never left out, and an API server refuses null.)
type authenticationConfiguration struct {
	metav1.TypeMeta `json:",inline"`

	Anonymous anonymousAuthentication `json:"anonymous"`
}

type anonymousAuthentication struct {
	Enabled    bool               `json:"enabled"`
	Conditions []anonymousRequest `json:"conditions"`
}

type anonymousRequest struct {
	Path string `json:"path"`
}

// firstMinor is the first minor version of Kubernetes 1 whose API server reads
// apiserver.config.k8s.io/v1.
const firstMinor = 34

// authentication lets everybody ask an API server how it is, and nothing else:
// HAProxy and the kubelet have no credentials, and with --anonymous-auth=false every
// probe would fail.
func authentication() (file.File, error) {
	return file.YAML("kubeadm/authentication.yaml",
		"Who may ask the API server without credentials: probes, and nobody else.",
		authenticationConfiguration{
			TypeMeta: metav1.TypeMeta{APIVersion: "apiserver.config.k8s.io/v1", Kind: "AuthenticationConfiguration"},
			Anonymous: anonymousAuthentication{
				Enabled:    true,
				Conditions: []anonymousRequest{{Path: "/livez"}, {Path: "/readyz"}, {Path: "/healthz"}},
			},
		})
}

// minorOf returns y of Kubernetes version x.y.z, which must be one whose
// configuration is rendered here.
func minorOf(version string) (int, error) {
	parts := strings.Split(version, ".")
	if len(parts) != 3 || parts[0] != "1" {
		return 0, fmt.Errorf("spec.kubernetesVersion %q is not 1.y.z: packages are installed at exactly one version", version)
	}
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 16); err != nil {
			return 0, fmt.Errorf("spec.kubernetesVersion %q is not 1.y.z", version)
		}
	}
	minor, _ := strconv.Atoi(parts[1])
	if minor < firstMinor {
		return 0, fmt.Errorf("spec.kubernetesVersion %s is older than 1.%d: its API servers cannot allow probes alone without credentials", version, firstMinor)
	}
	return minor, nil
}
