package render

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/render/file"
)

func files(pairs ...string) []file.File {
	var out []file.File
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, file.File{Path: pairs[i], Data: []byte(pairs[i+1]), Executable: strings.HasSuffix(pairs[i], ".sh")})
	}
	return out
}

func mustCompare(t *testing.T, dir string, f []file.File) *tree {
	t.Helper()
	x, err := compare(dir, f)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func mustWrite(t *testing.T, dir string, f []file.File) {
	t.Helper()
	if err := mustCompare(t, dir, f).write(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	present, err := (&tree{dir: dir}).read()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for path := range present {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

func TestWriteReplacesWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "out")
	mustWrite(t, dir, files("a/one.yaml", "1", "b.sh", "2"))
	if diff := cmp.Diff([]string{"SHA256SUMS", "a/one.yaml", "b.sh"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(dir, "b.sh"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode of b.sh is %v, %v", info.Mode(), err)
	}
	x := mustCompare(t, dir, files("a/one.yaml", "changed", "c", "3"))
	if x.foreign() != "" {
		t.Errorf("its own files are foreign: %s", x.foreign())
	}
	got := [][]string{x.added, x.changed, x.removed}
	if diff := cmp.Diff([][]string{{"c"}, {"SHA256SUMS", "a/one.yaml"}, {"b.sh"}}, got); diff != "" {
		t.Error(diff)
	}
	mustWrite(t, dir, files("a/one.yaml", "changed", "c", "3"))
	if diff := cmp.Diff([]string{"SHA256SUMS", "a/one.yaml", "c"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the folder there is %v, %v", entries, err)
	}
}

func TestForeign(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	mustWrite(t, dir, files("a", "1"))
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mustCompare(t, dir, files("a", "1")).foreign(); got != "files were changed since bulkhead wrote them: a" {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mustCompare(t, dir, files("a", "1")).foreign(); got != "there are files that bulkhead did not write: notes.txt" {
		t.Error(got)
	}
}

func TestInterruptedLeavesTheOld(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	mustWrite(t, dir, files("a", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mustCompare(t, dir, files("b", "2")).write(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SHA256SUMS", "a"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the folder there is %v, %v", entries, err)
	}
}

func TestPathsStayInside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if err := mustCompare(t, dir, files("../evil", "1")).write(t.Context()); err == nil {
		t.Error("a path out of the folder was written")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is there, half-written")
	}
}
