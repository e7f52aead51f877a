package kubesched

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// offlineAPI answers the one kind of request that the scheduler's code makes
// in a scheduling cycle: preemption clears status.nominatedNodeName of pods of
// lower priority. It never touches a network.
type offlineAPI struct {
	cleared []string // namespace/name, in order
}

func (a *offlineAPI) client() (kubernetes.Interface, error) {
	return kubernetes.NewForConfig(&rest.Config{Host: "http://offline.invalid", Transport: a, QPS: -1})
}

// RoundTrip notes PATCH /api/v1/namespaces/NAMESPACE/pods/NAME/status and
// answers every other request with 404.
func (a *offlineAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	code, body := http.StatusNotFound, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404}`
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if r.Method == http.MethodPatch && len(parts) == 7 && parts[4] == "pods" && parts[6] == "status" {
		a.cleared = append(a.cleared, parts[3]+"/"+parts[5])
		code, body = http.StatusOK, `{"kind":"Pod","apiVersion":"v1"}`
	}
	return &http.Response{
		StatusCode: code,
		Status:     http.StatusText(code),
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": []string{"application/json"}},
		Body:    io.NopCloser(bytes.NewBufferString(body)),
		Request: r,
	}, nil
}

// takeCleared returns the pods whose nomination was cleared since the last call.
func (a *offlineAPI) takeCleared() []string {
	c := a.cleared
	a.cleared = nil
	return c
}
