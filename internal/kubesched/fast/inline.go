package fast

import (
	"context"

	"k8s.io/client-go/util/workqueue"
)

// inline is a fwk.Parallelizer without goroutines: one piece after the other, as
// with parallelism 1, until the context is cancelled.
type inline struct{}

// Until implements fwk.Parallelizer.
func (inline) Until(ctx context.Context, pieces int, do workqueue.DoWorkPieceFunc, _ string) {
	done := ctx.Done()
	for i := range pieces {
		select {
		case <-done:
			return
		default:
			do(i)
		}
	}
}
