package test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulkhead.dev/bulkhead/internal/benchmark"
	"bulkhead.dev/bulkhead/internal/cli"
)

func TestMain(m *testing.M) {
	program := func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		stop()
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"bulkhead": program, "kubectl-bulkhead": program})
}

// TestScript plays the stories. Besides testscript's own commands there are:
//
//	exits CODE PROGRAM [ARG...]      run it; it must end with this exit code
//	refuses PROGRAM [ARG...]         the same with 2, something on stderr, and
//	                                 nothing on stdout
//	interrupted SIGNAL PROGRAM [...] send SIGNAL once it says something on
//	                                 stderr; it must end with 130 and nothing
//	                                 on stdout
//	cluster NODES DIR                write a generated cluster with pods
//	large FILE MIB                   write a file of so many MiB and one byte
//
// $SHOP is examples/shop, $CLUSTERS is examples/clusters.
func TestScript(t *testing.T) {
	shop, err := filepath.Abs("../examples/shop")
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := filepath.Abs("../examples/clusters")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SHOP", shop)
			e.Setenv("CLUSTERS", clusters)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				code, err := strconv.Atoi(args[0])
				ts.Check(err)
				runExpecting(ts, code, args[1:])
			},
			"refuses": func(ts *testscript.TestScript, _ bool, args []string) {
				runExpecting(ts, 2, args)
				if out := ts.ReadFile("stdout"); out != "" {
					ts.Fatalf("stdout is not empty: %s", out)
				}
				for line := range strings.Lines(ts.ReadFile("stderr")) {
					if !strings.HasPrefix(line, "bulkhead: ") {
						ts.Fatalf("a message does not begin with the program's name: %s", line)
					}
				}
			},
			"interrupted": interrupted,
			"cluster": func(ts *testscript.TestScript, _ bool, args []string) {
				nodes, err := strconv.Atoi(args[0])
				ts.Check(err)
				dir := ts.MkAbs(args[1])
				ts.Check(os.MkdirAll(dir, 0o700))
				ts.Check(benchmark.Size{Nodes: nodes, PodsPerNode: 20}.Write(dir))
			},
			"large": func(ts *testscript.TestScript, _ bool, args []string) {
				mib, err := strconv.Atoi(args[1])
				ts.Check(err)
				text := strings.Repeat("#\n", mib<<19) + "#"
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
			},
		},
	})
}

// runExpecting runs the program; stdout and stderr can be looked at afterwards.
func runExpecting(ts *testscript.TestScript, code int, args []string) {
	err := ts.Exec(args[0], args[1:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != code {
		ts.Fatalf("exit code %d, want %d", got, code)
	}
	if code != 0 && code != 1 && code != 3 && ts.ReadFile("stderr") == "" {
		ts.Fatalf("exit code %d without a message", code)
	}
}

// interrupted waits for the first line on stderr, so that the program is under
// way, whatever the machine's speed.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	sig := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[0]]
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, args[1]); path == "" {
			if _, err := os.Stat(p); err == nil {
				path = p
			}
		}
	}
	c := exec.Command(path, args[2:]...)
	c.Dir = ts.MkAbs(".")
	var out strings.Builder
	c.Stdout = &out
	stderr, err := c.StderrPipe()
	ts.Check(err)
	ts.Check(c.Start())
	said, last := bufio.NewScanner(stderr), ""
	for first := true; said.Scan(); first = false {
		last = said.Text()
		if first {
			ts.Check(c.Process.Signal(sig))
		}
	}
	err = c.Wait()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		ts.Fatalf("ended with %v, want exit code 130; last on stderr: %s", err, last)
	}
	if out.String() != "" || last != "bulkhead: interrupted" {
		ts.Fatalf("stdout %q, last on stderr %q", out.String(), last)
	}
}
