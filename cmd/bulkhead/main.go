// Command bulkhead designs, proves and operates Kubernetes clusters that
// survive the loss of an availability zone. It also answers as kubectl-bulkhead.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"bulkhead.dev/bulkhead/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
