//go:build linux

package drill

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The load asks as the kubeconfig says: behind a path, with a token or by an exec
// plugin, over HTTP/1.1.
func TestSoftLoadLogsIn(t *testing.T) {
	var proto, authorization, path string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		proto, authorization, path = r.Proto, r.Header.Get("Authorization"), r.URL.String()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	plugin := filepath.Join(t.TempDir(), "plugin")
	script := "#!/bin/sh\n" + `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"of-the-plugin"}}'` + "\n"
	if err := os.WriteFile(plugin, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for want, change := range map[string]func(*rest.Config){
		"Bearer of-the-file":   func(c *rest.Config) { c.BearerToken = "of-the-file" },
		"Bearer of-the-plugin": func(c *rest.Config) { c.ExecProvider = execOf(plugin) },
	} {
		t.Run(want, func(t *testing.T) {
			config := &rest.Config{Host: server.URL + "/k8s/clusters/c-1", TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
			change(config)
			s := &softSite{SoftTarget: SoftTarget{Config: config}, clock: newClock()}
			var err error
			if s.api, s.config, err = s.connect(); err != nil {
				t.Fatal(err)
			}
			if err := s.reachAPI(); err != nil {
				t.Fatal(err)
			}
			l := newLoad(s, s.clock, 1, []way{{from: outside, via: viaVIP, writes: 1}})
			status, text, err := l.request(t.Context(), l.clients[outside], http.MethodGet, s.base(viaVIP), l.path("x")+"?limit=1", nil)
			if err != nil || status != http.StatusOK {
				t.Fatalf("%d %s %v", status, text, err)
			}
			if wanted := fmt.Sprintf("/k8s/clusters/c-1/api/v1/namespaces/%s/configmaps/x?limit=1", l.namespace); path != wanted || authorization != want || proto != "HTTP/1.1" {
				t.Errorf("asked %s for %s as %q", proto, path, authorization)
			}
		})
	}
}

func execOf(command string) *clientcmdapi.ExecConfig {
	return &clientcmdapi.ExecConfig{Command: command, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode}
}
