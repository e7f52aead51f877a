package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestManifests(t *testing.T) {
	const etcd = `apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  hostNetwork: true
  containers:
  - name: etcd
    command: [etcd, --name=lab-cp-1]
    args: [--data-dir=/var/lib/etcd]
`
	const probes = `    readinessProbe: {httpGet: {path: /readyz, port: 2381}}
    livenessProbe: {httpGet: {path: /livez, port: 2381}}
`
	const server = `metadata: {name: kube-apiserver}
spec: {containers: [{name: a, command: [kube-apiserver]}]}
`
	const manager = `metadata: {name: kube-controller-manager}
spec:
  containers:
  - name: a
    command: [kube-controller-manager, --bind-address=127.0.1.2]
    livenessProbe: {httpGet: {host: 192.0.2.1, path: /healthz, port: probe-port, scheme: HTTPS}}
    ports: [{containerPort: 10257, name: probe-port}]
`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []Service
		wrong string
	}{
		{name: "no pods"},
		{
			name:  "by file name, command before arguments, other files left",
			files: map[string]string{"kube-apiserver.yaml": server, "etcd.yaml": etcd, "etcd.yaml.bak": "?", "README": "-"},
			want: []Service{
				{Name: "etcd", Argv: []string{"etcd", "--name=lab-cp-1", "--data-dir=/var/lib/etcd"}},
				{Name: "kube-apiserver", Argv: []string{"kube-apiserver"}},
			},
		},
		{
			name:  "probes: readiness before liveness, a port's name or number, the pod's own address",
			files: map[string]string{"etcd.yaml": etcd + probes, "m.yaml": manager},
			want: []Service{
				{Name: "etcd", Argv: []string{"etcd", "--name=lab-cp-1", "--data-dir=/var/lib/etcd"}, Probe: "http://127.0.0.1:2381/readyz"},
				{Name: "kube-controller-manager", Argv: []string{"kube-controller-manager", "--bind-address=127.0.1.2"}, Probe: "https://127.0.1.2:10257/healthz"},
			},
		},
		{
			name:  "two containers",
			files: map[string]string{"x.yaml": "metadata: {name: two}\nspec: {containers: [{command: [a]}, {command: [b]}]}"},
			wrong: `pod "two" is not one container with a command`,
		},
		{
			name:  "an init container",
			files: map[string]string{"x.yaml": "metadata: {name: first}\nspec: {initContainers: [{command: [a]}], containers: [{command: [b]}]}"},
			wrong: `pod "first" is not one container with a command`,
		},
		{
			name:  "the image's command",
			files: map[string]string{"x.yaml": "metadata: {name: none}\nspec: {containers: [{args: [b]}]}"},
			wrong: `pod "none" is not one container with a command`,
		},
		{
			name:  "no containers",
			files: map[string]string{"x.yaml": ""},
			wrong: "is not one container with a command",
		},
		{
			name:  "not YAML",
			files: map[string]string{"etcd.yaml": etcd, "x.yaml": "spec: ["},
			wrong: "x.yaml: ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := manifests(folder)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), folder) {
					t.Fatalf("error %v, not of %s: %q", err, folder, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got, err := manifests(filepath.Join(t.TempDir(), "none")); err != nil || got != nil {
		t.Errorf("no folder: %v, %v", got, err)
	}
}
