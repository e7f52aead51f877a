//go:build linux

package local

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// tree lists what is below a folder.
func tree(t *testing.T, folder string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestFoldersAsBefore: what is made goes, what was there stays.
func TestFoldersAsBefore(t *testing.T) {
	base := t.TempDir()
	there := filepath.Join(base, "there")
	if err := os.Mkdir(there, 0o755); err != nil {
		t.Fatal(err)
	}
	before := tree(t, base)
	folder := filepath.Join(there, "a", "b", "c")
	made, err := mkdirAll(folder)
	if err != nil || made != filepath.Join(there, "a") {
		t.Fatalf("the topmost is %q, %v", made, err)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if again, err := mkdirAll(folder); err != nil || again != folder {
		t.Errorf("it was there: %q, %v", again, err)
	}
	other := filepath.Join(there, "a", "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removeEmpty(folder, made)
	if got := tree(t, made); len(got) != 2 || got[1] != other {
		t.Errorf("beside %s there is %q", other, got)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	removeEmpty(made, made)
	removeEmpty(made, made) // nothing, and no further
	if diff := cmp.Diff(before, tree(t, base)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if _, err := mkdirAll(there + "/a\x00"); err == nil {
		t.Error("a name that cannot be was made")
	}
}

// TestReplace: a file is new or as before, and nothing else is left.
func TestReplace(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	for _, text := range []string{"old and long", "new"} {
		if err := replace(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != text || info.Mode() != 0o640 {
			t.Errorf("%q, %v, %v, %v", got, err, info, statErr)
		}
	}
	full := filepath.Join(folder, "full")
	if err := os.MkdirAll(filepath.Join(full, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := replace(full, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if err := replace(filepath.Join(folder, "none", "file"), nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if got := tree(t, folder); len(got) != 4 {
		t.Errorf("there is %q", got)
	}
}

func TestLock(t *testing.T) {
	base := t.TempDir()
	home := filepath.Join(base, "state", "clusters")
	_, unlock, err := lock(home, "lab")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := lock(home, "lab"); err == nil || err.Error() != "local cluster lab is being made or deleted by another bulkhead" {
		t.Errorf("a second: %v", err)
	}
	_, other, err := lock(home, "other")
	if err != nil {
		t.Fatalf("of another cluster: %v", err)
	}
	unlock()
	if _, unlock, err = lock(home, "lab"); err != nil {
		t.Fatalf("after the first: %v", err)
	}
	if names, err := List(home); err != nil || len(names) > 0 {
		t.Errorf("locks are clusters: %v, %v", names, err)
	}
	other()
	unlock()
	if names, err := List(home); err != nil || len(names) > 0 {
		t.Errorf("clusters %v, %v", names, err)
	}
}

// TestLockLeavesNothing: the folders that only the lock needed go with it.
func TestLockLeavesNothing(t *testing.T) {
	base := t.TempDir()
	before := tree(t, base)
	_, unlock, err := lock(filepath.Join(base, "state", "clusters"), "lab")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if diff := cmp.Diff(before, tree(t, base)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestLockExcludes: of many who come and go, one at a time has it.
func TestLockExcludes(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "keep"), nil, 0o600); err != nil { // or the folder goes too
		t.Fatal(err)
	}
	var (
		group   sync.WaitGroup
		holders atomic.Int32
		had     atomic.Int32
	)
	for range 8 {
		group.Go(func() {
			for range 500 {
				_, unlock, err := lock(home, "lab")
				if err != nil {
					continue
				}
				had.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have it", n)
				}
				holders.Add(-1)
				unlock()
			}
		})
	}
	group.Wait()
	if had.Load() == 0 {
		t.Error("nobody had it")
	}
}

func TestOpen(t *testing.T) {
	m := example(t)
	if names, err := List(m.Home); err != nil || names != nil {
		t.Errorf("no home: %v, %v", names, err)
	}
	if _, err := Open(m.Home, "lab"); !errors.Is(err, ErrNone) || err.Error() != "lab: there is no such local cluster" {
		t.Errorf("no cluster: %v", err)
	}
	if err := Delete(m.Home, "lab"); !errors.Is(err, ErrNone) {
		t.Errorf("deleting none: %v", err)
	}
	for _, name := range []string{"lab", "bare"} {
		if err := os.MkdirAll(filepath.Join(m.Home, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.c.Made = filepath.Dir(m.Home)
	m.c.Port, m.c.Inputs, m.c.Ready = 12345, "digest", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := m.c.save(); err != nil {
		t.Fatal(err)
	}
	got, err := Open(m.Home, "lab")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.c.Record, got.Record); diff != "" {
		t.Errorf("the record (-saved +read):\n%s", diff)
	}
	if got.Folder != m.c.Folder || got.Layout.Endpoint() != m.c.Layout.Endpoint() || !slices.Equal(got.Zones(), []string{"a", "b", "c"}) {
		t.Errorf("%+v", got)
	}
	if _, err := got.Fabric(); !errors.Is(err, fabric.ErrNotRunning) || !strings.HasPrefix(err.Error(), "local cluster lab: ") {
		t.Errorf("its fabric: %v", err)
	}
	if names, err := List(m.Home); err != nil || !slices.Equal(names, []string{"bare", "lab"}) {
		t.Errorf("clusters %v, %v", names, err)
	}

	// One that was interrupted before its record was written.
	if _, err := Open(m.Home, "bare"); !errors.Is(err, ErrNone) {
		t.Errorf("no record: %v", err)
	}
	if there, err := Exists(m.Home, "bare"); err != nil || !there {
		t.Errorf("it exists: %t, %v", there, err)
	}
	for _, text := range []string{"{", "{}", `{"cluster": {}, "plan": {}}`, `{"cluster": {}}`} {
		if err := os.WriteFile(filepath.Join(m.Home, "bare", recordFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Open(m.Home, "bare"); err == nil || errors.Is(err, ErrNone) || !strings.HasPrefix(err.Error(), "reading local cluster bare: ") {
			t.Errorf("record %s: %+v, %v", text, c, err)
		}
	}
	// What cannot be read can be deleted.
	for _, name := range []string{"bare", "lab"} {
		if err := Delete(m.Home, name); err != nil {
			t.Error(err)
		}
		if there, err := Exists(m.Home, name); err != nil || there {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if _, err := os.Stat(m.c.Made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder that was made for it is left: %v", err)
	}
}

// TestTopmost: the last cluster to go takes the folders that the first one made.
func TestTopmost(t *testing.T) {
	m := example(t)
	if got := topmost(m.Home, m.Home); got != m.Home {
		t.Errorf("no other cluster: %s", got)
	}
	if err := os.MkdirAll(m.c.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	m.c.Made = filepath.Dir(m.Home)
	if err := m.c.save(); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{m.Home, filepath.Dir(m.Home)} {
		if got := topmost(m.Home, made); got != m.c.Made {
			t.Errorf("beside another, with %s: %s", made, got)
		}
	}
	if got := topmost(m.Home, "/"); got != "/" {
		t.Errorf("a folder further up: %s", got)
	}
}
