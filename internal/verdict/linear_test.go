package verdict

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

func linearizable(ops []op, limit time.Duration) v1alpha1.Linearizability {
	d := arrange(Evidence{Record: &v1alpha1.DrillRecord{}, Operations: ops})
	d.judgeHistory(limit)
	return d.report.Linearizable
}

func write(value string, start, end float64, outcome string) op {
	return op{Kind: "write", Key: "k", Value: value, Start: start, End: end, Outcome: outcome}
}

func read(value string, start, end float64) op {
	return op{Kind: "read", Key: "k", Value: value, Start: start, End: end, Outcome: "ok"}
}

func TestLinearizable(t *testing.T) {
	for _, test := range []struct {
		name string
		ops  []op
		want v1alpha1.Linearizability
	}{
		{"nothing", nil, "ok"},
		{"one after the other", []op{write("a", 0, 1, "ok"), read("a", 2, 3), write("b", 4, 5, "ok"), read("b", 6, 7)}, "ok"},
		{"initial value", []op{read("", 0, 1), write("a", 2, 3, "ok")}, "ok"},
		{"stale", []op{write("a", 0, 1, "ok"), write("b", 2, 3, "ok"), read("a", 4, 5)}, "illegal"},
		{"back to the initial value", []op{write("a", 0, 1, "ok"), read("", 2, 3)}, "illegal"},
		{"back and forth", []op{write("a", 0, 1, "ok"), write("b", 2, 9, "ok"), read("b", 3, 4), read("a", 5, 6)}, "illegal"},
		{"concurrent", []op{write("a", 0, 1, "ok"), write("b", 2, 9, "ok"), read("a", 3, 4), read("b", 5, 6)}, "ok"},
		{"unknown, never seen", []op{write("a", 0, 1, "ok"), write("b", 2, 3, "unknown"), read("a", 4, 5)}, "ok"},
		{"unknown, landed long after", []op{write("a", 0, 1, "ok"), write("b", 2, 3, "unknown"), read("a", 4, 5), read("b", 60, 61), read("b", 62, 63)}, "ok"},
		{"unknown, landed once only", []op{write("a", 0, 1, "ok"), write("b", 2, 3, "unknown"), read("b", 4, 5), read("a", 6, 7)}, "illegal"},
		{"unknown, seen before it was sent", []op{read("b", 0, 1), write("b", 2, 3, "unknown")}, "illegal"},
		{"failed and seen", []op{write("b", 0, 1, "failed"), read("b", 2, 3)}, "illegal"},
		{"keys are apart", []op{write("a", 0, 1, "ok"), {Kind: "read", Key: "other", Start: 2, End: 3, Outcome: "ok"}}, "ok"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := linearizable(test.ops, time.Minute); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Hundreds of writes at once and reads that contradict each other: to refute it
// takes far longer than anybody waits.
func TestTimeRunsOut(t *testing.T) {
	var ops []op
	for i := range 300 {
		ops = append(ops, write(fmt.Sprint(i), 0, 1000, "ok"))
		ops = append(ops, read(fmt.Sprint(i), 1, 1000))
	}
	ops = append(ops, read("0", 1001, 1002), read("1", 1003, 1004))
	d := arrange(Evidence{Record: &v1alpha1.DrillRecord{}, Operations: ops})
	d.judgeHistory(1)
	if d.report.Linearizable != v1alpha1.LinearizabilityUnknown || d.report.LinearizableWhy == "" {
		t.Errorf("got %s (%s), want unknown", d.report.Linearizable, d.report.LinearizableWhy)
	}
	e := loss()
	for i := range ops {
		ops[i].Start, ops[i].End = ops[i].Start/10, ops[i].End/10
		ops[i].From, ops[i].Via = "outside", "m2"
	}
	e.Operations = append(e.Operations, ops...)
	r, err := Judge(e, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != v1alpha1.DrillUndetermined {
		t.Errorf("%s (%s), want undetermined: not proven is not proven", r.Verdict, r.Why)
	}
}

// A register that does one thing at a time, seen by clients that wait around each
// of them, is linearizable; with a value that was overwritten before the read
// began, it is not.
func TestRegisterIsLinearizable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 40).Draw(t, "operations")
		wait := rapid.Float64Range(0, 3)
		value := ""
		var ops []op
		for i := range n {
			point := float64(10 + i)
			from, to := point-wait.Draw(t, "before"), point+wait.Draw(t, "after")
			if rapid.Bool().Draw(t, "write") {
				value = fmt.Sprint(i)
				o := write(value, from, to, "ok")
				if rapid.IntRange(0, 3).Draw(t, "lost answer") == 0 {
					// The client gave up before it took effect, or after.
					o.Outcome, o.End = "unknown", from+rapid.Float64Range(0, 6).Draw(t, "gave up")
				}
				ops = append(ops, o)
			} else {
				ops = append(ops, read(value, from, to))
			}
		}
		if got := linearizable(ops, time.Minute); got != v1alpha1.Linearizable {
			t.Fatalf("%s: %v", got, ops)
		}
		ops = append(ops, write("old", 100, 101, "ok"), write("new", 102, 103, "ok"), read("old", 104, 105))
		slices.Reverse(ops)
		if got := linearizable(ops, time.Minute); got != v1alpha1.NotLinearizable {
			t.Fatalf("stale read: %s: %v", got, ops)
		}
	})
}

// Whatever the history, cutting it does not change the answer.
func TestCutChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 14).Draw(t, "operations")
		var ops []op
		for i := range n {
			from := rapid.Float64Range(0, 20).Draw(t, "from")
			to := from + rapid.Float64Range(0, 3).Draw(t, "lasts")
			if i%2 == 0 {
				ops = append(ops, write(fmt.Sprint(i), from, to, "ok"))
			} else {
				ops = append(ops, read(fmt.Sprint(2*rapid.IntRange(0, i/2).Draw(t, "value")), from, to))
			}
		}
		history := histories(arrange(Evidence{Record: &v1alpha1.DrillRecord{}, Operations: ops}).ops)["k"]
		whole := examine([][]porcupine.Operation{history}, time.Minute)
		if pieces := cut(history, 1); examine(pieces, time.Minute) != whole {
			t.Fatalf("whole: %s, in %d pieces not", whole, len(pieces))
		}
	})
}

// Ten minutes of a hundred operations a second on one register.
func TestLongHistory(t *testing.T) {
	var ops []op
	for i := range 30000 {
		at := 0.02 * float64(i)
		value := fmt.Sprint(i)
		ops = append(ops, write(value, at, at+0.005, "ok"), read(value, at+0.006, at+0.012))
	}
	if got := linearizable(ops, time.Minute); got != v1alpha1.Linearizable {
		t.Error(got)
	}
}
