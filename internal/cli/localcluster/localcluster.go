//go:build linux

// Package localcluster finds the local cluster that a verb is about.
package localcluster

import (
	"errors"
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/internal/local"
)

// Find opens the local cluster of a name, or the only one.
func Find(name string) (*local.Cluster, error) {
	home, err := local.Home()
	if err != nil {
		return nil, err
	}
	if name == "" {
		names, err := local.List(home)
		if err != nil {
			return nil, err
		}
		switch len(names) {
		case 0:
			return nil, errors.New("there is no local cluster\nhint: sudo bulkhead apply -f examples/local.yaml makes one")
		case 1:
			name = names[0]
		default:
			return nil, fmt.Errorf("there are several local clusters: %s\nhint: --cluster names one", strings.Join(names, ", "))
		}
	}
	return local.Open(home, name)
}
