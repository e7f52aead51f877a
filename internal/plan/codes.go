package plan

// Codes of findings. They are stable: people filter and programs decide by them.
// Nothing else in the package spells a code.
const (
	// CodeOneZone: everything stands in one zone.
	CodeOneZone = "one-zone"
	// CodeTwoZones: two zones; etcd's majority is always in one of them.
	CodeTwoZones = "two-zones"
	// CodeFewerZones: fewer zones than the limit offer what is asked for.
	CodeFewerZones = "fewer-zones"
	// CodeMachineTypeUnknown: the catalogue does not know a machine type, so that
	// neither its zones nor its room were checked.
	CodeMachineTypeUnknown = "machine-type-unknown"
	// CodeQuorumInOneZone: a zone's loss takes etcd's majority.
	CodeQuorumInOneZone = "quorum-in-one-zone"
	// CodeQuorumOnOneMachine: a machine's loss takes etcd's majority.
	CodeQuorumOnOneMachine = "quorum-on-one-machine"
	// CodeEvenVoters: an even number of voters survives no more than one fewer.
	CodeEvenVoters = "even-voters"
	// CodeAPIInOneZone: a zone's loss stops the API.
	CodeAPIInOneZone = "api-in-one-zone"
	// CodeLoadBalancerInOneZone: every HAProxy stands in one zone.
	CodeLoadBalancerInOneZone = "load-balancer-in-one-zone"
	// CodeVirtualIPOverSubnets: a virtual IP cannot move between zones that have
	// layer-2 networks of their own.
	CodeVirtualIPOverSubnets = "virtual-ip-over-subnets"
	// CodeVirtualIPMissing: several HAProxy and no address that moves between them.
	CodeVirtualIPMissing = "virtual-ip-missing"
	// CodeNodesThroughOneGateway: a zone's loss takes the nodes of all zones.
	CodeNodesThroughOneGateway = "nodes-through-one-gateway"
	// CodeEgressInOneZone: a zone's loss takes the way out of all zones.
	CodeEgressInOneZone = "egress-in-one-zone"
	// CodeNoWayOut: nodes have neither a public address nor a gateway.
	CodeNoWayOut = "no-way-out"
	// CodeRegistryInOneZone: a zone's loss stops image pulls everywhere.
	CodeRegistryInOneZone = "registry-in-one-zone"
	// CodePartitionHidden: nodes stay Ready while their pods cannot talk.
	CodePartitionHidden = "partition-hidden"
	// CodeAutoscalerStops: a zone's loss leaves so many nodes unready that the
	// Cluster Autoscaler stops.
	CodeAutoscalerStops = "autoscaler-stops"
	// CodeNoRoom: with a zone gone the others, at their max, do not hold the load.
	CodeNoRoom = "no-room"
	// CodeFewAddresses: a subnet has fewer addresses than its nodes and pods take at
	// their max.
	CodeFewAddresses = "few-addresses"
	// CodePoolInOneZone: a pool stands in one zone only.
	CodePoolInOneZone = "pool-in-one-zone"
	// CodeVolumesInGroup: one group over zones cannot be told in which zone a
	// zonal volume's pod needs a node.
	CodeVolumesInGroup = "volumes-in-group"
	// CodeImmediateBinding: volumes are made before anybody knows where the pod
	// can run.
	CodeImmediateBinding = "immediate-binding"
	// CodeIngressWithoutDNS: nothing takes a lost zone's address away from users.
	CodeIngressWithoutDNS = "ingress-without-dns"
	// CodeRecoveryTimeMissed: the predicted recovery is longer than asked for.
	CodeRecoveryTimeMissed = "recovery-time-missed"
	// CodeRecoveryPointMissed: more acknowledged data can be lost than asked for.
	CodeRecoveryPointMissed = "recovery-point-missed"
	// CodeAvailabilityMissed: one zone's loss costs more than a year's downtime.
	CodeAvailabilityMissed = "availability-missed"
	// CodeNoBackup: nothing brings the cluster's state back when a majority is
	// lost for good.
	CodeNoBackup = "no-backup"

	// CodeNotInPlace: a change that only a new cluster can make (Diff).
	CodeNotInPlace = "not-in-place"
	// CodeNoSafeOrder: every order of the steps leaves a moment in which a zone's
	// loss, survived before, costs the majority (Diff).
	CodeNoSafeOrder = "no-safe-order"
	// CodeProtectionLost: after the change a zone's loss is no longer survived
	// (Diff).
	CodeProtectionLost = "protection-lost"
)
