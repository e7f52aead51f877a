package eks

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/aws"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// kubeconfig of the new cluster, in the output folder.
const kubeconfig = "kubeconfig"

// Steps are what a person does with the files, in order. They are for a cluster
// and a plan that Files accepts.
func Steps(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.Step {
	name, region := c.Metadata.Name, c.Spec.Region
	apply := "kubectl --kubeconfig " + kubeconfig + " apply -f eks/addons/"
	steps := []file.Step{
		{
			Title: "Make the cluster",
			Text: fmt.Sprintf("About 20 minutes. eksctl makes the network, the control plane and the node groups as CloudFormation stacks, with your AWS profile. "+
				"The control plane is Amazon's and stands in several zones of %s, whichever those of the nodes are. %s", region, natText(c, p)),
			Commands: []string{
				"eksctl create cluster -f eks/cluster.yaml --kubeconfig " + kubeconfig,
				"kubectl --kubeconfig " + kubeconfig + " get nodes -L topology.kubernetes.io/zone",
			},
		},
		{
			Title: "Make the default StorageClass",
			Text:  "Where EKS has made a default class of its own (gp2), it stops being the default: with two, the newer one is used and nobody knows which it is.",
			Commands: []string{
				"kubectl --kubeconfig " + kubeconfig + " annotate storageclass gp2 storageclass.kubernetes.io/is-default-class=false --overwrite || true",
				apply + "storage-class.yaml",
			},
		},
	}
	if c.Spec.Storage.SharedClassName != "" {
		steps = append(steps, sharedStorageStep(c, p))
	}
	if c.Spec.Ingress != nil {
		steps = append(steps, file.Step{
			Title: "Let traffic in",
			Text:  "The AWS Load Balancer Controller makes the network load balancer; its rights came with the cluster (pod identity).",
			Commands: []string{
				"helm repo add eks https://aws.github.io/eks-charts",
				fmt.Sprintf("VPC=$(aws eks describe-cluster --name %s --region %s --query cluster.resourcesVpcConfig.vpcId --output text)", name, region),
				fmt.Sprintf("helm install aws-load-balancer-controller eks/aws-load-balancer-controller --kubeconfig %s --namespace kube-system --set clusterName=%s --set region=%s --set vpcId=$VPC --set serviceAccount.name=aws-load-balancer-controller --set replicaCount=2", kubeconfig, name, region),
				apply + "ingress.yaml",
			},
		})
	}
	if len(aws.Autoscaled(c)) > 0 {
		steps = append(steps, file.Step{
			Title: "Start the autoscaler",
			Text: fmt.Sprintf("It finds the groups by the tags that EKS gives them. It goes on while up to %d %% of the nodes are unready; by default it stops at 45 %%. "+
				"Give `--version` the chart whose autoscaler has the cluster's minor version.", aws.Unready(p)),
			Commands: []string{
				"helm repo add autoscaler https://kubernetes.github.io/autoscaler",
				fmt.Sprintf("helm install %s autoscaler/cluster-autoscaler --kubeconfig %s --namespace kube-system -f eks/addons/cluster-autoscaler.yaml", autoscalerRelease, kubeconfig),
			},
		})
	}
	return append(steps, file.Step{
		Title: "Practise a zonal shift",
		Text: "A zonal shift takes a zone's endpoints and load balancer targets out of use, cordons its nodes and evicts nothing. " +
			"It ends by itself; try it before it is needed, with the traffic that there is.",
		Commands: []string{
			fmt.Sprintf("ARN=$(aws eks describe-cluster --name %s --region %s --query cluster.arn --output text)", name, region),
			fmt.Sprintf("ZONE_ID=$(aws ec2 describe-availability-zones --region %s --zone-names %s --query 'AvailabilityZones[0].ZoneId' --output text)", region, p.Zones[len(p.Zones)-1]),
			fmt.Sprintf("aws arc-zonal-shift start-zonal-shift --region %s --resource-identifier $ARN --away-from $ZONE_ID --expires-in 30m --comment practice", region),
		},
	})
}

func natText(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) string {
	if existing(p) {
		return "The subnets and their routes are yours and stay as they are."
	}
	const cut = " eksctl cuts the VPC by a rule of its own, which the plan follows: its subnets are in the comment of the file."
	switch natMode(c) {
	case "Single":
		return fmt.Sprintf("One NAT gateway in %s serves all zones, as asked: with this zone all lose their way out.", orderedZones(p)[0]) + cut
	case "Disable":
		return "There is no way out, as asked: make VPC endpoints for ECR, S3, EC2, STS and EKS before the nodes start, or they do not join." + cut
	}
	return "Each zone has a NAT gateway of its own; eksctl's default is one for all." + cut
}

// sharedStorageStep makes the file system with a mount target in every private
// subnet: a mount goes through the target of its own zone, so that no zone's
// volumes hang on another's.
func sharedStorageStep(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) file.Step {
	name, region := c.Metadata.Name, c.Spec.Region
	subnets := fmt.Sprintf("$(aws ec2 describe-subnets --region %s --filters Name=tag:kubernetes.io/role/internal-elb,Values=1 Name=tag:alpha.eksctl.io/cluster-name,Values=%s --query 'Subnets[].SubnetId' --output text)", region, name)
	if existing(p) {
		subnets = strings.Join(oneEach(p), " ")
	}
	return file.Step{
		Title: "Make the shared file system",
		Text:  "EFS keeps its data in several zones; a mount target in each zone keeps a mount inside its zone.",
		Commands: []string{
			fmt.Sprintf("FILE_SYSTEM=$(aws efs create-file-system --region %s --encrypted --tags Key=Name,Value=%s --query FileSystemId --output text)", region, name),
			fmt.Sprintf("GROUP=$(aws eks describe-cluster --name %s --region %s --query cluster.resourcesVpcConfig.clusterSecurityGroupId --output text)", name, region),
			fmt.Sprintf("for subnet in %s; do\n"+
				"  aws efs create-mount-target --region %s --file-system-id $FILE_SYSTEM --subnet-id $subnet --security-groups $GROUP\ndone", subnets, region),
			fmt.Sprintf("sed \"s/%s/$FILE_SYSTEM/\" eks/addons/shared-storage-class.yaml | kubectl --kubeconfig %s apply -f -", aws.FileSystemID, kubeconfig),
		},
	}
}

// oneEach is the first private subnet of each zone: a file system takes one mount
// target a zone.
func oneEach(p *v1alpha1.ClusterPlan) []string {
	var out []string
	for _, zone := range p.Zones {
		out = append(out, privateIn(p, []string{zone})[:1]...)
	}
	return out
}
