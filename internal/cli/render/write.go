package render

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// sums is the file that tells what bulkhead wrote, as sha256sum -c reads it.
const sums = "SHA256SUMS"

// tree is a folder as it is and as it shall be.
type tree struct {
	dir   string
	files []file.File
	// added, changed and removed are paths in the folder, sorted.
	added, changed, removed []string
	// unknown are files that no earlier run wrote, edited those that were changed
	// since.
	unknown, edited []string
	exists          bool
}

// compare looks at the folder; there may be none.
func compare(dir string, files []file.File) (*tree, error) {
	t := &tree{dir: filepath.Clean(dir), files: slices.Clone(files)}
	t.files = append(t.files, checksums(files))
	present, err := t.read()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	written := written(present[sums])
	wanted := map[string]bool{}
	for _, f := range t.files {
		wanted[f.Path] = true
		switch old, ok := present[f.Path]; {
		case !ok:
			t.added = append(t.added, f.Path)
		case !bytes.Equal(old, f.Data):
			t.changed = append(t.changed, f.Path)
		}
	}
	for path, data := range present {
		switch sum, ok := written[path]; {
		case path == sums:
		case !ok:
			t.unknown = append(t.unknown, path)
		case sum != checksum(data):
			t.edited = append(t.edited, path)
		}
		if !wanted[path] {
			t.removed = append(t.removed, path)
		}
	}
	for _, list := range [][]string{t.added, t.changed, t.removed, t.unknown, t.edited} {
		slices.Sort(list)
	}
	return t, nil
}

// read returns the folder's files by path.
func (t *tree) read() (map[string][]byte, error) {
	out := map[string][]byte{}
	info, err := os.Stat(t.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, errors.New("it is not a folder")
	}
	t.exists = true
	err = filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(t.dir, path)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			out[filepath.ToSlash(name)] = nil // a link or a device: unknown
			return nil
		}
		data, err := os.ReadFile(path)
		out[filepath.ToSlash(name)] = data
		return err
	})
	return out, err
}

// foreign says what in the folder is not bulkhead's to replace; "" for nothing.
func (t *tree) foreign() string {
	switch {
	case len(t.unknown) > 0:
		return "there are files that bulkhead did not write: " + some(t.unknown)
	case len(t.edited) > 0:
		return "files were changed since bulkhead wrote them: " + some(t.edited)
	}
	return ""
}

func some(paths []string) string {
	const shown = 4
	if len(paths) <= shown {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:shown], ", "), len(paths)-shown)
}

func (t *tree) changes() bool { return len(t.added)+len(t.changed)+len(t.removed) > 0 }

// write makes the folder anew beside the old one and puts it in its place: what
// goes wrong before leaves the old one as it was.
func (t *tree) write(ctx context.Context) (err error) {
	if !t.changes() && len(t.edited) == 0 {
		return nil
	}
	parent, name := filepath.Dir(t.dir), filepath.Base(t.dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", t.dir, err)
	}
	fresh, err := os.MkdirTemp(parent, "."+name+".new-")
	if err != nil {
		return fmt.Errorf("writing %s: %w", t.dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", t.dir, err)
	}
	for _, f := range t.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := put(fresh, f); err != nil {
			return fmt.Errorf("writing %s: %w", filepath.Join(t.dir, f.Path), err)
		}
	}
	if !t.exists {
		return os.Rename(fresh, t.dir)
	}
	old := fresh + ".old"
	if err := os.Rename(t.dir, old); err != nil {
		return fmt.Errorf("replacing %s: %w", t.dir, err)
	}
	if err := os.Rename(fresh, t.dir); err != nil {
		return errors.Join(fmt.Errorf("replacing %s: %w", t.dir, err), os.Rename(old, t.dir))
	}
	return os.RemoveAll(old)
}

func put(dir string, f file.File) error {
	if !filepath.IsLocal(f.Path) {
		return errors.New("the path leads out of the folder")
	}
	path := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if f.Executable {
		mode = 0o755
	}
	return os.WriteFile(path, f.Data, mode)
}

// describe says what was done, or would be.
func (t *tree) describe(w io.Writer, dryRun bool) {
	if !t.changes() {
		_, _ = fmt.Fprintf(w, "%s: %d files, nothing changes\n", t.dir, len(t.files))
		return
	}
	if !dryRun {
		_, _ = fmt.Fprintf(w, "%s: %d files (%d new, %d changed, %d removed)\nnext: %s\n", t.dir, len(t.files), len(t.added), len(t.changed), len(t.removed), filepath.Join(t.dir, "README.md"))
		return
	}
	for _, x := range []struct {
		sign  string
		paths []string
	}{{"+", t.added}, {"~", t.changed}, {"-", t.removed}} {
		for _, path := range x.paths {
			_, _ = fmt.Fprintf(w, "%s %s\n", x.sign, path)
		}
	}
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func checksums(files []file.File) file.File {
	var b bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", checksum(f.Data), f.Path)
	}
	return file.File{Path: sums, Data: b.Bytes()}
}

// written reads checksums.
func written(text []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
			out[path] = sum
		}
	}
	return out
}
