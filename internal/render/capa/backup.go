package capa

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

const (
	// etcdImage holds etcdctl and etcdutl; the tag is what kubeadm 1.36 runs
	// (cmd/kubeadm/app/constants, DefaultEtcdVersion).
	etcdImage = "registry.k8s.io/etcd:3.6.8-0"
	awsImage  = "public.ecr.aws/aws-cli/aws-cli:2.22.0"
	pki       = "/etc/kubernetes/pki/etcd"
	snapshot  = "/snapshot/etcd.db"
	// backupMinute keeps the jobs off the full hour, when everybody's run.
	backupMinute = 7
	// backupDeadline, in seconds, ends a job whose node died with it: none would
	// follow otherwise, since two never run at once.
	backupDeadline = 1800
)

const backupComment = `A snapshot of etcd, taken on any control plane node that is up, verified, and
uploaded under a name of its own. One job serves: each member has all data, and the
scheduler passes by a zone that is lost. Credentials are the control plane's instance
profile; how many copies stay is a lifecycle rule of the bucket.`

// backupFile is the CronJob of etcd's snapshots.
func backupFile(c *v1alpha1.Cluster) (file.File, error) {
	b := c.Spec.Backup
	schedule, err := cronSchedule(b)
	if err != nil {
		return file.File{}, err
	}
	var uploads []corev1.Container
	for i, d := range b.Destinations {
		target, err := destination(d)
		if err != nil {
			return file.File{}, fmt.Errorf("spec.backup.destinations[%d]: %w", i, err)
		}
		uploads = append(uploads, corev1.Container{
			Name: fmt.Sprintf("upload-%d", i+1), Image: awsImage,
			// The pod's name holds the minute of the schedule: no copy replaces another.
			Args: []string{"s3", "cp", "--only-show-errors", snapshot, target + "/$(POD_NAME).db"},
			Env: []corev1.EnvVar{
				{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
				{Name: "AWS_REGION", Value: c.Spec.Region},
			},
			VolumeMounts:    []corev1.VolumeMount{{Name: "snapshot", MountPath: "/snapshot", ReadOnly: true}},
			SecurityContext: noPrivileges(),
		})
	}
	name := prefixed(c.Metadata.Name, "etcd-backup")
	job := &batchv1.CronJob{
		TypeMeta:   typeMeta("batch/v1", "CronJob"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceSystem},
		Spec: batchv1.CronJobSpec{
			Schedule:                   schedule,
			TimeZone:                   new("Etc/UTC"),
			ConcurrencyPolicy:          batchv1.ForbidConcurrent,
			StartingDeadlineSeconds:    new(int64(600)),
			SuccessfulJobsHistoryLimit: new(int32(3)),
			FailedJobsHistoryLimit:     new(int32(3)),
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{
				BackoffLimit:          new(int32(3)),
				ActiveDeadlineSeconds: new(int64(backupDeadline)),
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/name": "etcd-backup"}},
					Spec:       backupPod(uploads),
				},
			}},
		},
	}
	return yamlFile("capa/addons/etcd-backup.yaml", backupComment, job)
}

func backupPod(uploads []corev1.Container) corev1.PodSpec {
	etcdctl := corev1.Container{
		Name: "save", Image: etcdImage,
		Command: []string{
			"etcdctl", "--endpoints=https://127.0.0.1:2379", "--cacert=" + pki + "/ca.crt",
			"--cert=" + pki + "/healthcheck-client.crt", "--key=" + pki + "/healthcheck-client.key",
			"--command-timeout=5m", "snapshot", "save", snapshot,
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "pki", MountPath: pki, ReadOnly: true}, {Name: "snapshot", MountPath: "/snapshot"},
		},
		SecurityContext: noPrivileges(),
	}
	verify := corev1.Container{
		Name: "verify", Image: etcdImage,
		Command:         []string{"etcdutl", "snapshot", "status", snapshot, "--write-out=json"},
		VolumeMounts:    []corev1.VolumeMount{{Name: "snapshot", MountPath: "/snapshot"}},
		SecurityContext: noPrivileges(),
	}
	return corev1.PodSpec{
		RestartPolicy:                corev1.RestartPolicyNever,
		AutomountServiceAccountToken: new(false),
		HostNetwork:                  true, // etcd listens on the host's loopback
		PriorityClassName:            "system-cluster-critical",
		NodeSelector:                 map[string]string{"node-role.kubernetes.io/control-plane": ""},
		Tolerations:                  []corev1.Toleration{{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}},
		// The keys are readable by root only.
		SecurityContext: &corev1.PodSecurityContext{
			RunAsUser:      new(int64(0)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		InitContainers: []corev1.Container{etcdctl, verify},
		Containers:     uploads,
		Volumes: []corev1.Volume{
			{Name: "pki", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: pki, Type: new(corev1.HostPathDirectory)}}},
			{Name: "snapshot", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("10Gi"))}}},
		},
	}
}

func noPrivileges() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// destination is s3://BUCKET/PREFIX without a slash at its end.
func destination(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return "", fmt.Errorf("%q is not s3://BUCKET/PREFIX", text)
	}
	return "s3://" + strings.TrimRight(u.Host+u.Path, "/"), nil
}

// cronSchedule says every so often in cron's words, which know divisors of an hour
// and of a day only; anything else would leave a gap at the hour's or the day's end.
func cronSchedule(b *v1alpha1.BackupSpec) (string, error) {
	if b.Every == nil {
		return "", fmt.Errorf("spec.backup.every: it is needed")
	}
	every := b.Every.Duration
	minutes, hours := int(every.Minutes()), int(every.Hours())
	switch {
	case every == 24*time.Hour:
		return fmt.Sprintf("%d 0 * * *", backupMinute), nil
	case hours >= 1 && every == time.Duration(hours)*time.Hour && 24%hours == 0:
		return fmt.Sprintf("%d */%d * * *", backupMinute, hours), nil
	case minutes >= 5 && every == time.Duration(minutes)*time.Minute && 60%minutes == 0:
		return fmt.Sprintf("*/%d * * * *", minutes), nil
	}
	return "", fmt.Errorf("spec.backup.every: %s has no place in a CronJob; use minutes that divide an hour, 5 at least, or hours that divide a day", every)
}
