package snapshot_test

import (
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"bulkhead.dev/bulkhead/internal/snapshot"
	"bulkhead.dev/bulkhead/internal/testkit/fakeapi"
)

// newAPI serves YAML documents until the test ends.
func newAPI(t testing.TB, documents string) (*fakeapi.Server, *rest.Config) {
	t.Helper()
	a, err := fakeapi.Start(documents)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, &rest.Config{Host: a.URL}
}

// collectOptions of every test's snapshot: the same time, short waits.
func collectOptions(config *rest.Config) snapshot.CollectOptions {
	return snapshot.CollectOptions{
		Config: config, Name: "cluster test", Now: time.Date(2026, 11, 20, 18, 4, 11, 0, time.UTC), Bulkhead: "test", Backoff: time.Millisecond,
	}
}
