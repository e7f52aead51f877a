//go:build linux

package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// build builds bulkhead into dir.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "bulkhead")
	compiler := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "bulkhead.dev/bulkhead/cmd/bulkhead")
	if out, err := compiler.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building bulkhead: %w\n%s", err, out)
	}
	return path, nil
}

// result is how a run of the program has ended.
type result struct {
	code           int
	stdout, stderr string
	wall, cpu      time.Duration
	memory         int64 // the peak, in bytes
}

// run runs the program to its end, whatever its exit code.
func run(ctx context.Context, t *testing.T, args ...string) result {
	t.Helper()
	process := exec.CommandContext(ctx, *bulkhead, args...)
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	start := time.Now()
	err := process.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := result{
		code: process.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), wall: time.Since(start),
		cpu: process.ProcessState.UserTime() + process.ProcessState.SystemTime(),
	}
	if usage, ok := process.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memory = usage.Maxrss << 10
	}
	t.Logf("bulkhead %s: exit code %d, %.2f s, %.2f s of CPU, %d MiB", strings.Join(args, " "), r.code, r.wall.Seconds(), r.cpu.Seconds(), r.memory>>20)
	return r
}

// must runs the program, which must end with one of the exit codes.
func must(ctx context.Context, t *testing.T, codes []int, args ...string) result {
	t.Helper()
	r := run(ctx, t, args...)
	if !slices.Contains(codes, r.code) {
		t.Fatalf("exit code %d, want one of %v\n%s%s", r.code, codes, r.stdout, r.stderr)
	}
	return r
}

// documentedRole returns the ClusterRole that docs/snapshot.md says is needed.
func documentedRole() (*rbacv1.ClusterRole, error) {
	text, err := os.ReadFile("../../docs/snapshot.md")
	if err != nil {
		return nil, err
	}
	_, after, found := strings.Cut(string(text), "```yaml\n")
	block, _, _ := strings.Cut(after, "```")
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict([]byte(block), role); err != nil {
		return nil, fmt.Errorf("reading the ClusterRole in docs/snapshot.md: %w", err)
	}
	if !found || role.Kind != "ClusterRole" {
		return nil, fmt.Errorf("docs/snapshot.md does not begin with a ClusterRole")
	}
	return role, nil
}

// without returns the role with fewer resources.
func without(role *rbacv1.ClusterRole, resources ...string) *rbacv1.ClusterRole {
	less := role.DeepCopy()
	for i, rule := range less.Rules {
		less.Rules[i].Resources = slices.DeleteFunc(rule.Resources, func(r string) bool { return slices.Contains(resources, r) })
	}
	return less
}

// user makes a user who may do what the role says and no more, and returns a
// kubeconfig of theirs.
func (l *live) user(ctx context.Context, name string, role *rbacv1.ClusterRole, dir string) (string, error) {
	const namespace = metav1.NamespaceDefault
	role = role.DeepCopy()
	role.Name = name
	if _, err := l.clients.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := l.clients.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}
	if _, err := l.clients.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	token, err := l.clients.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	config := l.cp.Config()
	return writeKubeconfig(filepath.Join(dir, name+".kubeconfig"),
		&clientcmdapi.Cluster{Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData},
		&clientcmdapi.AuthInfo{Token: token.Status.Token})
}

func writeKubeconfig(path string, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) (string, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"], config.AuthInfos["test"] = cluster, user
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	return path, clientcmd.WriteToFile(*config, path)
}
