package spec_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/cockroachdb/datadriven"
)

// TestWrong runs testdata/wrong. Each case says what is wrong with a spec, then
// shows the answer exactly (-update writes them anew):
//
//	change base=eks        the spec testdata/base/eks.yaml with these changes,
//	old text => new text   one a line; \n is a line break
//
//	decode                 the text itself; "decode escaped" knows \t and \n
//	catalog                as change, of a MachineCatalog
func TestWrong(t *testing.T) {
	cases := 0
	datadriven.Walk(t, "testdata/wrong", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			cases++
			var err error
			switch d.Cmd {
			case "change":
				var base string
				d.ScanArgs(t, "base", &base)
				_, err = spec.Decode(base+".yaml", changed(t, d, base))
			case "catalog":
				_, err = spec.DecodeCatalog("catalog.yaml", changed(t, d, "catalog"))
			case "decode":
				text := d.Input + "\n"
				if d.HasArg("escaped") {
					text = unescape(text)
				}
				if d.HasArg("catalog") {
					_, err = spec.DecodeCatalog("catalog.yaml", []byte(text))
				} else {
					_, err = spec.Decode("cluster.yaml", []byte(text))
				}
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			faults, ok := errors.AsType[spec.Faults](err)
			if !ok {
				d.Fatalf(t, "want Faults, got %v", err)
			}
			for _, f := range faults {
				if f.Line < 1 || f.File == "" || f.Message == "" {
					d.Fatalf(t, "a fault without its place: %+v", f)
				}
			}
			return err.Error() + "\n"
		})
	})
	if cases < 60 {
		t.Errorf("%d cases: want 60 at least", cases)
	}
}

func unescape(s string) string {
	return strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(s)
}

// changed returns a base with the changes of the case, each of which must apply
// in exactly one place.
func changed(t *testing.T, d *datadriven.TestData, base string) []byte {
	t.Helper()
	text := baseSpec(t, base)
	for line := range strings.SplitSeq(d.Input, "\n") {
		before, after, ok := strings.Cut(line, " =>")
		before, after = unescape(before), unescape(strings.TrimPrefix(after, " "))
		if !ok || strings.Count(text, before) != 1 {
			d.Fatalf(t, "%q must be in %s.yaml once, and is there %d times", before, base, strings.Count(text, before))
		}
		text = strings.Replace(text, before, after, 1)
	}
	return []byte(text)
}

func baseSpec(t testing.TB, name string) string {
	t.Helper()
	text, err := readBase(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readBase(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join("testdata", "base", name+".yaml"))
	return string(text), err
}
