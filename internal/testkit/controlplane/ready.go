//go:build linux

package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"bulkhead.dev/bulkhead/internal/local/process"
)

// prober returns a client that trusts the authority; one answer takes at most a
// second.
func (a *authority) prober() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &http.Client{
		Timeout:   time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
}

// awaitReady returns when m answers that it is ready, or with an error when the
// process has ended or ctx is done.
func (m component) awaitReady(ctx context.Context, client *http.Client, p *process.Process) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := m.probe(ctx, client)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-p.Done():
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w: %w\n%s", m.name, ctx.Err(), err, process.Tail(p.LogPath))
		}
	}
}

// probe asks once whether m is ready.
func (m component) probe(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.ready, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !strings.Contains(string(text), m.answer) {
		return fmt.Errorf("%s: %s: %.200s", m.ready, response.Status, text)
	}
	return nil
}

// awaitAccount returns when pods can be created in the namespace default: the
// admission plugin ServiceAccount wants its account, which the controller
// manager makes.
func (c *ControlPlane) awaitAccount(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return err
	}
	accounts := cache.NewListWatchFromClient(clients.CoreV1().RESTClient(), "serviceaccounts", metav1.NamespaceDefault,
		fields.OneTermEqualSelector(metav1.ObjectNameField, "default"))
	_, err = watchtools.UntilWithSync(ctx, accounts, &corev1.ServiceAccount{}, nil, func(e watch.Event) (bool, error) {
		return e.Type == watch.Added || e.Type == watch.Modified, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the service account default/default: %w\n%s", err, process.Tail(c.LogPath(ControllerManager)))
	}
	return nil
}
