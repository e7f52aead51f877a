//go:build linux

package drill

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// moveTimeout bounds the moving of leaders, and is when the fabric lets those that
// were held down run again by itself.
const moveTimeout = time.Minute

// gather moves every leader into a zone: etcd hands over; the controllers,
// schedulers and load balancers of the other zones are held down until those of
// this one lead, and then run again.
func (s *site) gather(ctx context.Context, zone string) error {
	target := ""
	for _, m := range s.layout.ControlPlane() {
		if m.Zone == zone {
			target = m.Name
			break
		}
	}
	voter := ""
	for _, m := range s.layout.Voters() {
		if m.Zone == zone {
			voter = m.Name
			break
		}
	}
	if target == "" || voter == "" {
		return fmt.Errorf("zone %s has no API server or no member of etcd: leaders cannot be moved there", zone)
	}
	balanced := false
	hold := fabric.Fault{Within: moveTimeout}
	for _, m := range s.layout.Machines {
		balanced = balanced || m.Zone == zone && m.Balancer && !s.cluster.Loopback
	}
	for _, m := range s.layout.Machines {
		if m.Zone == zone {
			continue
		}
		if m.Role == v1alpha1.RoleControlPlane {
			for _, component := range []string{controllerManager, scheduler} {
				if s.zoneOf(s.leaders.of(component)) != zone {
					hold.Stop = append(hold.Stop, fabric.Process{Machine: m.Name, Service: component})
				}
			}
		}
		if m.Balancer && balanced && s.zoneOf(s.leaders.vip()) != zone {
			hold.Stop = append(hold.Stop, fabric.Process{Machine: m.Name, Service: "keepalived"})
		}
	}
	if len(hold.Stop) > 0 {
		if _, err := s.fabric.Inject(hold); err != nil {
			return fmt.Errorf("moving leaders into zone %s: %w", zone, err)
		}
		defer func() { _, _ = s.fabric.Heal() }()
	}
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	// Moving the address cuts the connections that the rest is asked by.
	if balanced {
		if err := local.Await(ctx, "the API's address is in zone "+zone, func() error {
			if at := s.leaders.vip(); s.zoneOf(at) != zone {
				return fmt.Errorf("it is on %s", at)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return local.Await(ctx, "every leader is in zone "+zone, func() error {
		if s.leaders.etcd() != voter {
			if err := s.leaders.moveEtcd(ctx, voter); err != nil {
				return err
			}
		}
		for _, component := range []string{controllerManager, scheduler} {
			if s.zoneOf(s.leaders.of(component)) != zone {
				if err := s.release(ctx, component); err != nil {
					return err
				}
			}
		}
		for _, component := range []string{etcd, controllerManager, scheduler, viaVIP} {
			if at := s.leaders.of(component); s.zoneOf(at) != zone && (component != viaVIP || balanced) {
				return fmt.Errorf("%s is on %s", component, at)
			}
		}
		return nil
	})
}

// release takes a lease from its holder: the next who asks has it.
func (s *site) release(ctx context.Context, component string) error {
	_, err := s.api.CoordinationV1().Leases(metav1.NamespaceSystem).Patch(ctx, component, types.MergePatchType,
		[]byte(`{"spec":{"holderIdentity":"","leaseDurationSeconds":1}}`), metav1.PatchOptions{})
	return err
}
