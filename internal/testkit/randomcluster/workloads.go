package randomcluster

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const appLabel = "app"

func selecting(a app) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: a.name}}
}

// makeWorkloads makes Deployments and StatefulSets until they ask for the share
// of the nodes that the seed has drawn, from much less than two zones have to
// more than all three do.
func (g *generator) makeWorkloads() {
	share := pick(g, 40, 55, 65, 75, 90, 105)
	if len(g.nodes) >= 300 {
		share = min(share, 75)
	}
	most := 4*len(g.nodes) + 10
	if len(g.nodes) >= 300 {
		most = 3 * len(g.nodes)
	}
	if g.chance(50) {
		g.daemonSet()
	}
	for i := 0; g.pods < most && g.cpuAsked*100 < g.cpuRoom*int64(share) && g.memAsked*100 < g.memRoom*int64(share); i++ {
		a := app{namespace: pick(g, g.names...), name: fmt.Sprintf("w%d", i)}
		if g.chance(20) {
			g.statefulSet(a)
		} else {
			g.deployment(a)
		}
		g.apps = append(g.apps, a)
	}
}

func (g *generator) deployment(a app) {
	replicas := g.replicas()
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: selecting(a), Template: g.template(a, true, replicas),
		},
	}
	if g.chance(8) { // all its pods share a volume, so that they can be in one zone only
		claim := g.claim(a.namespace, earlyClass, corev1.ReadWriteMany)
		d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}}}
	}
	g.workloads = append(g.workloads, typed(d))
	g.around(a, replicas)
}

func (g *generator) statefulSet(a app) {
	replicas := min(g.replicas(), 6)
	s := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, Selector: selecting(a), ServiceName: a.name, Template: g.template(a, false, replicas),
			PodManagementPolicy: pick(g, appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement),
		},
	}
	if g.chance(60) {
		s.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{g.claimTemplate("data", replicas)}
	}
	g.workloads = append(g.workloads, typed(s))
	g.around(a, replicas)
}

// daemonSet makes an agent for every node; its pods stay on dead ones.
func (g *generator) daemonSet() {
	a := app{namespace: g.names[0], name: "agent"}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: selecting(a).MatchLabels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{g.container(50, 64)}},
	}
	if g.chance(70) {
		template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	}
	g.workloads = append(g.workloads, typed(&appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name},
		Spec:       appsv1.DaemonSetSpec{Selector: selecting(a), Template: template},
	}))
	n := int64(len(g.nodes))
	g.cpuAsked, g.memAsked, g.pods = g.cpuAsked+50*n, g.memAsked+64*n, g.pods+len(g.nodes)
}

// around makes a Service and a PodDisruptionBudget for some workloads.
func (g *generator) around(a app, replicas int32) {
	if g.chance(50) {
		g.workloads = append(g.workloads, typed(&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name},
			Spec: corev1.ServiceSpec{
				Selector: selecting(a).MatchLabels,
				Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
			},
		}))
	}
	if g.chance(30) {
		g.workloads = append(g.workloads, g.budget(a, selecting(a), replicas))
	}
}

func (g *generator) replicas() int32 {
	switch {
	case g.chance(50):
		return int32(1 + g.IntN(4))
	case g.chance(80):
		return int32(3 + g.IntN(8))
	}
	return int32(5 + g.IntN(max(4, min(len(g.nodes), 40))))
}

// template returns the pods of a workload, and counts what they ask for.
func (g *generator) template(a app, hashed bool, replicas int32) corev1.PodTemplateSpec {
	cpu := 50 * (1 + g.Int64N(12))
	if g.chance(25) { // fits on few nodes, or on none that are in use
		cpu = g.smallest * int64(30+g.IntN(60)) / 100
	}
	mem := cpu * int64(2+g.IntN(4))
	g.cpuAsked, g.memAsked, g.pods = g.cpuAsked+cpu*int64(replicas), g.memAsked+mem*int64(replicas), g.pods+int(replicas)
	selector := selecting(a)
	spec := corev1.PodSpec{
		PriorityClassName:         pick(g, g.priorities...),
		Tolerations:               g.tolerations(),
		Affinity:                  g.affinity(a, selector, hashed),
		TopologySpreadConstraints: g.spread(selector, hashed),
	}
	g.containers(&spec, cpu, mem)
	if g.chance(10) {
		spec.NodeSelector = map[string]string{diskLabel: pick(g, "ssd", "hdd")}
	}
	if g.chance(4) {
		spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080, HostPort: int32(9000 + g.IntN(3))}}
	}
	if g.varied && g.chance(8) { // onto nodes whose taint not all tolerate
		spec.NodeSelector = map[string]string{poolTaint: batchPool}
	}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels}, Spec: spec}
}

// containers shares out the requests over one to three containers. In some pods an
// init container asks for as much, or nobody asks for anything.
func (g *generator) containers(spec *corev1.PodSpec, cpu, mem int64) {
	if !g.varied {
		spec.Containers = []corev1.Container{g.container(cpu, mem)}
		return
	}
	n := int64(1)
	if g.chance(25) {
		n = 2 + g.Int64N(2)
	}
	for i := range n {
		c := g.container(cpu/n, mem/n)
		c.Name, c.Image = []string{"main", "proxy", "log"}[i], pick(g, images...)
		spec.Containers = append(spec.Containers, c)
	}
	switch {
	case g.chance(15):
		c := g.container(pick(g, cpu, cpu/2), mem)
		c.Name = "init"
		spec.InitContainers = []corev1.Container{c}
	case g.chance(8): // best effort
		for i := range spec.Containers {
			spec.Containers[i].Resources = corev1.ResourceRequirements{}
		}
	}
}

// images of containers; nodes have some of them.
var images = []string{"example.com/app:1", "example.com/app:2", "example.com/web:1", "example.com/db:1"}

// container asks for cpu, in thousandths, and memory, in MiB.
func (g *generator) container(cpu, mem int64) corev1.Container {
	return corev1.Container{
		Name: "main", Image: images[0],
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU:    *resource.NewMilliQuantity(cpu, resource.DecimalSI),
			corev1.ResourceMemory: *resource.NewQuantity(mem<<20, resource.BinarySI),
		}},
	}
}
