package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// MaxFileBytes is the most that one file or stream may hold. A document needs
// about ten times its size in memory while it is read, and 48 MiB is more than
// `kubectl get pods -A -o yaml` answers for 5,000 pods.
const MaxFileBytes = 48 << 20

// Hints that several faults share.
const (
	hintTooLarge = "split it, or leave out what plays no part: Secrets, ConfigMaps, Events, custom resources"
	hintNothing  = "bulkhead reads .yaml, .yml and .json files, and - for standard input"
)

// source is the text of one file or stream.
type source struct {
	name string
	text []byte
}

// reader collects sources and what is wrong with them.
type reader struct {
	stdin   io.Reader
	sources []source
	faults  []Fault
	// seen holds the real paths of files already read: a file that is reached
	// twice, as through the links of a mounted ConfigMap, counts once.
	seen map[string]bool
	// order of the names in sources and faults.
	order map[string]int
}

func (r *reader) fault(name, message, hint string) {
	r.mention(name)
	r.faults = append(r.faults, Fault{File: name, Message: message, Hint: hint})
}

func (r *reader) mention(name string) {
	if _, ok := r.order[name]; !ok {
		r.order[name] = len(r.order)
	}
}

// path reads what one -f names.
func (r *reader) path(name string) {
	if name == "-" {
		if r.stdin == nil {
			r.fault("-", "no standard input", "")
			return
		}
		if !r.seen["-"] {
			r.seen["-"] = true
			r.stream("-", r.stdin)
		}
		return
	}
	info, err := os.Stat(name)
	if err != nil {
		r.fault(name, cause(err), "")
		return
	}
	if !info.IsDir() {
		r.file(name)
		return
	}
	before := len(r.sources) + len(r.faults)
	r.folder(name, nil)
	if len(r.sources)+len(r.faults) == before {
		r.fault(name, "no .yaml, .yml or .json file in this folder", hintNothing)
	}
}

// folder reads a folder's manifests and its folders, in the order of their
// names. Names that begin with a dot are left out, as version control and
// mounted ConfigMaps keep their own things there. Above holds the real paths of
// the folders that led here.
func (r *reader) folder(name string, above []string) {
	target, err := resolve(name)
	if err != nil {
		r.fault(name, cause(err), "")
		return
	}
	if slices.Contains(above, target) {
		r.fault(name, fmt.Sprintf("symbolic link leads back to the folder %q that it stands in", filepath.Base(target)),
			"remove the link, or name the files one by one")
		return
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		r.fault(name, cause(err), "")
		return
	}
	above = append(slices.Clone(above), target)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		path := filepath.Join(name, entry.Name())
		manifest := slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
		if !manifest && entry.Type().IsRegular() {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil && (manifest || errors.Is(err, syscall.ELOOP)):
			r.fault(path, cause(err), "")
		case err != nil:
		case info.IsDir():
			r.folder(path, above)
		case manifest && !info.Mode().IsRegular():
			r.fault(path, "not a regular file", "name it with -f of its own to read it as a stream")
		case manifest:
			r.file(path)
		}
	}
}

func (r *reader) file(name string) {
	if target, err := resolve(name); err == nil {
		if r.seen[target] {
			return
		}
		r.seen[target] = true
	}
	f, err := os.Open(name)
	if err != nil {
		r.fault(name, cause(err), "")
		return
	}
	r.stream(name, f)
	// Only read from: closing has nothing to lose.
	_ = f.Close()
}

// resolve follows all links of a path.
func resolve(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(target)
}

func (r *reader) stream(name string, in io.Reader) {
	r.mention(name)
	text, err := io.ReadAll(io.LimitReader(in, MaxFileBytes+1))
	switch {
	case err != nil:
		r.fault(name, cause(err), "")
	case len(text) > MaxFileBytes:
		r.fault(name, fmt.Sprintf("larger than %d MiB", MaxFileBytes>>20), hintTooLarge)
	case !isText(text):
		r.fault(name, "not text in UTF-8", hintNothing)
	default:
		r.sources = append(r.sources, source{name, bytes.TrimPrefix(text, []byte("\uFEFF"))})
	}
}

func isText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) }

// cause is an operating system's error without the operation and the path.
func cause(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return err.Error()
}
