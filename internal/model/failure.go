package model

// Failure is what is taken away in a scenario.
type Failure struct {
	// Name of the scenario, for example "zone-b".
	Name string
	// Zones that are lost with all their nodes.
	Zones []string
	// Nodes that are lost one by one.
	Nodes []string
	// Partition names two zones that cannot reach each other; both reach the
	// control plane and stay Ready. Empty otherwise.
	Partition []string
}

// FailureSpec is a failure as asked for, before the zones are known.
type FailureSpec struct {
	// Each expands to one scenario each: "zones", "zone-pairs" or "nodes";
	// empty for one explicit failure.
	Each string
	// Zones, Nodes, Partition as in Failure.
	Zones, Nodes, Partition []string
}
