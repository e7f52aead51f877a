package fast

// ranked is a node's total score and its place among those that passed.
type ranked struct {
	score int64
	place int32
}

// best returns the place of the node with the highest score; of several the one
// that container/heap has on top of a heap of them. It is heap.Init on
// schedule_one.go's nodeScoreHeap without extenders' tie-breaker.
func (p *Profile) best(totals []int64) int32 {
	heap := p.ranking[:0]
	for place, score := range totals {
		heap = append(heap, ranked{score, int32(place)})
	}
	p.ranking = heap
	n := len(heap)
	for root := n/2 - 1; root >= 0; root-- {
		for i := root; ; {
			child := 2*i + 1
			if child >= n {
				break
			}
			if right := child + 1; right < n && heap[right].score > heap[child].score {
				child = right
			}
			if heap[child].score <= heap[i].score {
				break
			}
			heap[i], heap[child] = heap[child], heap[i]
			i = child
		}
	}
	return heap[0].place
}
