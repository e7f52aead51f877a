// Package test holds stories and checks that span packages.
package test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/cli"
)

var update = flag.Bool("update", false, "write the outputs in the docs again")

var console = regexp.MustCompile("(?s)```console\n\\$ (bulkhead [^\n]*)\n(.*?)```")

// TestDocsOutputs runs every command in a console block of the docs from the
// root of the project and compares what it prints.
func TestDocsOutputs(t *testing.T) {
	t.Chdir("..")
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range append([]string{"README.md", "examples/shop/README.md"}, docs...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		now := console.ReplaceAllFunc(text, func(block []byte) []byte {
			found++
			m := console.FindSubmatch(block)
			var out, errOut bytes.Buffer
			cli.Main(context.Background(), strings.Fields(string(m[1])), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errOut})
			// An error stands alone; beside an output, stderr has the progress of a slow
			// machine.
			said := out.Bytes()
			if len(said) == 0 {
				said = errOut.Bytes()
			}
			return slices.Concat([]byte("```console\n$ "), m[1], []byte("\n"), said, []byte("```"))
		})
		if bytes.Equal(now, text) {
			continue
		}
		if !*update {
			t.Errorf("%s: an output is not what the command prints; go test ./test -update writes it", path)
			continue
		}
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if found < 2 {
		t.Errorf("found %d console blocks, want at least 2", found)
	}
}

// TestCodesDocumented compares the codes in the docs with those in the code.
func TestCodesDocumented(t *testing.T) {
	for _, c := range []struct {
		doc, sources, inCode string
	}{
		{"../docs/codes.md", "../internal/simulate/*.go", `(?:Code:|Code =|^\t"[A-Z]\w+":) +"([a-z-]+)"`},
		{"../docs/plan-codes.md", "../internal/plan/codes.go", `^\tCode\w+ += "([a-z-]+)"`},
	} {
		documented, used := codesInDoc(t, c.doc), codesInCode(t, c.sources, c.inCode)
		if len(used) == 0 || !slices.Equal(documented, used) {
			t.Errorf("%s has %q\nthe code has %q", c.doc, documented, used)
		}
	}
}

func codesInDoc(t *testing.T, path string) []string {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(doc, -1) {
		out = append(out, string(m[1]))
	}
	slices.Sort(out)
	return out
}

func codesInCode(t *testing.T, pattern, expression string) []string {
	t.Helper()
	sources, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(line, -1) {
				out = append(out, m[1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
