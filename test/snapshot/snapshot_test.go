//go:build linux

package snapshot_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

var (
	nodes    = flag.Int("nodes", 60, "nodes of the cluster")
	pods     = flag.Int("pods", 600, "pods of the cluster")
	bulkhead = flag.String("bulkhead", "", "absolute path of the program; empty builds it")
	bound    = flag.Duration("bound", 45*time.Minute, "the longest that all may take")
)

// answered are the exit codes of a simulation that has an answer.
var answered = []int{0, 1}

// manyKubelets makes kwok do as much at the same time as many kubelets would. By
// itself it renews four leases at once, too few for a thousand nodes on a busy
// machine.
const manyKubelets = `apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options: {podPlayStageParallelism: 64, nodePlayStageParallelism: 64, nodeLeaseParallelism: 64}
`

// TestLiveCluster reads a real cluster in every way that users do.
func TestLiveCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), *bound)
	defer cancel()
	dir := t.TempDir()
	kubelets := filepath.Join(dir, "kwok.yaml")
	if err := os.WriteFile(kubelets, []byte(manyKubelets), 0o600); err != nil {
		t.Fatal(err)
	}
	cp := controlplane.Start(t, controlplane.Options{KwokFlags: []string{"--config=" + kubelets}})
	if *bulkhead == "" {
		var err error
		if *bulkhead, err = build(ctx, t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	l, err := newLive(cp)
	if err != nil {
		t.Fatal(err)
	}
	// Users before everything else: until the API server has heard of their
	// rights, they have none.
	role, err := documentedRole()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := l.user(ctx, "reader", role, dir)
	if err != nil {
		t.Fatal(err)
	}
	noVolumes, err := l.user(ctx, "no-volumes", without(role, "persistentvolumes"), dir)
	if err != nil {
		t.Fatal(err)
	}
	noPods, err := l.user(ctx, "no-pods", without(role, "pods"), dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(*nodes, *pods)
	if err != nil {
		t.Fatal(err)
	}
	planted := canaries{}
	if err := l.fill(ctx, c, planted, t.Logf); err != nil {
		t.Fatal(err)
	}

	plain, twin := filepath.Join(dir, "plain.yaml.gz"), filepath.Join(dir, "anonymized.yaml.gz")
	t.Run("Verdicts", func(t *testing.T) { testVerdicts(ctx, t, l, plain, twin) })
	t.Run("Canaries", func(t *testing.T) {
		planted.check(t, "the snapshot", contents(t, plain))
		planted.check(t, "the anonymized snapshot", contents(t, twin))
		text := contents(t, twin)
		if at := strings.Index(text, owner); at >= 0 {
			t.Errorf("the anonymized snapshot has a name of the cluster's owner %d times: …%s", strings.Count(text, owner), text[max(0, at-80):at+len(owner)])
		}
	})
	t.Run("DocumentedRole", func(t *testing.T) { testDocumentedRole(ctx, t, reader, plain) })
	t.Run("NoVolumes", func(t *testing.T) { testNoVolumes(ctx, t, noVolumes) })
	t.Run("NoPods", func(t *testing.T) { testNoPods(ctx, t, noPods) })
	t.Run("Interrupt", func(t *testing.T) { testInterrupt(ctx, t, l) })
}

// testVerdicts reads the cluster as it is and anonymized, and live: each gives the
// same verdicts.
func testVerdicts(ctx context.Context, t *testing.T, l *live, plain, twin string) {
	r := must(ctx, t, []int{0}, "snapshot", "--kubeconfig", l.cp.Kubeconfig(), "-o", plain)
	// The Job's pod has ended; it is read as well.
	want := fmt.Sprintf("plain.yaml.gz: %d nodes, %d pods (cluster test, Kubernetes %s", *nodes, *pods+1, components.KubernetesVersion)
	if !strings.Contains(r.stdout, want) || !strings.Contains(r.stdout, "--node-monitor-grace-period=40s") || strings.Contains(r.stderr, "not read") {
		t.Errorf("the summary is not %q with a timing:\n%s%s", want, r.stdout, r.stderr)
	}
	r = must(ctx, t, []int{0}, "snapshot", "--kubeconfig", l.cp.Kubeconfig(), "--anonymize", "-o", twin)
	if !strings.Contains(r.stdout, "anonymized") {
		t.Errorf("the summary does not say that it is anonymized: %s", r.stdout)
	}
	for _, path := range []string{plain, twin} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.2f MB, %.2f MB uncompressed", filepath.Base(path), float64(info.Size())/1e6, float64(len(contents(t, path)))/1e6)
	}

	fromFile := must(ctx, t, answered, "simulate", "-q", "--snapshot", plain, "-o", "json")
	fromTwin := must(ctx, t, []int{fromFile.code}, "simulate", "-q", "--snapshot", twin, "-o", "json")
	fromLive := must(ctx, t, []int{fromFile.code}, "simulate", "-q", "--kubeconfig", l.cp.Kubeconfig(), "-o", "json")
	compare(t, "the anonymized snapshot", fromFile.stdout, fromTwin.stdout)
	compare(t, "the live cluster", fromFile.stdout, fromLive.stdout)
	lines, err := verdicts(fromFile.stdout)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(lines[0])
	for kind := range strings.FieldsSeq("Deployment StatefulSet DaemonSet") {
		if !strings.Contains(strings.Join(lines, "\n"), ": "+kind+" ") {
			t.Errorf("no %s is in the report", kind)
		}
	}
}

// compare fails the test if two reports do not say the same.
func compare(t *testing.T, what, want, got string) {
	t.Helper()
	wanted, err := verdicts(want)
	if err != nil {
		t.Fatal(err)
	}
	others, err := verdicts(got)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(wanted, others) {
		t.Errorf("%s has other verdicts (-file +other):\n%s", what, cmp.Diff(wanted, others))
	}
}

// testDocumentedRole reads the cluster with the rights that docs/snapshot.md asks
// for: nothing is missing, and but for the time it is the same as with all rights.
func testDocumentedRole(ctx context.Context, t *testing.T, kubeconfig, plain string) {
	path := filepath.Join(t.TempDir(), "reader.yaml")
	r := must(ctx, t, []int{0}, "snapshot", "--kubeconfig", kubeconfig, "-o", path)
	if strings.Contains(r.stderr, "not read") {
		t.Errorf("the ClusterRole in docs/snapshot.md is not enough:\n%s", r.stderr)
	}
	taken := regexp.MustCompile(`(?m)^takenAt: .*$`)
	want, got := taken.ReplaceAllString(contents(t, plain), ""), taken.ReplaceAllString(contents(t, path), "")
	if want != got {
		t.Errorf("two snapshots of the same state differ:\n%s", firstDifference(want, got))
	}
}

// firstDifference returns the first lines that differ.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n-%s\n+%s", i+1, a[i], b[i])
		}
	}
	return "one goes on where the other ends"
}

// contents returns what is in a snapshot file.
func contents(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return string(raw)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
