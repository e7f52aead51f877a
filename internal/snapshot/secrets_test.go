package snapshot_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// Nothing secret may stay in a Snapshot or stand in a message: what is not there
// cannot reach a report.
func TestNoSecretIsKept(t *testing.T) {
	const spec = `
      containers:
      - name: c
        image: i
        command: [run, --password=hunter2]
        args: [--token=hunter2]
        env: [{name: PASSWORD, value: hunter2}]
        envFrom: [{secretRef: {name: hunter2}}]
        readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: Authorization, value: hunter2}]}}
        lifecycle: {preStop: {exec: {command: [stop, hunter2]}}}
      initContainers: [{name: i, image: i, args: [hunter2]}]`
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hunter2}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: hunter2}\n")
	for _, kind := range []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"} {
		for _, uid := range []string{"", "u-" + kind} {
			text.WriteString("---\napiVersion: apps/v1\nkind: " + kind + `
metadata:
  name: ` + strings.ToLower(kind+uid) + `
  uid: "` + uid + `"
  managedFields: [{manager: hunter2}]
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: hunter2
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata:
      labels: {app: a}
      annotations: {vault.example.com/secret: hunter2, kubectl.kubernetes.io/last-applied-configuration: hunter2}
    spec:` + spec + "\n")
		}
	}
	for _, kind := range []string{"Job", "CronJob"} {
		before, after := "", ""
		if kind == "CronJob" {
			before, after = "schedule: '* * * * *', jobTemplate: {spec: {", "}}"
		}
		text.WriteString("---\n{apiVersion: batch/v1, kind: " + kind + ", metadata: {name: j}, spec: {" + before +
			"template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, env: [{name: P, value: hunter2}]}]}}" + after + "}}\n")
	}
	for _, uid := range []string{"", "u-pod"} {
		text.WriteString("---\napiVersion: v1\nkind: Pod\nmetadata: {name: 'pod" + uid + "', uid: '" + uid + "', annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter2, a: hunter2}}\nspec:" +
			strings.ReplaceAll(spec, "\n    ", "\n") + "\n")
	}
	s := mustRead(t, text.String())
	if len(s.Workloads) != 12 {
		t.Errorf("%d workloads", len(s.Workloads))
	}
	kept, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if at := strings.Index(string(kept), "hunter2"); at >= 0 {
		t.Errorf("kept: …%s…", kept[max(0, at-200):at+10])
	}
}

func TestNoSecretInMessages(t *testing.T) {
	for _, text := range []string{
		"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i, env: [{name: P, value: 4711}]}]}\n",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i, env: {P: 4711}}]}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  a: 4711\n  b: \"4711\n",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i, args: 4711}]}\n",
	} {
		_, err := read(t, text)
		if err == nil {
			t.Errorf("no fault in %q", text)
			continue
		}
		if strings.Contains(err.Error(), "4711") {
			t.Errorf("the value stands in the message: %v", err)
		}
	}
}
