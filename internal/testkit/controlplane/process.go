//go:build linux

package controlplane

import (
	"os"
	"os/exec"

	"bulkhead.dev/bulkhead/internal/local/process"
)

// run starts a component with its output appended to the file at logPath. Of the
// environment it gets nothing that it would take for configuration, such as
// ETCD_NAME or ~/.kwok; home is its folder.
func run(k *process.Keeper, m component, program, home, logPath string) (*process.Process, error) {
	cmd := exec.Command(program, m.args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}
	return k.Run(m.name, cmd, logPath)
}
