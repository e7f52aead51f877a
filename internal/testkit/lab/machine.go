//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// traces are where a control plane, or a drill, leaves something when it is not in
// namespaces of its own.
var traces = []string{
	"/etc/kubernetes", "/etc/haproxy", "/etc/keepalived", "/var/lib/etcd", "/var/lib/kubelet", "/run/keepalived", "/run/haproxy",
	"/run/keepalived.pid", "/run/haproxy.pid", "/var/log/pods", "/etc/cni", "/opt/cni",
}

// Machine lists what of this machine a local cluster could leave something in: links,
// named network namespaces, mounts, the files of traces and those below folders; a
// line each, sorted.
func Machine(folders ...string) ([]string, error) {
	var lines []string
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		addresses, err := l.Addrs()
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("link %s %v", l.Name, addresses))
	}
	// `ip netns list` lists this folder: ip-netns(8).
	spaces, err := os.ReadDir("/run/netns")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, s := range spaces {
		lines = append(lines, "netns "+s.Name())
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo") // proc_pid_mountinfo(5): the mount point is field 5
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			lines = append(lines, "mount "+fields[4])
		}
	}
	for _, folder := range append(slices.Clone(traces), folders...) {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			lines = append(lines, "file "+path)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// Process is one of this machine; the time that it began tells it from another with
// the same id.
type Process struct {
	PID     int
	Began   string
	Command string
}

func (p Process) String() string { return fmt.Sprintf("%d %s", p.PID, p.Command) }

// processes reads /proc: the parents too, and what each was started with.
func processes() (map[Process]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	out := map[Process]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): field 2, in brackets, may hold blanks; 3 is the state, 4 the
		// parent, 22 the time it began.
		_, rest, _ := strings.Cut(string(stat), "(")
		at := strings.LastIndexByte(rest, ')')
		if at < 0 {
			continue
		}
		fields := strings.Fields(rest[at+1:])
		if len(fields) < 20 || fields[0] == "Z" {
			continue
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, err
		}
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err != nil {
			continue
		}
		command := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		if command == "" {
			command = rest[:at]
		}
		out[Process{pid, fields[19], command}] = parent
	}
	return out, nil
}

// Processes lists those of the cluster: its fabric and everything below it.
func (c *Cluster) Processes() ([]Process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	in := map[int]bool{fabric.PID(c.Folder()): true}
	delete(in, 0)
	for found := true; found; {
		found = false
		for p, parent := range all {
			if in[parent] && !in[p.PID] {
				in[p.PID], found = true, true
			}
		}
	}
	var out []Process
	for p := range all {
		if in[p.PID] {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Process) int { return a.PID - b.PID })
	return out, nil
}

// Left lists those of some processes that still run, and any other that was started
// with something in the cluster's folder.
func (c *Cluster) Left(before []Process) ([]Process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var out []Process
	for p := range all {
		was := slices.ContainsFunc(before, func(b Process) bool { return b.PID == p.PID && b.Began == p.Began })
		if was || strings.Contains(p.Command, c.Folder()) {
			out = append(out, p)
		}
	}
	return out, nil
}
