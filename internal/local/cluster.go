//go:build linux

package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

// ErrNone says that there is no cluster of the name.
var ErrNone = errors.New("there is no such local cluster")

// The files in a cluster's folder, beside those of the fabric.
const (
	recordFile     = "cluster.json"
	kubeconfigFile = "kubeconfig"
	adminFile      = "admin.conf" // the same, from inside the fabric's network
)

// Record is cluster.json: what was made.
type Record struct {
	Cluster *v1alpha1.Cluster     `json:"cluster"`
	Plan    *v1alpha1.ClusterPlan `json:"plan"`
	// Port of 127.0.0.1 that leads to the API.
	Port int `json:"port"`
	// Loopback: made without root, with the Number that LayLoopback was given.
	Loopback bool `json:"loopback,omitempty"`
	Number   int  `json:"number,omitempty"`
	// Made is the topmost folder that was made for the cluster; deleting takes it
	// away when nothing else has come into it.
	Made string `json:"made"`
	// Ready is when the cluster was whole for the first time; zero: it never was.
	Ready time.Time `json:"ready"`
	// Inputs is a digest of what the machines were made from.
	Inputs string `json:"inputs"`
}

// Cluster is one that was made on this machine.
type Cluster struct {
	Record
	Folder string
	Layout *kubeadm.Layout
}

// Home returns the folder that clusters are kept in:
// ${XDG_STATE_HOME:-~/.local/state}/bulkhead/clusters.
func Home() (string, error) {
	if base := os.Getenv("XDG_STATE_HOME"); base != "" {
		return filepath.Abs(filepath.Join(base, "bulkhead", "clusters"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("looking for the folder of local clusters: %w", err)
	}
	return filepath.Join(home, ".local", "state", "bulkhead", "clusters"), nil
}

// List names the clusters in a home, sorted.
func List(home string) ([]string, error) {
	entries, err := os.ReadDir(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing local clusters: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Open reads what is known of a cluster. ErrNone is wrapped when there is none; a
// cluster whose making was interrupted may have no record, and is one all the same.
func Open(home, name string) (*Cluster, error) {
	c := &Cluster{Folder: filepath.Join(home, name)}
	text, err := os.ReadFile(filepath.Join(c.Folder, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("reading local cluster %s: %w", name, err)
	}
	if err := json.Unmarshal(text, &c.Record); err != nil {
		return nil, fmt.Errorf("reading local cluster %s: %s: %w", name, recordFile, err)
	}
	if c.Cluster == nil || c.Plan == nil {
		return nil, fmt.Errorf("reading local cluster %s: %s: it has no cluster or no plan", name, recordFile)
	}
	if c.Layout, err = c.lay(); err != nil {
		return nil, fmt.Errorf("reading local cluster %s: %w", name, err)
	}
	return c, nil
}

// Kubeconfig is the path of the administrator's, as this machine uses it.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.Folder, kubeconfigFile) }

// Fabric connects to the cluster's fabric; fabric.ErrNotRunning is wrapped when
// there is none.
func (c *Cluster) Fabric() (*fabric.Client, error) {
	f, err := fabric.Dial(c.Folder)
	if err != nil {
		return nil, fmt.Errorf("local cluster %s: %w", c.Cluster.Metadata.Name, err)
	}
	return f, nil
}

// Config connects to the API from this machine.
func (c *Cluster) Config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("local cluster %s: %w", c.Cluster.Metadata.Name, err)
	}
	config.QPS, config.Burst = -1, -1
	return config, nil
}

// Inside connects to the API by an address of the cluster's network, for a client
// whose connections are made there: the address is dialled by the caller's dialer.
func (c *Cluster) Inside() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(c.Folder, adminFile))
	if err != nil {
		return nil, fmt.Errorf("local cluster %s: %w", c.Cluster.Metadata.Name, err)
	}
	config.QPS, config.Burst = -1, -1
	return config, nil
}

// MachineLog is where a process of a machine writes.
func (c *Cluster) MachineLog(name, process string) string {
	return filepath.Join(c.Folder, fabric.MachinesFolder, name, machine.LogFolder, process+".log")
}

// Zones in the order of the plan.
func (c *Cluster) Zones() []string { return slices.Clone(c.Plan.Zones) }

// save writes the record, whole or not at all.
func (c *Cluster) save() error {
	text, err := json.MarshalIndent(c.Record, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(c.Folder, recordFile), text, 0o600)
}

// replace writes a file beside the one that is there and puts it in its place.
func replace(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Await asks every 100 ms until there is no error; the last one is wrapped when ctx
// ends.
func Await(ctx context.Context, what string, ask func() error) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w: %w", what, context.Cause(ctx), err)
		}
	}
}
