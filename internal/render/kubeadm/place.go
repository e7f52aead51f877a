package kubeadm

import "bulkhead.dev/bulkhead/api/v1alpha1"

// Place returns where the files of Files go on a machine of provider local.
func (l *Layout) Place(m Machine) []Placed {
	var out []Placed
	place := func(from, on, mode string) { out = append(out, Placed{From: from, On: on, Mode: mode}) }
	if m.Role == v1alpha1.RoleControlPlane || m.Role == v1alpha1.RoleEtcd {
		place("kubeadm/"+m.Name+"/kubeadm.yaml", ConfigurationFile, "0600")
	}
	if m.Role == v1alpha1.RoleControlPlane {
		place("kubeadm/authentication.yaml", authenticationFile, "0644")
	}
	if m.Balancer {
		l.placeBalancer(m, place)
	}
	return out
}

func (l *Layout) placeBalancer(m Machine, place func(from, on, mode string)) {
	place("haproxy/"+m.Name+"/haproxy.cfg", "/etc/haproxy/haproxy.cfg", "0644")
	if l.Loopback {
		return // no address moves
	}
	place("keepalived/"+m.Name+"/keepalived.conf", "/etc/keepalived/keepalived.conf", "0644")
	place("keepalived/check-haproxy.sh", checkScript, "0755")
}
