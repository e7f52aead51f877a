package kubeadm_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPhases has kubeadm make certificates and static pods of machines of each kind,
// and looks at the commands that come out.
func TestPhases(t *testing.T) {
	if os.Geteuid() != 0 {
		missing(t, "namespaces with their own files need root")
	}
	program(t, "unshare", "install util-linux")
	kubeadm := component(t, "kubeadm")
	controlPlane := []string{"certs all", "kubeconfig all", "control-plane all", "etcd local"}
	for name, test := range map[string]struct {
		spec, host string
		phases     []string
		has        []string
	}{
		"first of a stacked cluster": {
			"stacked", "cp-a", controlPlane,
			[]string{
				"--secure-port=6443", "--authentication-config=/etc/kubernetes/bulkhead/authentication.yaml", "--goaway-chance=0.001",
				"mountPath: /etc/kubernetes/bulkhead/authentication.yaml", "--quota-backend-bytes=8589934592", "--election-timeout=1000",
				"--listen-metrics-urls=http://0.0.0.0:2381", "--initial-cluster=cp-a=https://10.10.1.10:2380",
			},
		},
		"API server of an external etcd": {
			"external", "cp-1", []string{"certs ca", "certs apiserver", "certs sa", "control-plane apiserver"},
			[]string{"--etcd-servers=https://10.20.1.11:2379,https://10.20.2.11:2379,https://10.20.3.11:2379", "--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt"},
		},
		"machine of an external etcd": {
			"external", "etcd-2",
			[]string{
				"certs etcd-ca", "certs etcd-server", "certs etcd-peer", "certs etcd-healthcheck-client", "certs apiserver-etcd-client", "etcd local",
				"--", "certs renew etcd-server", "certs renew etcd-peer", "certs renew etcd-healthcheck-client", "certs renew apiserver-etcd-client",
			},
			[]string{
				"--name=etcd-2", "--initial-cluster=etcd-1=https://10.20.1.11:2380,etcd-2=https://10.20.2.11:2380,etcd-3=https://10.20.3.11:2380",
				"--initial-cluster-state=new", "--listen-peer-urls=https://10.20.2.11:2380",
			},
		},
		"third of a lab": {
			"local", "lab-cp-3", controlPlane,
			[]string{
				"--secure-port=6444", "--advertise-address=10.89.0.4",
				"--initial-cluster=lab-cp-1=https://10.89.0.2:2380,lab-cp-2=https://10.89.0.3:2380,lab-cp-3=https://10.89.0.4:2380",
			},
		},
		"first of a fast lab": {
			"fast", "lab-fast-cp-1", controlPlane,
			[]string{
				"--default-unreachable-toleration-seconds=10", "--default-not-ready-toleration-seconds=10",
				"--node-monitor-grace-period=16s", "--node-monitor-period=2s", "--node-eviction-rate=10",
				"--leader-elect-lease-duration=8s", "--leader-elect-renew-deadline=6s", "--leader-elect-retry-period=1s",
			},
		},
		"IPv6": {
			"ipv6", "six-1", controlPlane,
			[]string{"--advertise-address=fd00:10::1", "--listen-client-urls=https://[::1]:2379,https://[fd00:10::1]:2379", "--listen-metrics-urls=http://[::]:2381"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			save(t, folder, rendered(t, specs()[test.spec]))
			script, err := filepath.Abs("testdata/phases.sh")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			arguments := append([]string{"--mount", "--fork", "--pid", "--kill-child", "bash", script, kubeadm,
				folder + "/kubeadm/" + test.host + "/kubeadm.yaml", folder + "/kubeadm/authentication.yaml", t.TempDir()}, test.phases...)
			cmd := exec.CommandContext(ctx, "unshare", arguments...)
			var says bytes.Buffer
			cmd.Stderr = &says
			manifests, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, says.String())
			}
			for _, flag := range test.has {
				if !strings.Contains(string(manifests), flag) {
					t.Errorf("no static pod has %s:\n%s", flag, manifests)
				}
			}
			if strings.Contains(string(manifests), "--anonymous-auth") {
				t.Error("--anonymous-auth is set beside the authentication configuration")
			}
		})
	}
}
