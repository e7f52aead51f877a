package snapshot

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Save writes the cluster to a file, compressed when its name ends in .gz. The file
// appears when it is complete; one that is there is replaced. Its owner alone may
// read it.
func (c *Cluster) Save(ctx context.Context, name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("writing %s: %s", name, cause(err))
		}
		return c.fill(ctx, f, name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %s", name, cause(err))
	}
	if err = c.fill(ctx, f, name); err == nil {
		if err = os.Rename(f.Name(), name); err == nil {
			return nil
		}
		err = fmt.Errorf("writing %s: %w", name, err)
	}
	_ = os.Remove(f.Name()) // the error that led here says more
	return err
}

// fill writes and closes the file.
func (c *Cluster) fill(ctx context.Context, f *os.File, name string) error {
	err := c.pack(ctx, f, strings.HasSuffix(name, ".gz"))
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("writing %s: %s", name, cause(err))
	}
	return err
}

func (c *Cluster) pack(ctx context.Context, w io.Writer, compressed bool) error {
	if !compressed {
		return c.Write(ctx, w)
	}
	z := gzip.NewWriter(w)
	if err := c.Write(ctx, z); err != nil {
		return err
	}
	return z.Close()
}

// Write writes the cluster as a stream of YAML documents: the header, then one
// object a document, each on one line. The same cluster gives the same bytes.
func (c *Cluster) Write(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	header, err := yaml.Marshal(c.ClusterSnapshot)
	if err != nil {
		return err
	}
	_, _ = out.Write(header) // a bufio.Writer keeps its first error for Flush
	const atOnce = 1024
	lines := make([][]byte, min(atOnce, len(c.objects)))
	wrong := make([]error, len(lines))
	for rest := c.objects; len(rest) > 0; rest = rest[min(atOnce, len(rest)):] {
		n := min(atOnce, len(rest))
		if err := parallel(ctx, n, func(i int) { lines[i], wrong[i] = json.Marshal(rest[i].Object) }); err != nil {
			return err
		}
		for i := range n {
			if wrong[i] != nil {
				return wrong[i]
			}
			_, _ = out.WriteString("---\n")
			_, _ = out.Write(lines[i])
			_ = out.WriteByte('\n')
		}
	}
	return out.Flush()
}
