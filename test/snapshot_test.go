package test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulkhead.dev/bulkhead/internal/testkit/fakeapi"
)

// TestSnapshotScript plays the stories about live clusters. Of TestScript's
// commands there are exits, refuses and interrupted, and:
//
//	api KUBECONFIG FILE [forbid=PATH] [hang=PATH] [expire=PATH]
//	                                 serve the objects of a file as a live cluster,
//	                                 two a page, with a kubeconfig whose context is
//	                                 prod; requests for a PATH are refused or not
//	                                 answered, or its continue token expires once
func TestSnapshotScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "script/snapshot",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api": serve,
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
			},
			"interrupted": interrupted,
		},
	})
}

func serve(ts *testscript.TestScript, _ bool, args []string) {
	s, err := fakeapi.Start(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
	ts.Check(err)
	ts.Defer(s.Close)
	s.PageSize = 2
	for _, a := range args[2:] {
		switch what, path, _ := strings.Cut(a, "="); what {
		case "forbid":
			s.Answers[path] = []fakeapi.Answer{{Code: 403, Reason: "Forbidden", Always: true}}
		case "expire":
			s.Answers[path] = []fakeapi.Answer{{Code: 410, Reason: "Expired", Page: 1}}
		case "hang":
			s.Hang[path] = true
		default:
			ts.Fatalf("unknown argument %s", a)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(s.Kubeconfig("prod")), 0o600))
}
