//go:build linux

package controlplane_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// TestZoneDies plays the loss of a zone with shortened timings: its nodes become
// NotReady, its pods are evicted and replaced elsewhere, and when it is back, its
// nodes are Ready and the pods that it still had are removed.
func TestZoneDies(t *testing.T) {
	start := time.Now()
	cp := controlplane.Start(t, controlplane.Options{
		Zones:                  []string{"a", "b", "c"},
		NodeLeaseDuration:      8 * time.Second,
		ControllerManagerFlags: []string{"--node-monitor-grace-period=8s", "--node-monitor-period=1s"},
	})
	t.Logf("started in %s", time.Since(start).Round(time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := newCluster(ctx, t, cp)
	for _, zone := range []string{"a", "b", "c"} {
		for i := range 2 {
			c.createNode(fmt.Sprintf("%s-%d", zone, i+1), zone)
		}
	}
	usable := func(n *corev1.Node) bool { return ready(n) == corev1.ConditionTrue && len(n.Spec.Taints) == 0 }
	c.awaitNodes("all nodes are Ready", usable)

	c.createDeployment("web", 6)
	before := c.awaitPods("6 pods run, 2 in each zone", func(pods []*corev1.Pod) bool {
		running := inZones(pods)
		return running["a"] == 2 && running["b"] == 2 && running["c"] == 2
	})

	if err := cp.KillZone("b"); err != nil {
		t.Fatal(err)
	}
	if pid := cp.PID("kwok-b"); pid != 0 {
		t.Errorf("kwok-b still runs as %d", pid)
	}
	killed := time.Now()
	c.awaitNodes("the nodes of b are Unknown, the others Ready", func(n *corev1.Node) bool {
		if n.Labels[corev1.LabelTopologyZone] == "b" {
			return ready(n) == corev1.ConditionUnknown
		}
		return ready(n) == corev1.ConditionTrue
	})
	t.Logf("b is NotReady after %s", time.Since(killed).Round(time.Millisecond))
	c.awaitPods("6 pods run in a and c, 2 are stuck in b", func(pods []*corev1.Pod) bool {
		running := inZones(pods)
		return running["a"]+running["c"] == 6 && terminating(pods) == 2
	})
	t.Logf("pods are replaced after %s", time.Since(killed).Round(time.Millisecond))

	if err := cp.RestoreZone(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	restored := time.Now()
	c.awaitNodes("all nodes are Ready again", usable)
	after := c.awaitPods("6 pods are left", func(pods []*corev1.Pod) bool { return len(pods) == 6 && terminating(pods) == 0 })
	t.Logf("b is Ready again after %s", time.Since(restored).Round(time.Millisecond))

	addresses := map[string]string{}
	for _, pod := range slices.Concat(before, after) {
		other, taken := addresses[pod.Status.PodIP]
		if taken && other != pod.Name {
			t.Errorf("%s and %s have the address %s", other, pod.Name, pod.Status.PodIP)
		}
		addresses[pod.Status.PodIP] = pod.Name
	}
}

// TestKubelet shows what kwok does for pods of other kinds: one of a Job
// completes, one with a sidecar is Ready, one that is deleted goes.
func TestKubelet(t *testing.T) {
	cp := controlplane.Start(t, controlplane.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := newCluster(ctx, t, cp)
	c.createNode("a-1", "")
	always := corev1.ContainerRestartPolicyAlways
	spec := corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "proxy", Image: "example.com/proxy", RestartPolicy: &always}},
		Containers:     []corev1.Container{{Name: "main", Image: "example.com/main"}},
		RestartPolicy:  corev1.RestartPolicyNever,
		HostNetwork:    true,
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "job"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: spec}}}
	if _, err := c.clients.BatchV1().Jobs("default").Create(ctx, job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Spec: spec}
	if _, err := c.clients.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.awaitPods("the pod is Ready and the job's has succeeded", func(pods []*corev1.Pod) bool {
		succeeded := slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
		return len(pods) == 2 && succeeded && inZones(pods)["a"] == 1
	})
	if err := c.clients.CoreV1().Pods("default").Delete(ctx, "pod", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.awaitPods("the pod has gone", func(pods []*corev1.Pod) bool { return len(pods) == 1 })
}

// TestStop ends everything that Run has started.
func TestStop(t *testing.T) {
	cp := controlplane.Start(t, controlplane.Options{})
	names := []string{controlplane.Etcd, controlplane.APIServer, controlplane.ControllerManager, controlplane.Scheduler, controlplane.Kwok}
	var pids []int
	for _, name := range names {
		pid := cp.PID(name)
		if pid == 0 {
			t.Errorf("%s does not run", name)
		}
		pids = append(pids, pid)
	}
	start := time.Now()
	if err := cp.Stop(); err != nil {
		t.Error(err)
	}
	t.Logf("stopped in %s", time.Since(start).Round(time.Millisecond))
	for i, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s is left as process %d: %v", names[i], pid, err)
		}
	}
	if err := cp.StartComponent(t.Context(), controlplane.Kwok); err == nil {
		t.Error("a component starts after Stop")
	}
}

// TestRestart stops and starts components; what was stored is still there.
func TestRestart(t *testing.T) {
	cp := controlplane.Start(t, controlplane.Options{DisableKwok: true, Scheduler: controlplane.SchedulerOptions{Config: "percentageOfNodesToScore: 100"}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := newCluster(ctx, t, cp)
	c.createNode("a-1", "a")
	for _, name := range []string{controlplane.Scheduler, controlplane.ControllerManager, controlplane.APIServer, controlplane.Etcd} {
		before := cp.PID(name)
		start := time.Now()
		if err := cp.StopComponent(name); err != nil {
			t.Fatal(err)
		}
		stopped := time.Since(start)
		if err := cp.StopComponent(name); err == nil {
			t.Errorf("%s can be stopped twice", name)
		}
		if err := cp.StartComponent(ctx, name); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: stopped in %s, started again in %s", name, stopped.Round(time.Millisecond), (time.Since(start) - stopped).Round(time.Millisecond))
		if after := cp.PID(name); after == 0 || after == before {
			t.Errorf("%s: process %d became %d", name, before, after)
		}
	}
	if _, err := c.clients.CoreV1().Nodes().Get(ctx, "a-1", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	for _, err := range []error{cp.StopComponent("kwok-z"), cp.StartComponent(ctx, "kwok-z"), cp.KillZone("z"), cp.RestoreZone(ctx, "z")} {
		if err == nil {
			t.Error("no error for a component that there is not")
		}
	}
}

// TestFlags shows that a component's error comes with the end of its log.
func TestFlags(t *testing.T) {
	_, err := controlplane.Run(t.Context(), controlplane.Options{APIServerFlags: []string{"--no-such-flag"}})
	if errors.Is(err, components.ErrMissing) && os.Getenv("BULKHEAD_REQUIRE_ALL") != "1" {
		t.Skip(err)
	}
	for _, part := range []string{"starting a control plane: kube-apiserver ended: exit status 1", "kube-apiserver.log:", "unknown flag: --no-such-flag"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error: %v", part, err)
		}
	}
}

func ready(n *corev1.Node) corev1.ConditionStatus {
	for _, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status
		}
	}
	return ""
}

// inZones counts the pods that are Ready and not about to go, by zone: nodes are
// called ZONE-NUMBER.
func inZones(pods []*corev1.Pod) map[string]int {
	count := map[string]int{}
	for _, pod := range pods {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
				count[pod.Spec.NodeName[:1]]++
			}
		}
	}
	return count
}

func terminating(pods []*corev1.Pod) int {
	n := 0
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			n++
		}
	}
	return n
}
