//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/testkit/lab"
)

// killedApply ends the program when the first member of etcd runs: delete takes what
// is there.
func (s *suite) killedApply(t *testing.T) {
	c := s.write(t, s.Program, "killed", 1)
	apply, err := c.Start(s.ctx, "apply", "-f", c.File, "-q")
	if err != nil {
		t.Fatal(err)
	}
	err = local.Await(s.ctx, "etcd starts", func() error {
		select {
		case <-apply.Done():
			return nil // and the end tells why
		default:
		}
		return etcdRuns(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := apply.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if r, err := apply.End(); err != nil || r.Code != -1 {
		t.Fatalf("it was not killed: %v: %s", err, r)
	}
	// Nobody ends it by itself: what was started runs on.
	processes, err := c.Processes()
	if err != nil || len(processes) < 3 {
		t.Fatalf("%d processes run: %v", len(processes), err)
	}
	if r := s.run(t, []int{1}, "delete", "-f", c.File, "--dry-run"); !strings.Contains(r.Stdout, "killed: would end its processes and remove ") {
		t.Error(r)
	}
	s.run(t, ok, "delete", "-f", c.File, "--yes")
	s.gone(t, c, processes)
	if diff := cmp.Diff(s.before, s.machine(t)); diff != "" {
		t.Errorf("left (-before +after):\n%s", diff)
	}
	if r := s.run(t, ok, "delete", "-f", c.File, "--yes"); r.Stdout != "killed: there is nothing to delete\n" {
		t.Error(r)
	}
}

// etcdRuns says why no member of etcd does.
func etcdRuns(c *lab.Cluster) error {
	f, err := c.Fabric()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	status, err := f.Status()
	if err != nil {
		return err
	}
	for _, m := range status.Machines {
		for _, x := range m.Services {
			if x.Name == "etcd" && x.State == machine.Running {
				return nil
			}
		}
	}
	return errors.New("it runs on no machine")
}

func (s *suite) dryRun(t *testing.T) {
	r := s.run(t, ok, "apply", "-f", s.File, "--dry-run", "-q")
	for _, want := range []string{"e2e: would be made in " + s.Folder(), "machine   e2e-cp-1, zone a, 10.89.0.2", "kube-apiserver", "keepalived", "nodes     3 in zone c"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("there is no %q: %s", want, r)
		}
	}
	if diff := cmp.Diff(s.before, s.machine(t)); diff != "" {
		t.Errorf("it made something (-before +after):\n%s", diff)
	}
}

func (s *suite) apply(t *testing.T) {
	r := s.run(t, ok, "apply", "-f", s.File, "-q")
	made, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.Stdout, "e2e: made in ") || !strings.Contains(r.Stdout, "\nexport KUBECONFIG="+made.Kubeconfig()+"\n") {
		t.Error(r)
	}
	s.haveNodes(t, zones*nodes)
	// Only its own folder is new: the rest is in namespaces.
	var rest []string
	for _, line := range s.machine(t) {
		if !strings.HasPrefix(line, "file "+s.State) {
			rest = append(rest, line)
		}
	}
	if diff := cmp.Diff(s.before, rest); diff != "" {
		t.Errorf("this machine has changed (-before +after):\n%s", diff)
	}
}

// haveNodes counts the nodes, which must be Ready and as many in every zone.
func (s *suite) haveNodes(t *testing.T, want int) {
	t.Helper()
	client, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	perZone := map[string]int{}
	for _, n := range list.Items {
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				perZone[n.Labels[corev1.LabelTopologyZone]]++
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"a": want / zones, "b": want / zones, "c": want / zones}, perZone); diff != "" {
		t.Errorf("of %d nodes, Ready in each zone (-want +got):\n%s", len(list.Items), diff)
	}
}

// files: credentials are the owner's alone, and the context is called as the cluster.
func (s *suite) files(t *testing.T) {
	made, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		local.Folder(s.Home(), s.Name):                     os.ModeDir | 0o700,
		made.Kubeconfig():                                  0o600,
		filepath.Join(made.Folder, "admin.conf"):           0o600,
		filepath.Join(made.Folder, "cluster.json"):         0o600,
		filepath.Join(made.Folder, "fabric.log"):           0o600,
		filepath.Join(made.Folder, "control.sock"):         os.ModeSocket | 0o600,
		filepath.Join(made.Folder, "machines", "e2e-cp-1"): os.ModeDir | 0o700,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
		}
	}
	config, err := clientcmd.LoadFromFile(made.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != s.Name || len(config.Contexts) != 1 || config.Contexts[s.Name] == nil {
		t.Errorf("the context is %q of %v", config.CurrentContext, config.Contexts)
	}
	for _, x := range config.Clusters {
		if want := fmt.Sprintf("https://127.0.0.1:%d", made.Port); x.Server != want {
			t.Errorf("the API is at %s, not %s", x.Server, want)
		}
	}
}

// applyAgain: nothing changes, a pool grows and shrinks, and the control plane stays.
func (s *suite) applyAgain(t *testing.T) {
	before, err := s.Processes()
	if err != nil {
		t.Fatal(err)
	}
	if r := s.run(t, ok, "apply", "-f", s.File, "-q"); !strings.HasPrefix(r.Stdout, "e2e: nothing changes\n") {
		t.Error(r)
	}
	larger, err := s.Write(example, t.TempDir(), s.Name, nodes+1)
	if err != nil {
		t.Fatal(err)
	}
	if r := s.run(t, ok, "apply", "-f", larger.File, "-q"); !strings.HasPrefix(r.Stdout, "e2e: 3 nodes added, 0 removed\n") {
		t.Error(r)
	}
	s.haveNodes(t, zones*(nodes+1))
	if r := s.run(t, ok, "apply", "-f", s.File, "-q"); !strings.HasPrefix(r.Stdout, "e2e: 0 nodes added, 3 removed\n") {
		t.Error(r)
	}
	s.haveNodes(t, zones*nodes)
	after, err := s.Processes()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("processes (-before +after):\n%s", diff)
	}
	// What cannot be changed in place is refused.
	text, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte(strings.Replace(string(text), "10.89.0.0/24", "10.88.0.0/24", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.run(t, []int{3}, "apply", "-f", other, "-q"); !strings.Contains(r.Stderr, "which cannot be changed in place") {
		t.Error(r)
	}
}

func (s *suite) deploy(t *testing.T) {
	if err := s.Deploy(s.ctx, shop); err != nil {
		t.Fatal(err)
	}
}
