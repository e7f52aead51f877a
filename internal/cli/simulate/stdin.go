package simulate

import (
	"context"
	"io"
)

// interruptible is a reader that gives up when the context ends, also while it
// waits for a terminal or a pipe that says nothing.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader. After the context has ended the reader underneath
// may still be waiting; it must not be used again.
func (i interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	buffer := make([]byte, len(p))
	go func() {
		n, err := i.r.Read(buffer)
		done <- result{n, err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	case r := <-done:
		return copy(p, buffer[:r.n]), r.err
	}
}
