package model

// Scope is how far a volume reaches: from where it can be mounted.
type Scope string

// The scopes of a volume.
const (
	// ScopeNode: the data lives on one node and is lost with it.
	ScopeNode Scope = "node"
	// ScopeZone: any node of one zone can mount it; it waits for its zone.
	ScopeZone Scope = "zone"
	// ScopeRegion: any node of the region can mount it.
	ScopeRegion Scope = "region"
)
