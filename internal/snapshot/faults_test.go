package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// read reads text as the stream, which messages call "-".
func read(t *testing.T, text string) (*model.Snapshot, error) {
	t.Helper()
	return snapshot.Read(context.Background(), snapshot.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)},
		apiserver.New(apiserver.Options{}))
}

func mustRead(t *testing.T, text string) *model.Snapshot {
	t.Helper()
	s, err := read(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

func TestFaults(t *testing.T) {
	const hintManifests = "hint: manifests only: values files and kustomization files are rendered first (helm template, kubectl kustomize)"
	const hintDocument = "hint: a document holds one object with apiVersion, kind and metadata"
	const hintFiles = "hint: bulkhead reads .yaml, .yml and .json files, and - for standard input"
	tests := []struct {
		name, text string
		want       string
	}{
		{"indentation", `
apiVersion: v1
kind: Service
metadata:
  name: web
 spec: {}
`, `-:6: reading YAML: did not find expected key`},
		{"second document, flow not closed", `
# a comment
---
apiVersion: v1
kind: ConfigMap
---
apiVersion: v1
kind: Service
spec:
  ports: [{port: 80}
  type: ClusterIP
`, `-:10: reading YAML: did not find expected ',' or ']'`},
		{"quote not closed", "apiVersion: v1\nkind: Service\nmetadata:\n  name: \"web\n",
			`-:4: reading YAML: found unexpected end of stream`},
		{"tab", "apiVersion: v1\nkind: Service\nmetadata:\n\tname: web\n",
			`-:4: reading YAML: found character that cannot start any token`},
		{"unrendered template", "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n", `
-:4: reading YAML: a map or list stands where a key must be
hint: this looks like a template: helm template … | bulkhead simulate -f -`},
		{"broken JSON", "{\"apiVersion\": \"v1\",\n \"kind\": \"Pod\"\n \"metadata\": {}}\n",
			`-:3: reading JSON: invalid character '"' after object key:value pair`},
		{"JSON cut short", "{\"apiVersion\": \"v1\",\n \"kind\": \"Pod\",\n", `-:3: reading JSON: unexpected end of JSON input`},
		{"wrong types, all of them", `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels:
    tier: 5
spec:
  replicas: "three"
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: web:1
        env:
        - name: PASSWORD
          value: 12345
        resources:
          requests:
            cpu: 1x
            memory: [1]
      hostNetwork: 1
      nodeSelector: disk
      terminationGracePeriodSeconds: 1.5
`, `
-:7: Deployment default/web: metadata.labels[tier]: must be a string, not a number
-:9: Deployment default/web: spec.replicas: must be an integer from -2147483648 to 2147483647, not a string
-:21: Deployment default/web: spec.template.spec.containers[0].env[0].value: must be a string, not a number
-:24: Deployment default/web: spec.template.spec.containers[0].resources.requests[cpu]: "1x" must be a quantity such as 500m or 2Gi
-:25: Deployment default/web: spec.template.spec.containers[0].resources.requests[memory]: must be a quantity such as 500m or 2Gi, not a list
-:26: Deployment default/web: spec.template.spec.hostNetwork: must be true or false, not a number
-:27: Deployment default/web: spec.template.spec.nodeSelector: must be a map, not a string
-:28: Deployment default/web: spec.template.spec.terminationGracePeriodSeconds: must be an integer`},
		{"number too large", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 99999999999\n",
			`-:5: Deployment default/web: spec.replicas: must be an integer from -2147483648 to 2147483647`},
		{"unknown apiVersions of known kinds", `
apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: a}
---
apiVersion: apps/v2
kind: StatefulSet
metadata: {name: b, namespace: shop}
---
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: {name: c}
---
apiVersion: storage.k8s.io/v7
kind: StorageClass
metadata: {name: d}
`, `
-:2: Deployment default/a: apiVersion: no kind "Deployment" in apiVersion "extensions/v1beta1"; Kubernetes 1.36 serves apps/v1
-:6: StatefulSet shop/b: apiVersion: no kind "StatefulSet" in apiVersion "apps/v2"; Kubernetes 1.36 serves apps/v1
-:10: HorizontalPodAutoscaler default/c: apiVersion: no kind "HorizontalPodAutoscaler" in apiVersion "autoscaling/v2beta2"; Kubernetes 1.36 serves autoscaling/v2 and autoscaling/v1
-:14: StorageClass d: apiVersion: no kind "StorageClass" in apiVersion "storage.k8s.io/v7"; Kubernetes 1.36 serves storage.k8s.io/v1`},
		{"no kind", "resources: [a.yaml]\n", `
-:1: apiVersion: required value
-:1: kind: required value
` + hintManifests},
		{"not objects", "- a\n- b\n---\njust text\n---\napiVersion: v1\nkind: 5\n---\napiVersion: a/b/c\nkind: Pod\n", `
-:1: not an object: a document must be a map
-:4: not an object: a document must be a map
-:7: kind: must be a string
-:9: apiVersion: invalid value: "a/b/c"
` + hintDocument},
		{"duplicates", `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---

apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{port: 80}]}
`, `-:8: Service default/web: already defined at -:2`},
		{"what validation refuses", `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: -1
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: api}
    spec:
      containers:
      - name: web
        image: web:1
        resources:
          requests:
            cpu: -1
            memory: 99999999999999999999Ei
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: load-}
spec:
  template: {spec: {containers: [{name: a, image: b}]}}
---
apiVersion: v1
kind: Service
metadata: {name: UPPER}
spec: {ports: [{port: 0}]}
`, `
-:6: Deployment default/web: spec.replicas: invalid value: -1: must be greater than or equal to 0
-:10: Deployment default/web: spec.template.metadata.labels: invalid value: ` + "`selector` does not match template `labels`" + `
-:17: Deployment default/web: spec.template.spec.containers[0].resources.requests[cpu]: invalid value: "-1": must be greater than or equal to 0
-:18: Deployment default/web: spec.template.spec.containers[0].resources.requests[memory]: invalid value: must be less than 9223372036854775807
-:24: Job default/load-8zcsq: spec.template.spec.restartPolicy: required value: valid values: "OnFailure", "Never"
-:28: Service default/UPPER: metadata.name: invalid value: "UPPER": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
-:29: Service default/UPPER: spec.ports[0].port: invalid value: 0: must be between 1 and 65535, inclusive
-:29: Service default/UPPER: spec.ports[0].targetPort: invalid value: 0: must be between 1 and 65535, inclusive`},
		{"a name that YAML takes for a truth", "apiVersion: v1\nkind: Namespace\nmetadata: {name: off}\n", `
-:3: Namespace: metadata.name: must be a string, not true or false
hint: put it in quotes: in Kubernetes' YAML, y, n, yes, no, on and off are true or false`},
		{"no name", "apiVersion: v1\nkind: Namespace\nmetadata: {}\n",
			`-:3: Namespace: metadata.name: required value: name or generateName is required`},
		{"requests that add up to too much", `
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - {name: a, image: a, resources: {requests: {memory: 6Ei}}}
  - {name: b, image: b, resources: {requests: {memory: 6Ei}}}
`, `-:6: Pod default/a: spec.containers: invalid value: requests of memory add up to more than 9223372036854775807`},
		{"an item of a list", `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata:
    name: a
- apiVersion: v1
  kind: Node
  metadata:
    name: a_b
`, `-:12: Node a_b: metadata.name: invalid value: "a_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`},
		{"several broken items of a list", "apiVersion: v1\nkind: List\nitems:\n- a: [\n- b: c\n- d: \"e\n", `
-:4: reading YAML: did not find expected node content
-:5: apiVersion: required value
-:5: kind: required value
-:6: reading YAML: found unexpected end of stream
` + hintManifests},
		{"items that are no list", "apiVersion: v1\nkind: List\nitems: 5\n", `-:3: List: items: must be a list`},
		{"lists too deep", strings.Repeat(`{"apiVersion":"v1","kind":"List","items":[`, 17) + strings.Repeat(`]}`, 17),
			`-:1: List: more than 16 lists in each other`},
		{"annotations", `
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db
  annotations:
    bulkhead.dev/min-available: "-1"
    bulkhead.dev/recovery-time: soon
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: x}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, annotations: {bulkhead.dev/min-available: 50%}}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: x}]}}
`, `
-:7: StatefulSet default/db: metadata.annotations[bulkhead.dev/min-available]: invalid value: "-1": must be a number from 0, or a percentage from 0% to 100%
-:8: StatefulSet default/db: metadata.annotations[bulkhead.dev/recovery-time]: invalid value: "soon": must be a positive duration such as 5m, or with-zone
-:15: DaemonSet default/agent: metadata.annotations[bulkhead.dev/min-available]: invalid value: "50%": must be an integer on a DaemonSet, whose count depends on the nodes`},
		{"two global defaults, and a priority that its class does not have", `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: a}
value: 1
globalDefault: true
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: b}
value: 2
globalDefault: true
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  priorityClassName: b
  priority: 7
  containers: [{name: a, image: a}]
`, `
-:12: PriorityClass b: globalDefault: forbidden: PriorityClass a is the default already
-:19: Pod default/p: spec.priority: forbidden: pods "p" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 2 from the given PriorityClass name`},
		{"empty", "", "-: no objects in it\n" + hintFiles},
		{"comments only", "# nothing\n---\n# here\n", "-: no objects in it\n" + hintFiles},
		{"binary", "\x7fELF\x00\x00", "-: not text in UTF-8\n" + hintFiles},
		{"not UTF-8", "kind: \xff\n", "-: not text in UTF-8\n" + hintFiles},
		{"larger than the limit", strings.Repeat("a", snapshot.MaxFileBytes+1),
			"-: larger than 48 MiB\nhint: split it, or leave out what plays no part: Secrets, ConfigMaps, Events, custom resources"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := read(t, tt.text)
			if err == nil {
				t.Fatalf("no fault; %d workloads", len(s.Workloads))
			}
			if _, ok := errors.AsType[*snapshot.Error](err); !ok {
				t.Errorf("error is a %T", err)
			}
			if diff := cmp.Diff(lines(tt.want), lines(err.Error())); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

// write makes files, and links from "name -> target" names, in a new working
// directory.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if link, target, ok := strings.Cut(name, " -> "); ok {
			mustDo(t, os.MkdirAll(filepath.Dir(link), 0o755))
			mustDo(t, os.Symlink(target, link))
			continue
		}
		mustDo(t, os.MkdirAll(filepath.Dir(name), 0o755))
		mustDo(t, os.WriteFile(name, []byte(text), 0o600))
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFileFaults(t *testing.T) {
	const hintFiles = "hint: bulkhead reads .yaml, .yml and .json files, and - for standard input"
	const ns = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %}\n"
	named := func(name string) string { return strings.Replace(ns, "%", name, 1) }
	tests := []struct {
		name  string
		files map[string]string
		paths []string
		want  string
	}{
		{"does not exist", nil, []string{"none.yaml"}, "none.yaml: no such file or directory"},
		{"nothing", nil, nil, "nothing given: no objects in it\n" + hintFiles},
		{"folder without YAML", map[string]string{"app/readme.md": "x", "app/.git/a.yaml": named("a")}, []string{"app"},
			"app: no .yaml, .yml or .json file in this folder\n" + hintFiles},
		{"folder of empty files", map[string]string{"app/a.yaml": ""}, []string{"app"}, "app: no objects in it\n" + hintFiles},
		{"folder link to itself", map[string]string{"app/a.yaml": named("a"), "app/sub/up -> ../../app": ""}, []string{"app"},
			"app/sub/up: symbolic link leads back to the folder \"app\" that it stands in\n" +
				"hint: remove the link, or name the files one by one"},
		{"file links in a circle", map[string]string{"app/a.yaml -> b.yaml": "", "app/b.yaml -> a.yaml": "", "app/c -> c": ""}, []string{"app"},
			"app/a.yaml: too many levels of symbolic links\napp/b.yaml: too many levels of symbolic links\napp/c: too many levels of symbolic links"},
		{"link to nothing", map[string]string{"app/a.yaml -> gone.yaml": ""}, []string{"app"}, "app/a.yaml: no such file or directory"},
		{"duplicate in another file", map[string]string{"a.yaml": "---\n" + named("x"), "b.yaml": named("w") + "---\n" + named("x")},
			[]string{"a.yaml", "b.yaml"}, "b.yaml:5: Namespace x: already defined at a.yaml:2"},
		{"all files' faults, in the order given", map[string]string{"a.yaml": "kind: [", "b.yaml": "kind: {"}, []string{"b.yaml", "gone", "a.yaml"},
			"b.yaml:1: reading YAML: did not find expected node content\ngone: no such file or directory\na.yaml:1: reading YAML: did not find expected node content"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			write(t, tt.files)
			_, err := snapshot.Read(context.Background(), snapshot.Options{Paths: tt.paths}, apiserver.New(apiserver.Options{}))
			if err == nil {
				t.Fatal("no fault")
			}
			if diff := cmp.Diff(lines(tt.want), lines(err.Error())); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	write(t, map[string]string{"a.yaml": "kind: Pod"})
	mustDo(t, os.Chmod("a.yaml", 0))
	_, err := snapshot.Read(context.Background(), snapshot.Options{Paths: []string{"a.yaml"}}, apiserver.New(apiserver.Options{}))
	if err == nil || err.Error() != "a.yaml: permission denied" {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := snapshot.Read(ctx, snapshot.Options{Paths: []string{"-"}, Stdin: strings.NewReader("kind: Pod\n")},
		apiserver.New(apiserver.Options{}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
