package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// manifestFolder is where kubeadm puts static pods (cmd/kubeadm/app/constants,
// ManifestsSubDirName).
const manifestFolder = "/etc/kubernetes/manifests"

// manifests reads the commands of the static pods in a folder, sorted by name; no
// folder is no pods. A pod that is not one container with a command is an error: it
// is more than a process.
func manifests(folder string) ([]Service, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var out []Service
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a static pod: %w", err)
		}
		var pod corev1.Pod
		if err := yaml.Unmarshal(text, &pod); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if len(pod.Spec.Containers) != 1 || len(pod.Spec.InitContainers) > 0 || len(pod.Spec.Containers[0].Command) == 0 {
			return nil, fmt.Errorf("reading %s: pod %q is not one container with a command", path, pod.Name)
		}
		c := pod.Spec.Containers[0]
		out = append(out, Service{Name: pod.Name, Argv: slices.Concat(c.Command, c.Args)})
	}
	return out, nil
}
