//go:build linux

package machine

import "testing"

func TestOnDisk(t *testing.T) {
	const disk = "/home/u/$1/disk"
	for _, c := range []struct{ text, want string }{
		{"/etc/kubernetes/admin.conf", disk + "/etc/kubernetes/admin.conf"},
		{"/etc/kubernetes", disk + "/etc/kubernetes"},
		{"--config=/etc/kubernetes/kwok.conf", "--config=" + disk + "/etc/kubernetes/kwok.conf"},
		{"--data-dir=/var/lib/etcd", "--data-dir=" + disk + "/var/lib/etcd"},
		{"value: /etc/kubernetes/a.yaml\nother: \"/etc/haproxy/b\"\n", "value: " + disk + "/etc/kubernetes/a.yaml\nother: \"" + disk + "/etc/haproxy/b\"\n"},
		{"--a=/etc/kubernetes/a,/etc/kubernetes/b", "--a=" + disk + "/etc/kubernetes/a," + disk + "/etc/kubernetes/b"},
		// Not a path of the machine, or on its disk already.
		{"--secure-port=6444", "--secure-port=6444"},
		{"/etc/kubernetes2/x /etc/ssl", "/etc/kubernetes2/x /etc/ssl"},
		{"--config=" + disk + "/etc/kubernetes/kwok.conf", "--config=" + disk + "/etc/kubernetes/kwok.conf"},
		{"https://127.0.1.2:2379/etc/kubernetes", "https://127.0.1.2:2379/etc/kubernetes"},
	} {
		if got := onDisk(disk, c.text); got != c.want {
			t.Errorf("%q became %q", c.text, got)
		}
		if got := onDisk(disk, c.want); got != c.want {
			t.Errorf("%q became %q the second time", c.want, got)
		}
	}
}
