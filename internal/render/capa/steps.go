package capa

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/aws"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// kubeconfig of the new cluster, in the output folder.
const kubeconfig = "kubeconfig"

// Steps are what a person does with the files, in order. They are for a cluster
// and a plan that Files accepts.
func Steps(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.Step {
	name := c.Metadata.Name
	steps := []file.Step{
		{
			Title: "Prepare the management cluster",
			Text: "Cluster API runs in a Kubernetes cluster of its own. While the zone that it stands in is lost, nothing is replaced or scaled: " +
				"let it span zones too, or stand in another region. The credentials are an AWS profile's; none is in these files.",
			Commands: []string{
				"export AWS_REGION=" + c.Spec.Region,
				"clusterawsadm bootstrap iam create-cloudformation-stack --region " + c.Spec.Region,
				"export AWS_B64ENCODED_CREDENTIALS=$(clusterawsadm bootstrap credentials encode-as-profile)",
				"clusterctl init --infrastructure aws",
			},
		},
		{
			Title: "Check the machine image",
			Text: "CAPA looks an image up by the Kubernetes version. Images are published for some versions only; where this lists none, " +
				"build one (image-builder) and name its account in `imageLookupOrg` of the AWSCluster.",
			Commands: []string{fmt.Sprintf("clusterawsadm ami list --kubernetes-version v%s --region %s", c.Spec.KubernetesVersion, c.Spec.Region)},
		},
		{
			Title: "Make the network and the control plane",
			Text: "Apply is server-side, because CAPA writes the IDs of what it makes into the same object. The API's load balancer is up after some minutes, the first member after about ten. The others wait until the network plugin of the next step runs on the first. " +
				rolloutText(p),
			Commands: []string{
				"kubectl apply --server-side --namespace default -f capa/cluster.yaml",
				"kubectl apply --server-side --namespace default -f capa/control-plane.yaml",
				fmt.Sprintf("kubectl wait --namespace default --for=condition=ControlPlaneInitialized cluster/%s --timeout=30m", name),
				fmt.Sprintf("clusterctl get kubeconfig %s --namespace default > %s", name, kubeconfig),
			},
		},
		networkStep(c, p),
	}
	var pools []string
	for _, pool := range p.Pools {
		pools = append(pools, "kubectl apply --server-side --namespace default -f capa/pool-"+pool.Name+".yaml")
	}
	steps = append(steps, file.Step{
		Title: "Make the nodes",
		Text:  "A zonal pool is a MachineDeployment a zone. Apply the files again after a change of the spec: a template that changes has a new name, which replaces the machines one by one, and sizes that the autoscaler owns are not in them.",
		Commands: append(pools,
			fmt.Sprintf("kubectl wait --namespace default --for=condition=Available cluster/%s --timeout=30m", name),
			"kubectl --kubeconfig "+kubeconfig+" get nodes -L topology.kubernetes.io/zone"),
	}, storageStep(c, p))
	if c.Spec.Ingress != nil {
		steps = append(steps, file.Step{
			Title: "Let traffic in",
			Text: "The Service is for the AWS Load Balancer Controller, which needs an IAM policy of its own on the nodes' role " +
				"(kubernetes-sigs.github.io/aws-load-balancer-controller, installation). Without it, the Service waits for an address.",
			Commands: []string{
				"helm repo add eks https://aws.github.io/eks-charts",
				fmt.Sprintf("helm install aws-load-balancer-controller eks/aws-load-balancer-controller --kubeconfig %s --namespace kube-system --set clusterName=%s --set region=%s --set replicaCount=2", kubeconfig, name, c.Spec.Region),
				"kubectl --kubeconfig " + kubeconfig + " apply -f capa/addons/ingress.yaml",
			},
		})
	}
	if len(aws.Autoscaled(c)) > 0 {
		steps = append(steps, file.Step{
			Title: "Start the autoscaler",
			Text: fmt.Sprintf("It runs in the management cluster and reads the new cluster through the Secret %s-kubeconfig. It goes on while up to %d %% of the nodes are unready; by default it stops at 45 %%.",
				name, aws.Unready(p)),
			Commands: []string{
				"helm repo add autoscaler https://kubernetes.github.io/autoscaler",
				"helm install " + autoscalerRelease(c) + " autoscaler/cluster-autoscaler --namespace default -f capa/addons/cluster-autoscaler.yaml",
			},
		})
	}
	if c.Spec.Backup != nil {
		steps = append(steps, backupStep(c))
	}
	return steps
}

func networkStep(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) file.Step {
	step := file.Step{Title: "Install the network plugin and the cloud controller"}
	with := " --kubeconfig " + kubeconfig + " --namespace kube-system"
	switch c.Spec.Network.CNI {
	case "cilium":
		step.Text = "Cilium takes pod addresses from the nodes' ranges, not from its own default, which the VPC may overlap. "
		step.Commands = []string{
			"helm repo add cilium https://helm.cilium.io",
			"helm install cilium cilium/cilium" + with + " --set ipam.mode=kubernetes",
		}
	case "flannel":
		step.Text = "Flannel. "
		step.Commands = []string{
			"helm repo add flannel https://flannel-io.github.io/flannel",
			fmt.Sprintf("helm install flannel flannel/flannel --kubeconfig %s --namespace kube-flannel --create-namespace --set podCidr=%s", kubeconfig, strings.Join(p.Network.PodCIDRs, ",")),
		}
	default:
		step.Text = "Calico, whose ports are open between nodes. "
		step.Commands = []string{
			"helm repo add projectcalico https://docs.tigera.io/calico/charts",
			fmt.Sprintf("helm install calico projectcalico/tigera-operator --kubeconfig %s --namespace tigera-operator --create-namespace", kubeconfig),
		}
	}
	step.Text += "The cloud controller gives nodes their zone label and removes the nodes of machines that are gone; until it has seen a node, nothing runs there."
	step.Commands = append(step.Commands,
		"helm repo add aws-cloud-controller-manager https://kubernetes.github.io/cloud-provider-aws",
		"helm install aws-cloud-controller-manager aws-cloud-controller-manager/aws-cloud-controller-manager"+with,
	)
	return step
}

func storageStep(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) file.Step {
	apply := "kubectl --kubeconfig " + kubeconfig + " apply -f "
	step := file.Step{
		Title: "Install storage",
		Text:  "The EBS driver and the default StorageClass. The nodes' role needs the policy AmazonEBSCSIDriverPolicy.",
		Commands: []string{
			"aws iam attach-role-policy --role-name " + nodesProfile + " --policy-arn arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
			"helm repo add aws-ebs-csi-driver https://kubernetes-sigs.github.io/aws-ebs-csi-driver",
			"helm install aws-ebs-csi-driver aws-ebs-csi-driver/aws-ebs-csi-driver --kubeconfig " + kubeconfig + " --namespace kube-system",
			apply + "capa/addons/storage-class.yaml",
		},
	}
	if c.Spec.Storage.SharedClassName != "" {
		step.Text += " EFS gets a mount target in each zone, so that a mount stays inside its zone."
		step.Commands = append(step.Commands, sharedStorage(c, p)...)
	}
	return step
}

// sharedStorage are the commands that make the file system, in the nodes' security
// group (CAPA calls it CLUSTER-node) and in one private subnet of each zone.
func sharedStorage(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []string {
	name, region := c.Metadata.Name, c.Spec.Region
	subnets := fmt.Sprintf("$(aws ec2 describe-subnets --region %s --filters Name=tag:sigs.k8s.io/cluster-api-provider-aws/cluster/%s,Values=owned Name=tag:sigs.k8s.io/cluster-api-provider-aws/role,Values=private --query 'Subnets[].SubnetId' --output text)", region, name)
	if existing(p) {
		var ids []string
		for _, zone := range p.Zones {
			i := slices.IndexFunc(p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Zone == zone && !s.Public })
			ids = append(ids, p.Network.Subnets[i].Name)
		}
		subnets = strings.Join(ids, " ")
	}
	return []string{
		"aws iam attach-role-policy --role-name " + nodesProfile + " --policy-arn arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy",
		"helm repo add aws-efs-csi-driver https://kubernetes-sigs.github.io/aws-efs-csi-driver",
		"helm install aws-efs-csi-driver aws-efs-csi-driver/aws-efs-csi-driver --kubeconfig " + kubeconfig + " --namespace kube-system",
		fmt.Sprintf("FILE_SYSTEM=$(aws efs create-file-system --region %s --encrypted --tags Key=Name,Value=%s --query FileSystemId --output text)", region, name),
		fmt.Sprintf("GROUP=$(aws ec2 describe-security-groups --region %s --filters Name=group-name,Values=%s-node --query 'SecurityGroups[0].GroupId' --output text)", region, name),
		fmt.Sprintf("for subnet in %s; do\n  aws efs create-mount-target --region %s --file-system-id $FILE_SYSTEM --subnet-id $subnet --security-groups $GROUP\ndone", subnets, region),
		fmt.Sprintf("sed \"s/%s/$FILE_SYSTEM/\" capa/addons/shared-storage-class.yaml | kubectl --kubeconfig %s apply -f -", aws.FileSystemID, kubeconfig),
	}
}

func backupStep(c *v1alpha1.Cluster) file.Step {
	b := c.Spec.Backup
	days := 1
	if b.Keep != nil && b.Every != nil {
		days = max(int((b.Every.Hours()*float64(*b.Keep)+23)/24), 1)
	}
	return file.Step{
		Title: "Start the backups",
		Text: fmt.Sprintf("A snapshot every %s to %s. The role %s needs `s3:PutObject` there. To keep %d copies, give the bucket a lifecycle rule that expires objects after %d days: "+
			"the job only adds. Try the job at once, and a restore before it is needed.",
			plain(b.Every.Duration), strings.Join(b.Destinations, " and "), controlPlaneProfile, *b.Keep, days),
		Commands: []string{
			"kubectl --kubeconfig " + kubeconfig + " apply -f capa/addons/etcd-backup.yaml",
			fmt.Sprintf("kubectl --kubeconfig %s --namespace kube-system create job --from=cronjob/%s %s-try", kubeconfig, prefixed(c.Metadata.Name, "etcd-backup"), c.Metadata.Name),
			fmt.Sprintf("kubectl --kubeconfig %s --namespace kube-system wait --for=condition=Complete job/%s-try --timeout=30m", kubeconfig, c.Metadata.Name),
		},
	}
}

// plain is 6h for 6h0m0s; cronSchedule lets whole minutes through only.
func plain(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// rolloutText tells what an upgrade of the control plane risks.
func rolloutText(p *v1alpha1.ClusterPlan) string {
	members := len(p.ControlPlane.Members)
	if members < 3 {
		return fmt.Sprintf("With %d control plane member no loss of it is survived, neither of the zone nor of the machine.", members)
	}
	gaps := rolloutGaps(p)
	if len(gaps) == 0 {
		return "Every moment of a later rollout survives the loss of any zone that is survived now: a member is added where the fewest are before one is removed."
	}
	text := fmt.Sprintf("A later rollout has moments in which a zone holds one member more, so that its loss (it can be %s) costs the quorum: "+
		"do not start one while a zone is in doubt.", strings.Join(gaps, ", "))
	if members == 3 && len(p.Zones) == 3 {
		text += " A fourth zone, or five members, closes the gap."
	}
	return text
}
