//go:build linux

package machine

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// probeTimeout bounds one question; those that are asked are on this machine.
const probeTimeout = 2 * time.Second

// prober asks as a kubelet does (k8s.io/kubernetes/pkg/probe/http): certificates are
// not verified, and redirections not followed.
var prober = &http.Client{
	Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Probe asks the services that run whether they are ready, all at once: out is why
// not, by name. A service without a probe is ready when it runs.
func (m *Machine) Probe(_ Nothing, out *map[string]string) error {
	m.mu.Lock()
	asked := map[string]string{}
	for _, s := range m.services {
		if s.probe != "" && s.status().State == Running {
			asked[s.name] = s.probe
		}
	}
	m.mu.Unlock()
	*out = map[string]string{}
	var (
		mu    sync.Mutex
		group sync.WaitGroup
	)
	for name, url := range asked {
		group.Go(func() {
			if err := probe(url); err != nil {
				mu.Lock()
				defer mu.Unlock()
				(*out)[name] = err.Error()
			}
		})
	}
	group.Wait()
	return nil
}

// probe is an error unless the answer is 200 to 399.
func probe(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := prober.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16))
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return nil
}
