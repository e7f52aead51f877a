//go:build linux

package snapshot_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// owner is in every name that the cluster's owner has chosen: of objects,
// namespaces, labels, zones and images. An anonymized file must not have it.
const owner = "wombat"

// canaries are the secrets planted in a cluster: one word for each place.
type canaries map[string]string // place → word

// plant returns the word of a place.
func (c canaries) plant(place string) string {
	if _, ok := c[place]; !ok {
		c[place] = fmt.Sprintf("canary%04dbird", len(c))
	}
	return c[place]
}

// check fails the test for each place whose word is in the text, as it is or as
// the API shows the data of Secrets.
func (c canaries) check(t *testing.T, what, text string) {
	t.Helper()
	if len(c) < 20 {
		t.Fatalf("%d canaries are planted: want many", len(c))
	}
	for _, place := range slices.Sorted(maps.Keys(c)) {
		word := c[place]
		for _, written := range []string{word, base64.StdEncoding.EncodeToString([]byte(word))} {
			if at := strings.Index(text, written); at >= 0 {
				t.Errorf("%s has the %s: …%s", what, place, text[max(0, at-80):at+len(written)])
			}
		}
	}
}
