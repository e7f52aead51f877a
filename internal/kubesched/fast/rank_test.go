package fast

import (
	"container/heap"
	"testing"

	"pgregory.net/rapid"
)

type rankedHeap []ranked

func (h rankedHeap) Len() int           { return len(h) }
func (h rankedHeap) Less(i, j int) bool { return h[i].score > h[j].score }
func (h rankedHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h rankedHeap) Push(any)           {}
func (h rankedHeap) Pop() any           { return nil }

// TestBest compares with what container/heap has on top.
func TestBest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		totals := rapid.SliceOfN(rapid.Int64Range(0, 4), 1, 40).Draw(rt, "totals")
		var h rankedHeap
		for i, score := range totals {
			h = append(h, ranked{score, int32(i)})
		}
		heap.Init(&h)
		if got := (&Profile{}).best(totals); got != h[0].place {
			rt.Fatalf("place %d is best, container/heap says %d", got, h[0].place)
		}
	})
}
