//go:build linux

package local

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestInsist: what may pass is asked again, what is wrong is not.
func TestInsist(t *testing.T) {
	nodes := schema.GroupResource{Resource: "nodes"}
	cut := errors.New("read: connection reset by peer")
	invalid := apierrors.NewBadRequest("no name")
	for _, c := range []struct {
		name    string
		answers []error
		asked   int
		want    error
	}{
		{"done", []error{nil}, 1, nil},
		{"the address moves", []error{cut, cut, nil}, 3, nil},
		{"an API server does not know the administrator yet", []error{apierrors.NewForbidden(nodes, "a", cut), nil}, 2, nil},
		{"the connection was cut after it was done", []error{cut, apierrors.NewAlreadyExists(nodes, "a")}, 2, nil},
		{"deleted already", []error{apierrors.NewNotFound(nodes, "a")}, 1, nil},
		{"wrong", []error{cut, invalid, nil}, 2, invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			err := insist(t.Context(), "it is done", func(context.Context) error {
				asked++
				return c.answers[asked-1]
			})
			if asked != c.asked || !errors.Is(err, c.want) {
				t.Errorf("asked %d times, want %d; %v, want %v", asked, c.asked, err, c.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := insist(ctx, "it is done", func(context.Context) error { cancel(); return cut })
	if !errors.Is(err, cut) || !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
