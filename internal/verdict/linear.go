package verdict

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// step is what an operation asks of a register: write (and what), or read.
type step struct {
	write bool
	value string
}

// register is a cell that holds the value last written, and "" before.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		s := input.(step)
		if s.write {
			return true, s.value
		}
		return output == state, state
	},
}

// least is how many operations a piece of a history has that is judged apart. The
// check remembers a set of operations for each that it takes: its memory grows
// with the square of a piece.
const least = 256

// judgeHistory says whether all reads and writes could have been made one after
// the other on one register a key, each at a moment between its start and its
// end. Registers do not depend on each other: a history is linearizable if that
// of each key is (Herlihy and Wing 1990, locality).
func (d *drill) judgeHistory(limit time.Duration) {
	histories := histories(d.ops)
	keys := sortedKeys(histories)
	pieces := map[string][][]porcupine.Operation{}
	var all [][]porcupine.Operation
	for _, key := range keys {
		d.report.OperationsJudged += len(histories[key])
		pieces[key] = cut(histories[key], least)
		all = append(all, pieces[key]...)
	}
	switch examine(all, limit) {
	case porcupine.Ok:
		d.report.Linearizable = v1alpha1.Linearizable
	case porcupine.Illegal:
		d.report.Linearizable = v1alpha1.NotLinearizable
		d.report.LinearizableWhy = "no order of the operations explains what was read"
		share := limit / time.Duration(len(keys))
		for _, key := range keys {
			if examine(pieces[key], share) == porcupine.Illegal {
				d.report.LinearizableWhy = fmt.Sprintf("no order of the operations on %s explains what was read of it", key)
				break
			}
		}
	default:
		d.report.Linearizable = v1alpha1.LinearizabilityUnknown
		d.report.LinearizableWhy = fmt.Sprintf("not proven: the time for the check (%s) ran out", limit)
	}
}

// examine histories that do not depend on each other, all within the limit. One
// that is known to be illegal decides, also where others are not known yet.
func examine(histories [][]porcupine.Operation, limit time.Duration) porcupine.CheckResult {
	model := register
	model.Partition = func([]porcupine.Operation) [][]porcupine.Operation { return histories }
	return porcupine.CheckOperationsTimeout(model, nil, max(limit, 1)) // 0 would be without a limit
}

// cut divides the history of one register, by Call, after writes that nothing
// else was concurrent with. Such a write is after all that began before it and
// before all that began after it, and leaves its value whatever was there: the
// history is linearizable if and only if what ends with the write is, and what
// begins with it.
func cut(history []porcupine.Operation, least int) [][]porcupine.Operation {
	var pieces [][]porcupine.Operation
	begin, busy := 0, int64(math.MinInt64)
	for i, o := range history {
		alone := busy < o.Call && i+1 < len(history) && o.Return < history[i+1].Call
		busy = max(busy, o.Return)
		if alone && o.Input.(step).write && i-begin >= least {
			pieces = append(pieces, history[begin:i+1])
			begin = i
		}
	}
	if begin < len(history) {
		pieces = append(pieces, history[begin:])
	}
	return pieces
}

// histories are the operations on each register, by Call, as far as they bear on whether
// it is linearizable:
//
//	outcome | read    | write
//	--------+---------+------------------------------------------------------
//	ok      | judged  | judged
//	failed  | dropped | dropped: it surely did not happen
//	unknown | dropped | value never read: dropped; read: ends when the
//	        |         | first read of it ends
//
// An unknown write may have landed at any moment from its start on, also after
// the client gave up, or never. One that was never read can be put after
// everything else, where it explains nothing and forbids nothing: to drop it is
// the same. One that was read took effect before the read that saw it did, and
// that read no later than it ended: so the earliest end of such a read is a
// sound end of the write, and a much nearer one than infinity, which would make
// it concurrent with all that follows.
func histories(ops []v1alpha1.DrillOperation) map[string][]porcupine.Operation {
	type value struct{ key, value string }
	firstRead := map[value]int64{}
	for _, o := range ops {
		if o.Kind != v1alpha1.DrillRead || o.Outcome != v1alpha1.DrillOK {
			continue
		}
		v := value{o.Key, o.Value}
		if end, ok := firstRead[v]; !ok || nanoseconds(o.End) < end {
			firstRead[v] = nanoseconds(o.End)
		}
	}
	out := map[string][]porcupine.Operation{}
	for _, o := range ops {
		p := porcupine.Operation{Input: step{}, Call: nanoseconds(o.Start), Return: nanoseconds(o.End), Output: o.Value}
		if o.Outcome == v1alpha1.DrillFailed || o.Kind == v1alpha1.DrillCreate {
			continue
		}
		if o.Kind == v1alpha1.DrillWrite {
			p.Input, p.Output = step{write: true, value: o.Value}, nil
		}
		if o.Outcome == v1alpha1.DrillUnknown {
			end, read := firstRead[value{o.Key, o.Value}]
			if o.Kind == v1alpha1.DrillRead || !read {
				continue
			}
			p.Return = max(end, p.Call) // read before it was written: the check will say so
		}
		out[o.Key] = append(out[o.Key], p)
	}
	return out
}

func nanoseconds(s float64) int64 { return int64(math.Round(s * 1e9)) }
