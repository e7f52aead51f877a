package verdict

import (
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Zone a is lost with n1, from 0 s to 300 s.
func TestFullCount(t *testing.T) {
	pod := func(at float64, object, node string, ready bool) seen {
		return seen{At: injectedAt + at, Kind: "pod", Object: object, Where: node, Ready: ready}
	}
	gone := func(at float64, object string) seen {
		return seen{At: injectedAt + at, Kind: "pod", Object: object, Gone: true}
	}
	for _, test := range []struct {
		name     string
		kind     string
		seen     []seen
		replicas int
		observed string
		lowest   int
	}{
		{"nothing of it lost", "Deployment", []seen{pod(-90, "p1", "n2", true)}, 1, "0", 1},
		{"never full, and nothing lost", "Deployment", []seen{pod(-90, "p1", "n2", true)}, 2, "0", 1},
		{"lost and not back", "Deployment", []seen{pod(-90, "p1", "n1", true), pod(-90, "p2", "n2", true)}, 2, "null", 1},
		{"back", "Deployment", []seen{pod(-90, "p1", "n1", true), pod(80, "p2", "n2", true)}, 1, "80", 0},
		{"back in the moment of the healing is too late", "Deployment", []seen{pod(-90, "p1", "n1", true), pod(300, "p2", "n2", true)}, 1, "null", 0},
		{"ready on the lost node is not", "Deployment", []seen{pod(-90, "p1", "n1", true), pod(1, "p1", "n1", true)}, 1, "null", 0},
		{"back, lost again, back", "Deployment", []seen{
			pod(-90, "p1", "n1", true), pod(80, "p2", "n2", true), gone(90, "p2"), pod(110, "p3", "n3", true),
		}, 1, "110", 0},
		{"back and lost again", "Deployment", []seen{pod(-90, "p1", "n1", true), pod(80, "p2", "n2", true), gone(90, "p2")}, 1, "null", 0},
		{"replaced in one moment", "Deployment", []seen{pod(-90, "p1", "n2", true), gone(50, "p1"), pod(50, "p2", "n3", true)}, 1, "0", 1},
		{"one a living node", "DaemonSet", []seen{pod(-90, "p1", "n1", true), pod(-90, "p2", "n2", true)}, 2, "0", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := loss()
			e.Observations = test.seen
			ref := v1alpha1.WorkloadRef{Kind: test.kind, Namespace: "shop", Name: "it"}
			for i := range e.Observations {
				e.Observations[i].Workload = name(ref)
			}
			e.Record.Workloads = []v1alpha1.DrillSubject{{WorkloadRef: ref, Replicas: test.replicas}}
			w := judge(t, e).Workloads[0]
			if number(w.ObservedSeconds) != test.observed || w.Lowest != test.lowest {
				t.Errorf("full count after %s, lowest %d; want %s, %d", number(w.ObservedSeconds), w.Lowest, test.observed, test.lowest)
			}
		})
	}
}

// What the fault did not touch is no part of the gap; what stayed away is a note.
func TestParts(t *testing.T) {
	parts := func(r *v1alpha1.DrillReport) string {
		text := ""
		for _, p := range r.APIGapParts {
			text += p.Name + " " + seconds(p.Back) + "; "
		}
		return text
	}
	for _, test := range []struct {
		name   string
		change func(*Evidence)
		want   string
		notes  int
	}{
		{"all", func(*Evidence) {}, "load balancer 1.4 s; virtual IP 0.9 s; etcd 1.9 s; API server 2 s; ", 0},
		{"one HAProxy takes it for up", func(e *Evidence) {
			e.Observations = append(e.Observations, seen{At: 103, Kind: "server", Object: "m1", Where: "m3", Ready: true})
		}, "virtual IP 0.9 s; etcd 1.9 s; API server 2 s; ", 1},
		{"an HAProxy that is lost does not count", func(e *Evidence) {
			e.Observations = append(e.Observations, seen{Kind: "server", Object: "m1", Where: "m1", Ready: true})
		}, "load balancer 1.4 s; virtual IP 0.9 s; etcd 1.9 s; API server 2 s; ", 0},
		{"the virtual IP and the leader were elsewhere", func(e *Evidence) {
			e.without("vip")
			e.without("leader")
			e.Observations = append(e.Observations, seen{Kind: "vip", Object: "vip", Where: "m2"}, seen{Kind: "leader", Object: "etcd", Where: "m3"})
		}, "load balancer 1.4 s; API server 2 s; ", 0},
		{"nowhere", func(e *Evidence) {
			e.without("vip")
			e.Observations = append(e.Observations, seen{Kind: "vip", Object: "vip", Where: "m1"}, seen{At: 101, Kind: "vip", Object: "vip"})
		}, "load balancer 1.4 s; etcd 1.9 s; API server 2 s; ", 1},
		{"no machine lost", func(e *Evidence) {
			e.Record.LostMachines = nil
			e.without("vip")
			e.without("leader")
		}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := loss()
			test.change(&e)
			r := judge(t, e)
			if got := parts(r); got != test.want || len(r.Notes) != test.notes {
				t.Errorf("got %s with %q\nwant %s with %s", got, r.Notes, test.want, plural(test.notes, "note"))
			}
		})
	}
}
