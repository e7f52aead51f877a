//go:build linux

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// hostPaths are the paths that kubeadm, static pods and our own files name: at the
// beginning of a text, or after what can stand before a path in an argument or in
// YAML. What has been put on the disk already is not found again.
var hostPaths = regexp.MustCompile(`(^|[\s="',])(/etc/kubernetes|/etc/haproxy|/var/lib/etcd)\b`)

// onDisk puts the paths in a text onto a disk: without root there are no mounts that
// would put the disk where the paths are.
func onDisk(disk, text string) string {
	return hostPaths.ReplaceAllString(text, "${1}"+strings.ReplaceAll(disk, "$", "$$")+"${2}")
}

// enterDisk makes the folders of a machine on loopback and goes into its disk:
// sockets there are named from it, as the whole path may be longer than a socket's
// may be (unix(7): 107 bytes).
func enterDisk(folder string) (disk string, err error) {
	disk = filepath.Join(folder, DiskFolder)
	for _, dir := range []string{"dev", "run/haproxy", "etc/kubernetes/manifests"} {
		if err := os.MkdirAll(filepath.Join(disk, dir), 0o755); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(disk+"/var/lib/etcd", 0o700); err != nil { // etcd wants it so
		return "", err
	}
	if err := os.Remove(disk + "/dev/log"); err != nil && !os.IsNotExist(err) { // of before the power went
		return "", err
	}
	// The user's variables that name a kubeconfig or a proxy are not the machine's.
	os.Clearenv()
	if err := os.Setenv("PATH", searchPath); err != nil {
		return "", err
	}
	if err := os.Chdir(disk); err != nil {
		return "", fmt.Errorf("entering the disk: %w", err)
	}
	return disk, nil
}
