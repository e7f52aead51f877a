//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// removeTimeout bounds a delete; what is left then is ended by force.
const removeTimeout = time.Minute

// Cluster is one that the program is asked for.
type Cluster struct {
	Program
	Name string
	// File is the Cluster's.
	File string
}

// Write writes the Cluster of an example under another name, with so many nodes a
// zone, into a folder.
func (p Program) Write(example, folder, name string, nodes int) (*Cluster, error) {
	data, err := os.ReadFile(example)
	if err != nil {
		return nil, err
	}
	text := string(data)
	for _, pair := range [][2]string{{"metadata: {name: lab}", "metadata: {name: " + name + "}"}, {"size: 3", fmt.Sprintf("size: %d", nodes)}} {
		if !strings.Contains(text, pair[0]) {
			return nil, fmt.Errorf("%s has no %q", example, pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	c := &Cluster{Program: p, Name: name, File: filepath.Join(folder, name+".yaml")}
	return c, os.WriteFile(c.File, []byte(text), 0o600)
}

// Apply makes the cluster, or changes it.
func (c *Cluster) Apply(ctx context.Context) (*Result, error) {
	return c.Run(ctx, "apply", "-f", c.File, "-q")
}

// Open reads what was made.
func (c *Cluster) Open() (*local.Cluster, error) { return local.Open(c.Home(), c.Name) }

// Folder is where it is kept.
func (c *Cluster) Folder() string { return local.Folder(c.Home(), c.Name) }

// Fabric connects to what runs it.
func (c *Cluster) Fabric() (*fabric.Client, error) { return fabric.Dial(c.Folder()) }

// Remove takes the cluster away, by `bulkhead delete`, or by force when that does
// not; then the error says so. It is none when there was nothing.
func (c *Cluster) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	r, err := c.Run(ctx, "delete", "-f", c.File, "--yes")
	if err == nil && r.Code == 0 {
		return nil
	}
	err = errors.Join(err, fmt.Errorf("%s", r))
	if pid := fabric.PID(c.Folder()); pid != 0 {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGKILL)) // the kernel ends the machines
	}
	return errors.Join(err, os.RemoveAll(c.Folder()))
}
