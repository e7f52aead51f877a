//go:build linux

package components_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/components"
)

// site serves releases as the official ones are laid out.
type site struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	noRanges bool
	cutAt    int // bytes after which a file is cut off, once; 0 is never
	stall    chan struct{}
	asked    []string // "GET path range"
}

func newSite(t *testing.T, files map[string][]byte) *site {
	s := &site{files: map[string][]byte{}}
	for path, content := range files {
		s.files[strings.ReplaceAll(path, "ARCH", runtime.GOARCH)] = content
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	content, ok := s.files[r.URL.Path]
	cut := 0
	if len(content) > s.cutAt {
		cut, s.cutAt = s.cutAt, 0
	}
	noRanges := s.noRanges
	s.mu.Unlock()
	switch {
	case !ok:
		http.NotFound(w, r)
	case cut > 0:
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:cut])
		if s.stall != nil {
			w.(http.Flusher).Flush()
			close(s.stall)
			<-r.Context().Done()
		}
	case noRanges:
		_, _ = w.Write(content)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

const (
	apiserver = "/k/" + components.KubernetesVersion + "/bin/linux/ARCH/kube-apiserver"
	etcd      = "/e/" + components.EtcdVersion + "/etcd-" + components.EtcdVersion + "-linux-ARCH.tar.gz"
	etcdSums  = "/e/" + components.EtcdVersion + "/SHA256SUMS"
)

// content is 3 MB that do not compress.
func content(seed uint64) []byte {
	b := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

func sum(b []byte) []byte { return fmt.Appendf(nil, "%x", sha256.Sum256(b)) }

func apiserverSite(t *testing.T) (*site, []byte) {
	program := content(1)
	return newSite(t, map[string][]byte{apiserver: program, apiserver + ".sha256": sum(program)}), program
}

func locate(ctx context.Context, t *testing.T, s *site, cache, name string) (string, error) {
	t.Helper()
	return components.Locate(ctx, components.Options{
		Cache:    cache,
		Progress: t.Output(),
		Releases: components.Releases{Kubernetes: s.URL + "/k", Etcd: s.URL + "/e"},
	}, name)
}

// wantProgram fails unless path is a program with that content, and alone.
func wantProgram(t *testing.T, path string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, content) {
		t.Errorf("%s has %d bytes, and they are others than the %d wanted", path, len(got), len(content))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%s: %v, %v", path, info.Mode(), err)
	}
	if left := hidden(t, filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func hidden(t *testing.T, folder string) []string {
	t.Helper()
	left, err := filepath.Glob(folder + "/.*")
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestDownload(t *testing.T) {
	t.Setenv(components.FolderVariable, "")
	t.Setenv("NO_PROXY", "127.0.0.1")

	t.Run("whole, then from the cache", func(t *testing.T) {
		s, program := apiserverSite(t)
		cache := t.TempDir()
		path, err := locate(t.Context(), t, s, cache, "kube-apiserver")
		if err != nil {
			t.Fatal(err)
		}
		wantProgram(t, path, program)
		s.Close()
		if again, err := locate(t.Context(), t, s, cache, "kube-apiserver"); again != path || err != nil {
			t.Errorf("then %q, %v", again, err)
		}
	})

	for _, tt := range []struct {
		title    string
		noRanges bool
	}{{title: "interrupted and resumed"}, {title: "interrupted, no ranges", noRanges: true}} {
		t.Run(tt.title, func(t *testing.T) {
			s, program := apiserverSite(t)
			s.cutAt, s.noRanges = 1<<20, tt.noRanges
			cache := t.TempDir()
			if path, err := locate(t.Context(), t, s, cache, "kube-apiserver"); !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, components.ErrMissing) {
				t.Fatalf("got %q, %v", path, err)
			}
			path, err := locate(t.Context(), t, s, cache, "kube-apiserver")
			if err != nil {
				t.Fatal(err)
			}
			wantProgram(t, path, program)
			if last := s.asked[len(s.asked)-1]; !strings.HasSuffix(last, " bytes=1048576-") {
				t.Errorf("last asked: %s", last)
			}
		})
	}

	t.Run("cancelled and resumed", func(t *testing.T) {
		s, program := apiserverSite(t)
		s.cutAt, s.stall = 1<<20, make(chan struct{})
		cache := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-s.stall; cancel() }()
		if path, err := locate(ctx, t, s, cache, "kube-apiserver"); message(err) != "downloading kube-apiserver "+components.KubernetesVersion+": context canceled" {
			t.Fatalf("got %q, %v", path, err)
		}
		path, err := locate(t.Context(), t, s, cache, "kube-apiserver")
		if err != nil {
			t.Fatal(err)
		}
		wantProgram(t, path, program)
	})

	t.Run("the partial file is of another program", func(t *testing.T) {
		s, program := apiserverSite(t)
		cache := t.TempDir()
		folder := filepath.Join(cache, "kubernetes-"+components.KubernetesVersion)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, other := range [][]byte{content(2)[:1<<20], content(2), append(content(2), 1)} {
			if err := os.WriteFile(filepath.Join(folder, ".kube-apiserver.partial"), other, 0o644); err != nil {
				t.Fatal(err)
			}
			path, err := locate(t.Context(), t, s, cache, "kube-apiserver")
			if err != nil {
				t.Fatal(err)
			}
			wantProgram(t, path, program)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	})

	for _, tt := range []struct{ title, checksum, err string }{
		{"wrong checksum", string(sum([]byte("another"))), "has the SHA-256"},
		{"no checksum in the file", "<html>moved</html>", "has no SHA-256 of kube-apiserver"},
		{"no file with a checksum", "", "404 Not Found"},
	} {
		t.Run(tt.title, func(t *testing.T) {
			files := map[string][]byte{apiserver: content(1)}
			if tt.checksum != "" {
				files[apiserver+".sha256"] = []byte(tt.checksum)
			}
			cache := t.TempDir()
			path, err := locate(t.Context(), t, newSite(t, files), cache, "kube-apiserver")
			if !strings.Contains(message(err), tt.err) || !errors.Is(err, components.ErrMissing) || strings.Contains(message(err), "\n") {
				t.Errorf("got %q, %v", path, err)
			}
			folder := filepath.Join(cache, "kubernetes-"+components.KubernetesVersion)
			left, _ := os.ReadDir(folder)
			if len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}

	t.Run("two at once", func(t *testing.T) {
		s, program := apiserverSite(t)
		cache := t.TempDir()
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				path, err := locate(t.Context(), t, s, cache, "kube-apiserver")
				if err != nil {
					t.Error(err)
					return
				}
				wantProgram(t, path, program)
			})
		}
		group.Wait()
		if len(s.asked) != 2 {
			t.Errorf("asked %q, want the checksum and the file once", s.asked)
		}
	})

	t.Run("etcd and its tools come in one archive", func(t *testing.T) {
		folder := "etcd-" + components.EtcdVersion + "-linux-" + runtime.GOARCH
		programs := map[string][]byte{"etcd": content(3), "etcdctl": content(4), "etcdutl": content(5)}
		archive := tarball(t, folder, programs)
		s := newSite(t, map[string][]byte{etcd: archive, etcdSums: []byte("" +
			string(sum([]byte("another"))) + "  etcd-" + components.EtcdVersion + "-linux-other.tar.gz\n" +
			string(sum(archive)) + "  " + folder + ".tar.gz\n")})
		cache := t.TempDir()
		for _, name := range []string{"etcdctl", "etcd", "etcdutl"} {
			path, err := locate(t.Context(), t, s, cache, name)
			if err != nil {
				t.Fatal(err)
			}
			wantProgram(t, path, programs[name])
		}
		if len(s.asked) != 2 {
			t.Errorf("asked %q, want the checksum and the file once", s.asked)
		}
	})

	t.Run("no network", func(t *testing.T) {
		s, _ := apiserverSite(t)
		s.Close()
		path, err := locate(t.Context(), t, s, t.TempDir(), "kube-apiserver")
		if !errors.Is(err, components.ErrMissing) || !strings.HasSuffix(message(err), "connection refused: run: make components") || strings.Contains(message(err), "\n") {
			t.Errorf("got %q, %v", path, err)
		}
	})

	t.Run("kwok is only built", func(t *testing.T) {
		s, _ := apiserverSite(t)
		path, err := locate(t.Context(), t, s, t.TempDir(), "kwok")
		if message(err) != "downloading kwok "+components.KwokVersion+": kwok publishes no checksums, so that it is built only: run: make components" {
			t.Errorf("got %q, %v", path, err)
		}
	})
}

func tarball(t *testing.T, folder string, programs map[string][]byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	packed := gzip.NewWriter(&archive)
	files := tar.NewWriter(packed)
	for name, content := range programs {
		if err := files.WriteHeader(&tar.Header{Name: folder + "/" + name, Size: int64(len(content)), Mode: 0o755, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}
