package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Ask asks the provider which zones of a region offer what, today, with the
// credentials that its own tools use. Alibaba Cloud cannot be asked.
func Ask(ctx context.Context, p v1alpha1.Provider, region string) (*v1alpha1.MachineCatalog, error) {
	switch p {
	case v1alpha1.ProviderCAPA, v1alpha1.ProviderEKS:
		return AWS(ctx, AWSOptions{Provider: p, Region: region, Now: time.Now()})
	case v1alpha1.ProviderKapsule:
		return Scaleway(ctx, ScalewayOptions{Region: region, Now: time.Now()})
	case v1alpha1.ProviderACK:
		return nil, fmt.Errorf("asking Alibaba Cloud for machine types: bulkhead does not speak its API\n" +
			"hint: write what aliyun ecs DescribeAvailableResource says into a MachineCatalog, and give it with --catalog FILE")
	}
	return nil, fmt.Errorf("asking for machine types: provider %q makes no machines", p)
}

// Bounds of asking.
const (
	// attempts of one request, the first included.
	attempts = 4
	// longestWait between two attempts.
	longestWait = 5 * time.Second
	// longestMessage of a provider that an error repeats, in bytes. AWS adds an
	// encoded message of more than 1,000 to some refusals.
	longestMessage = 300
)

// refusal is a provider's error, told without credentials. The error behind it is
// for errors.As; its text may hold more than people should see.
type refusal struct {
	text  string
	cause error
}

func (r refusal) Error() string { return r.text }
func (r refusal) Unwrap() error { return r.cause }

// refused tells what went wrong while asking. Secrets are cut out of the text.
func refused(ctx context.Context, what string, err error, secrets []string, hint string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	if len(text) > longestMessage {
		text = strings.ToValidUTF8(text[:longestMessage], "") + "…"
	}
	text = what + ": " + text
	if hint != "" {
		text += "\nhint: " + hint
	}
	return refusal{text, err}
}

// errNothing is an answer that cannot be a region.
var errNothing = errors.New("no zone with machine types came back")
