package components_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/components"
)

// TestVersions holds the versions against the modules that are built.
func TestVersions(t *testing.T) {
	for _, tt := range []struct{ name, file, module string }{
		{"kube-apiserver", "go.mod", "k8s.io/kubernetes"},
		{"kubectl", "go.mod", "k8s.io/kubernetes"},
		{"etcd", "etcd/go.mod", "go.etcd.io/etcd/server/v3"},
		{"etcdctl", "etcd/go.mod", "go.etcd.io/etcd/etcdctl/v3"},
		{"etcdutl", "etcd/go.mod", "go.etcd.io/etcd/etcdutl/v3"},
		{"kwok", "kwok/go.mod", "sigs.k8s.io/kwok"},
	} {
		text, err := os.ReadFile("../../components/" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		required := regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(tt.module) + ` (v\S+)`).FindSubmatch(text)
		if required == nil {
			t.Errorf("components/%s does not require %s", tt.file, tt.module)
			continue
		}
		version, err := components.Version(tt.name)
		if err != nil || version != string(required[1]) {
			t.Errorf("%s: version %s (%v), components/%s requires %s", tt.name, version, err, tt.file, required[1])
		}
	}
}

func TestLocate(t *testing.T) {
	cache, folder := t.TempDir(), t.TempDir()
	inCache := program(t, filepath.Join(cache, "kubernetes-"+components.KubernetesVersion, "kubectl"))
	program(t, filepath.Join(cache, "etcd-v3.0.0", "etcd"))
	given := program(t, filepath.Join(folder, "kubectl"))
	if err := os.WriteFile(filepath.Join(folder, "etcd"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		title, folder, name string
		path, err           string
		missing             bool
	}{
		{title: "in the cache", name: "kubectl", path: inCache},
		{title: "given", folder: folder, name: "kubectl", path: given},
		{title: "not given", folder: folder, name: "kubeadm", err: "looking for kubeadm in $BULKHEAD_COMPONENTS: stat " + folder + "/kubeadm: no such file or directory"},
		{title: "given, but not a program", folder: folder, name: "etcd", err: "looking for etcd in $BULKHEAD_COMPONENTS: " + folder + "/etcd is not a program"},
		{title: "in another version", name: "etcd", err: "etcd " + components.EtcdVersion + " is not in " + cache + ": run: make components", missing: true},
		{title: "no component", name: "kubelet", err: `no component is called "kubelet": there are ` + strings.Join(components.Names(), ", ")},
	} {
		t.Run(tt.title, func(t *testing.T) {
			t.Setenv(components.FolderVariable, tt.folder)
			path, err := components.Locate(t.Context(), components.Options{Cache: cache, Offline: true}, tt.name)
			if path != tt.path || message(err) != tt.err || errors.Is(err, components.ErrMissing) != tt.missing {
				t.Errorf("got %q, %v\nwant %q, %v", path, err, tt.path, tt.err)
			}
		})
	}
}

// TestDefaultCache is where `make components` puts what it builds.
func TestDefaultCache(t *testing.T) {
	base := t.TempDir()
	t.Setenv(components.FolderVariable, "")
	t.Setenv("HOME", base)
	for _, tt := range []struct{ xdg, cache string }{
		{"", base + "/.cache/bulkhead/components"},
		{base + "/xdg", base + "/xdg/bulkhead/components"},
	} {
		t.Setenv("XDG_CACHE_HOME", tt.xdg)
		want := program(t, filepath.Join(tt.cache, "kwok-"+components.KwokVersion, "kwok"))
		if got, err := components.Locate(t.Context(), components.Options{}, "kwok"); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// program writes one and returns its path.
func program(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
