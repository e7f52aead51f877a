//go:build linux

package machine

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// own is where the machine's folder is seen from inside: folders that hold it
// may be covered by the machine's own.
const own = "/run/bulkhead"

// covered are folders of which the machine has its own version over the host's;
// what it writes there is kept on its disk.
var covered = map[string]string{"/etc": "etc", "/usr/local": "local"}

// searchPath is where a machine looks for programs.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// devices that processes may use.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// mount gives the machine its files and returns its folder as seen from inside.
// Everything is in a mount namespace that ends with the machine.
func mount(folder string) (string, error) {
	step := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("mounting %s on %s: %w", kind+source, target, err)
		}
		return nil
	}
	if err := step("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", err
	}
	// The folder is kept in sight through a descriptor until /run is the machine's.
	seen, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", fmt.Errorf("opening %s: %w", folder, err)
	}
	defer func() { _ = unix.Close(seen) }()
	through := fmt.Sprintf("/proc/self/fd/%d", seen)
	disk := filepath.Join(folder, DiskFolder)
	for _, sub := range []string{"etc", "etc.work", "local", "local.work", "etcd"} {
		if err := os.MkdirAll(filepath.Join(disk, sub), 0o755); err != nil {
			return "", err
		}
	}
	for target, name := range covered {
		upper := filepath.Join(disk, name)
		data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s.work", target, upper, upper)
		if err := step("overlay", target, "overlay", 0, data); err != nil {
			return "", fmt.Errorf("%w (overlayfs cannot lie on an overlay or a network file system: keep the cluster's folder elsewhere, $XDG_STATE_HOME)", err)
		}
	}
	if err := step("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return "", err
	}
	for _, dir := range []string{own, "/run/lock", "/run/haproxy", "/run/dev"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := step(through, own, "", unix.MS_BIND, ""); err != nil {
		return "", err
	}
	if err := step("tmpfs", "/var/lib", "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return "", err
	}
	if err := os.MkdirAll("/var/lib/etcd", 0o700); err != nil {
		return "", err
	}
	if err := step(filepath.Join(own, DiskFolder, "etcd"), "/var/lib/etcd", "", unix.MS_BIND, ""); err != nil {
		return "", err
	}
	if err := os.Chmod("/var/lib/etcd", 0o700); err != nil { // kubeadm and etcd want it so
		return "", err
	}
	if err := ownDevices(step); err != nil {
		return "", err
	}
	if err := step("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return "", err
	}
	// The host's variable that names a kubeconfig or a proxy is not the machine's.
	os.Clearenv()
	return own, os.Setenv("PATH", searchPath)
}

// ownDevices makes a /dev in which the machine may make its log socket.
func ownDevices(step func(source, target, kind string, flags uintptr, data string) error) error {
	const fresh = "/run/dev"
	if err := step("tmpfs", fresh, "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for _, name := range devices {
		f, err := os.OpenFile(filepath.Join(fresh, name), os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		_ = f.Close()
		if err := step("/dev/"+name, filepath.Join(fresh, name), "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(fresh, "shm"), 0o1777); err != nil {
		return err
	}
	for from, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, filepath.Join(fresh, from)); err != nil {
			return err
		}
	}
	return step(fresh, "/dev", "", unix.MS_MOVE, "")
}
