package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

const (
	// firstTimeout bounds the first request: a server that is not there is told
	// soon.
	firstTimeout = 10 * time.Second
	// mostAttempts at one request.
	mostAttempts = 5
	// longestWait between two of them, whatever the server asks for.
	longestWait = 30 * time.Second
)

// api asks an API server for lists.
type api struct {
	client           *rest.RESTClient
	timeout, backoff time.Duration
	// trying is told before a request is made again.
	trying func(attempt int)
}

func newAPI(o CollectOptions) (*api, error) {
	config := rest.CopyConfig(o.Config)
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.QPS = -1 // one request at a time needs no limit
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "bulkhead/" + o.Bulkhead
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", o.Config.Host, err)
	}
	a := &api{client: client, timeout: o.Timeout, backoff: o.Backoff}
	if a.timeout == 0 {
		a.timeout = time.Minute
	}
	if a.backoff == 0 {
		a.backoff = 500 * time.Millisecond
	}
	return a, nil
}

// version asks for the server's version. An error says that nothing can be read.
func (a *api) version(ctx context.Context) (string, error) {
	first, cancel := context.WithTimeout(ctx, min(firstTimeout, a.timeout))
	defer cancel()
	var info version.Info
	raw, err := a.client.Get().AbsPath("/version").MaxRetries(0).Do(first).Raw()
	if err == nil {
		err = unmarshal(raw, &info)
	}
	server := a.client.Get().URL().Host
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return info.GitVersion, nil
	case apierrors.IsForbidden(err), apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err):
		return "unknown", nil // the server is there; the lists will tell
	case apierrors.IsUnauthorized(err):
		return "", fmt.Errorf("reading the cluster at %s: %w\nhint: log in again, or name another context with --context", server, err)
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("reading the cluster at %s: no answer within %s\nhint: is the cluster reachable from here? kubectl version", server, min(firstTimeout, a.timeout))
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which is told already
	}
	return "", fmt.Errorf("reading the cluster at %s: %w\nhint: is the cluster reachable from here? kubectl version", server, err)
}

// get reads one page of a list. What may pass is tried again, mostAttempts times.
func (a *api) get(ctx context.Context, path, token string, into runtime.Object) error {
	wait := a.backoff
	for attempt := 1; ; attempt++ {
		err := a.try(ctx, path, token, into)
		again, asked := passes(err)
		if !again || attempt == mostAttempts || ctx.Err() != nil {
			return err
		}
		a.trying(attempt + 1)
		timer := time.NewTimer(min(max(wait, asked), longestWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		wait *= 2
	}
}

func (a *api) try(ctx context.Context, path, token string, into runtime.Object) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	r := a.client.Get().AbsPath(path).Param("limit", strconv.Itoa(pageSize)).MaxRetries(0)
	if token != "" {
		r = r.Param("continue", token)
	}
	return r.Do(ctx).Into(into)
}

// passes reports whether an error may pass, and how long the server asks to wait.
func passes(err error) (again bool, wait time.Duration) {
	if err == nil {
		return false, 0
	}
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		return true, time.Duration(seconds) * time.Second
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError, 0
	}
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() ||
		utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsProbableEOF(err), 0
}
