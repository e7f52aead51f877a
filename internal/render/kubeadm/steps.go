package kubeadm

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Steps returns what a person does with Files, in order. It returns nil where Files
// returns an error.
func Steps(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.Step {
	l, err := Lay(c, p)
	if err != nil {
		return nil
	}
	if c.Spec.Provider == v1alpha1.ProviderLocal {
		return l.localSteps()
	}
	steps := []file.Step{l.copyStep(), l.authoritiesStep(), l.balancersStep()}
	if l.External() {
		steps = append(steps, l.etcdStep())
	}
	first := l.ControlPlane()[0]
	steps = append(steps,
		file.Step{
			Title: "Make the cluster on " + first.Name,
			Text: "The API server starts here first; HAProxy finds it ready within seconds" +
				" and the endpoint answers. The kubeconfig of the administrator is a secret.",
			Commands: []string{
				first.Run("kubeadm init --config " + ConfigurationFile),
				"mkdir -p ~/.kube && (umask 077; " + first.Run("cat /etc/kubernetes/admin.conf") + " >~/.kube/" + c.Metadata.Name + ".conf)",
				"export KUBECONFIG=~/.kube/" + c.Metadata.Name + ".conf",
			},
		},
		network(c),
		l.joinStep(),
		file.Step{
			Title: "Look at it",
			Text: "Every zone must have its nodes, every one Ready, and etcd its " +
				decimal(len(l.Voters())) + " members, none of them a learner.",
			Commands: []string{
				"kubectl get nodes --label-columns topology.kubernetes.io/zone," + PoolLabel,
				l.Voters()[0].Run(Etcdctl("member list --write-out=table")),
				l.Voters()[0].Run(Etcdctl("endpoint health --cluster")),
			},
		})
	if c.Spec.Backup != nil {
		m := l.Voters()[0]
		steps = append(steps, file.Step{
			Title: "Take the first snapshot",
			Text: "The timers go on by themselves. For s3:// destinations each member of etcd needs credentials of its own" +
				" (an instance role, or /root/.aws/credentials with mode 0600); they are not in these files.",
			Commands: []string{m.Run("systemctl start bulkhead-etcd-backup.service"), m.Run("systemctl list-timers 'bulkhead-*'")},
		})
	}
	return steps
}

// etcdctlScript runs etcdctl of a machine's own member, with its certificates.
const etcdctlScript = scripts + "/etcdctl.sh"

// Etcdctl returns the command that asks a machine's own member of etcd.
func Etcdctl(command string) string { return etcdctlScript + " " + command }

// SSH is how the owner reaches a machine.
func (m Machine) SSH() string {
	target := m.User + "@" + m.Address.String()
	if m.Port != 22 {
		return fmt.Sprintf("ssh -p %d %s", m.Port, target)
	}
	return "ssh " + target
}

// Run returns a line that runs a command as root on the machine.
func (m Machine) Run(command string) string {
	if m.User != "root" {
		command = "sudo " + command
	}
	return m.SSH() + " " + quote(command)
}

// copyStep puts the output on every machine and has it install itself.
func (l *Layout) copyStep() file.Step {
	s := file.Step{
		Title: "Prepare the machines",
		Text: "Machines that start with `cloud-init/HOST.yaml` as their user data have done this themselves." +
			" The script installs packages, sets the kernel up and puts each file in its place;" +
			" it may be run again. The machines must reach each other on the ports in " +
			"`host/HOST/install.sh`; load balancers reach each other by VRRP (IP protocol 112).",
	}
	for _, m := range l.Machines {
		s.Commands = append(s.Commands, "tar -c . | "+m.Run("sh -c "+quote(fmt.Sprintf(
			"mkdir -p %[1]s && tar -x --no-same-owner -C %[1]s && bash %[1]s/host/%[2]s/install.sh --prepare", copied, m.Name))))
	}
	return s
}

// authoritiesStep makes the CAs on the first machines and sends them on.
func (l *Layout) authoritiesStep() file.Step {
	first := l.ControlPlane()[0]
	s := file.Step{
		Title: "Make the certificate authorities",
		Text: "On the first machine, before there is a cluster, so that HAProxy can verify API servers from the start." +
			" They go from machine to machine through SSH and are never written here." +
			" Afterwards each machine makes its own certificates.",
	}
	phases := []string{"ca", "front-proxy-ca", "sa"}
	files := "pki/ca.crt pki/ca.key pki/front-proxy-ca.crt pki/front-proxy-ca.key pki/sa.key pki/sa.pub"
	if !l.External() {
		phases = append(phases, "etcd-ca")
		files += " pki/etcd/ca.crt pki/etcd/ca.key"
	}
	for _, phase := range phases {
		s.Commands = append(s.Commands, first.Run("kubeadm init phase certs "+phase+" --config "+ConfigurationFile))
	}
	for _, m := range l.ControlPlane()[1:] {
		s.Commands = append(s.Commands, send(first, m, files))
	}
	return s
}

// send returns a line that copies files below /etc/kubernetes from a machine to
// another, with their modes.
func send(from, to Machine, files string) string {
	return from.Run("tar -c -C /etc/kubernetes "+files) + " | " + to.Run("tar -x -C /etc/kubernetes")
}

func (l *Layout) balancersStep() file.Step {
	first := l.ControlPlane()[0]
	s := file.Step{
		Title: "Start the load balancers",
		Text: fmt.Sprintf("HAProxy listens on port %d of each and passes connections to port %d of the API servers that are ready.",
			l.EndpointPort, l.APIPort),
	}
	const services = "haproxy keepalived"
	s.Text += fmt.Sprintf(" The virtual IP %s appears when the first API server is ready, not before.", l.VirtualIP)
	if l.EndpointHost != l.VirtualIP.String() {
		s.Text += " `" + l.EndpointHost + "` must resolve to " + l.VirtualIP.String() + " on every machine."
	}
	for _, m := range l.Balancers() {
		s.Commands = append(s.Commands,
			first.Run("cat /etc/kubernetes/pki/ca.crt")+" | "+m.Run("install -D -m 0644 /dev/stdin "+BalancerCA),
			m.Run("systemctl enable "+services), m.Run("systemctl restart "+services))
	}
	return s
}

func (l *Layout) etcdStep() file.Step {
	voters := l.Voters()
	first := voters[0]
	s := file.Step{
		Title: "Start etcd",
		Text: "On its own machines, by kubeadm's phases: the kubelet there runs etcd as a static pod and asks no API server." +
			" The members wait for each other; the last command must find all of them healthy.",
		Commands: []string{first.Run("kubeadm init phase certs etcd-ca --config " + ConfigurationFile)},
	}
	for _, m := range voters[1:] {
		s.Commands = append(s.Commands, send(first, m, "pki/etcd/ca.crt pki/etcd/ca.key"))
	}
	for _, m := range voters {
		for _, phase := range []string{"certs etcd-server", "certs etcd-peer", "certs etcd-healthcheck-client", "etcd local"} {
			s.Commands = append(s.Commands, m.Run("kubeadm init phase "+phase+" --config "+ConfigurationFile))
		}
		s.Commands = append(s.Commands, m.Run("systemctl daemon-reload"), m.Run("systemctl restart kubelet"))
	}
	s.Commands = append(s.Commands, first.Run("kubeadm init phase certs apiserver-etcd-client --config "+ConfigurationFile))
	for _, m := range l.ControlPlane() {
		s.Commands = append(s.Commands, send(first, m, "pki/etcd/ca.crt pki/apiserver-etcd-client.crt pki/apiserver-etcd-client.key"))
	}
	s.Commands = append(s.Commands, first.Run(Etcdctl("endpoint health --cluster")))
	return s
}

func (l *Layout) joinStep() file.Step {
	first := l.ControlPlane()[0]
	s := file.Step{
		Title: "Join the others, one after the other",
		Text: "Each gets the API's address, its CA and a token of two hours through SSH, joins, and drops them." +
			" Wait for each control plane machine before the next: it joins etcd as a learner and is promoted" +
			" when it has caught up. A join that failed leaves a member behind: " +
			"`etcdctl member list`, `member remove`, `kubeadm reset`, then again.",
	}
	for _, m := range append(l.ControlPlane()[1:], l.Workers()...) {
		s.Commands = append(s.Commands,
			first.Run(scripts+"/discovery.sh")+" | "+m.Run("install -D -m 0600 /dev/stdin "+DiscoveryFile),
			m.Run("kubeadm join --config "+ConfigurationFile),
			m.Run("rm -f "+DiscoveryFile))
	}
	return s
}

// network installs the plugin: nodes are not Ready without one.
func network(c *v1alpha1.Cluster) file.Step {
	s := file.Step{Title: "Install the network plugin"}
	switch c.Spec.Network.CNI {
	case "":
		s.Text = "Nodes become Ready when there is one. The spec names none (spec.network.cni): install yours, for pods in " +
			strings.Join(c.Spec.Network.PodCIDRs, " and ") + "."
	case "cilium":
		s.Text = "With the addresses that Kubernetes gives each node, out of " + strings.Join(c.Spec.Network.PodCIDRs, " and ") +
			". `cilium` is its command line tool."
		s.Commands = []string{"cilium install --set ipam.mode=kubernetes", "cilium status --wait"}
	default:
		s.Text = fmt.Sprintf("Install %s as its own documentation says, for pods in %s.",
			c.Spec.Network.CNI, strings.Join(c.Spec.Network.PodCIDRs, " and "))
	}
	return s
}

// localSteps show what the files are for: the local provider starts components as
// processes from them.
func (l *Layout) localSteps() []file.Step {
	validate := file.Step{
		Title: "Check the configurations",
		Text:  "By kubeadm itself. The files of this provider are for processes in network namespaces of one machine: nothing is copied and no kubelet runs.",
	}
	for _, m := range l.Machines {
		if m.kubernetes() && m.Role != v1alpha1.RoleWorker {
			validate.Commands = append(validate.Commands, "kubeadm config validate --config kubeadm/"+m.Name+"/kubeadm.yaml")
		}
	}
	first := l.ControlPlane()[0]
	return []file.Step{validate, {
		Title: "See what a member runs",
		Text: "kubeadm writes the certificates and the complete commands of etcd and the control plane of " + first.Name +
			", as root, in a mount namespace of its own: /etc/kubernetes of this machine stays as it is, and everything is gone afterwards.",
		Commands: []string{"sudo unshare --mount sh -ec '\n" +
			"  mkdir -p /etc/kubernetes && mount -t tmpfs none /etc/kubernetes\n" +
			"  install -D -m 0644 kubeadm/authentication.yaml " + authenticationFile + "\n" +
			"  for phase in \"certs all\" \"kubeconfig all\" \"control-plane all\" \"etcd local\"; do\n" +
			"    kubeadm init phase $phase --config kubeadm/" + first.Name + "/kubeadm.yaml\n" +
			"  done\n" +
			"  cat /etc/kubernetes/manifests/*.yaml'"},
	}}
}
