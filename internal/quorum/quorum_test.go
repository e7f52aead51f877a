package quorum_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/internal/quorum"
)

func TestArithmetic(t *testing.T) {
	for _, c := range []struct{ n, majority, faults int }{
		{-1, 1, 0}, {0, 1, 0}, {1, 1, 0}, {2, 2, 0}, {3, 2, 1}, {4, 3, 1}, {5, 3, 2}, {6, 4, 2}, {7, 4, 3}, {9, 5, 4},
	} {
		if got := quorum.Majority(c.n); got != c.majority {
			t.Errorf("Majority(%d) = %d, want %d", c.n, got, c.majority)
		}
		if got := quorum.MaxFaults(c.n); got != c.faults {
			t.Errorf("MaxFaults(%d) = %d, want %d", c.n, got, c.faults)
		}
	}
}

func TestSurvives(t *testing.T) {
	zones := []string{"a", "b", "c", "d"}
	for _, c := range []struct {
		name   string
		voters map[string]int
		want   []string
		any    bool
	}{
		{"one a zone", map[string]int{"a": 1, "b": 1, "c": 1}, []string{"a", "b", "c", "d"}, true},
		{"a fourth member costs its zone", map[string]int{"a": 2, "b": 1, "c": 1}, []string{"b", "c", "d"}, false},
		{"a fourth zone does not", map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, []string{"a", "b", "c", "d"}, true},
		{"two of three in one", map[string]int{"a": 2, "b": 1}, []string{"b", "c", "d"}, false},
		{"two members", map[string]int{"a": 1, "b": 1}, []string{"c", "d"}, false},
		{"five over three", map[string]int{"a": 2, "b": 2, "c": 1}, []string{"a", "b", "c", "d"}, true},
		{"two and two", map[string]int{"a": 2, "b": 2}, []string{"c", "d"}, false},
		{"alone", map[string]int{"a": 1}, []string{"b", "c", "d"}, false},
		{"none", nil, []string{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, quorum.Survivors(c.voters, zones)); diff != "" {
				t.Errorf("survivors (-want +got):\n%s", diff)
			}
			if got := quorum.SurvivesAny(c.voters); got != c.any {
				t.Errorf("SurvivesAny = %v, want %v", got, c.any)
			}
		})
	}
}

// TestPlaceOdd: every odd number of voters up to 9, over 3 to 6 zones, survives
// the loss of every single zone.
func TestPlaceOdd(t *testing.T) {
	for n := 3; n <= 9; n += 2 {
		for z := 3; z <= 6; z++ {
			zones := names(z)
			voters := quorum.Count(quorum.Place(n, zones))
			for _, zone := range zones {
				if voters[zone] > (n-1)/2 {
					t.Errorf("%d voters over %d zones: %d in %s", n, z, voters[zone], zone)
				}
				if !quorum.Survives(voters, zone) {
					t.Errorf("%d voters over %d zones: losing %s leaves no majority", n, z, zone)
				}
			}
		}
	}
}

// TestSurvivesByCounting compares with counting the living one by one.
func TestSurvivesByCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "d"})).Draw(t, "members")
		lost := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "lost")
		living := 0
		for _, m := range members {
			if m != lost {
				living++
			}
		}
		want := 2*living > len(members)
		if got := quorum.Survives(quorum.Count(members), lost); got != want {
			t.Fatalf("Survives(%v, %s) = %v, want %v", members, lost, got, want)
		}
	})
}

func TestPlaceIsEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "n")
		zones := names(rapid.IntRange(0, 9).Draw(t, "zones"))
		placed := quorum.Place(n, zones)
		if len(zones) == 0 {
			if placed != nil {
				t.Fatalf("placed %v without zones", placed)
			}
			return
		}
		voters := quorum.Count(placed)
		if quorum.Total(voters) != n {
			t.Fatalf("placed %d of %d", quorum.Total(voters), n)
		}
		for _, z := range zones {
			if v := voters[z]; v < n/len(zones) || v > (n+len(zones)-1)/len(zones) {
				t.Fatalf("%d of %d voters in %s of %d zones", v, n, z, len(zones))
			}
		}
	})
}

func names(n int) []string {
	out := []string{}
	for i := range n {
		out = append(out, fmt.Sprintf("z%d", i+1))
	}
	return out
}
