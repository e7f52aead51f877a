package machine

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
		out = append(out, Service{Name: pod.Name, Argv: slices.Concat(c.Command, c.Args), Probe: probeURL(&c)})
	}
	return out, nil
}

// probeURL is where a static pod's container is asked whether it is ready, or lives
// where it is not asked more; empty without such a probe.
func probeURL(c *corev1.Container) string {
	p := cmp.Or(c.ReadinessProbe, c.LivenessProbe)
	if p == nil || p.HTTPGet == nil {
		return ""
	}
	port := p.HTTPGet.Port.IntVal
	for _, x := range c.Ports {
		if p.HTTPGet.Port.StrVal == x.Name && x.Name != "" {
			port = x.ContainerPort
		}
	}
	host := cmp.Or(p.HTTPGet.Host, "127.0.0.1") // static pods are on the machine's network
	for _, arg := range c.Command {
		// An API server on loopback advertises an address that nobody has.
		if a, ok := strings.CutPrefix(arg, "--bind-address="); ok && !net.ParseIP(a).IsUnspecified() {
			host = a
		}
	}
	scheme := strings.ToLower(cmp.Or(string(p.HTTPGet.Scheme), string(corev1.URISchemeHTTP)))
	return fmt.Sprintf("%s://%s%s", scheme, net.JoinHostPort(host, strconv.Itoa(int(port))), p.HTTPGet.Path)
}
