package spec_test

import (
	"errors"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// Slips of the hand in a good spec: lines that are lost, twice, in another place
// or out of line, words of other fields, signs that are left over. Whatever comes
// of them is a cluster that reads the same again, or faults with their lines.
func TestSlips(t *testing.T) {
	words := []string{
		"", "null", "true", "yes", "0", "-1", "3.5", "99999999999", "1e9", "[]", "{}", "[a]", "{a: b}", "~", `""`, "é",
		"10.0.0.0/8", "fd00::/64", "::/0", "0.0.0.0/0", "10.10.0.0", "1.36", "v1.36.3", "60s", "-1s", "zonal", "external",
		"haproxy", "full", "none", "single", "room-a", "fr-par-1", "s3://b", "&x 1", "*x", "!!int 3", "|", "- a", "'", "\"",
	}
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]string{"kubeadm", "kapsule", "eks", "capa", "ack", "local"}).Draw(t, "base")
		text, err := readBase(base)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(text, "\n")
		for range rapid.IntRange(1, 4).Draw(t, "slips") {
			i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			j := rapid.IntRange(0, len(lines)-1).Draw(t, "other")
			switch rapid.IntRange(0, 5).Draw(t, "slip") {
			case 0:
				lines[i] = ""
			case 1:
				lines[i] += "\n" + lines[j]
			case 2:
				lines[i], lines[j] = lines[j], lines[i]
			case 3:
				lines[i] = strings.TrimPrefix(lines[i], "  ")
			case 4:
				key, _, ok := strings.Cut(lines[i], ":")
				if ok {
					lines[i] = key + ": " + rapid.SampledFrom(words).Draw(t, "word")
				}
			case 5:
				if n := len(lines[i]); n > 0 {
					at := rapid.IntRange(0, n-1).Draw(t, "at")
					lines[i] = lines[i][:at] + lines[i][at+1:]
				}
			}
		}
		c, err := spec.Decode("cluster.yaml", []byte(strings.Join(lines, "\n")))
		if err != nil {
			faults, ok := errors.AsType[spec.Faults](err)
			if !ok || len(faults) == 0 {
				t.Fatalf("want Faults, got %v", err)
			}
			last := len(strings.Split(strings.Join(lines, "\n"), "\n"))
			for k, f := range faults {
				if f.Line < 1 || f.Line > last || f.Message == "" || k > 0 && f.Line < faults[k-1].Line {
					t.Fatalf("%+v", f)
				}
			}
			return
		}
		first, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Decode("cluster.yaml", first)
		if err != nil {
			t.Fatalf("with its defaults:\n%s\n%v", first, err)
		}
		second, err := yaml.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Fatal(diff)
		}
	})
}
