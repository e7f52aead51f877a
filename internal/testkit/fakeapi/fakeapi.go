// Package fakeapi is an API server at the HTTP boundary for tests: it serves lists
// in pages, as protobuf where the client takes it, and goes wrong as it is told to.
package fakeapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Server serves the objects that it was started with; every other list is empty.
type Server struct {
	// URL of the server.
	URL string
	// PageSize that the server keeps to, whatever is asked for.
	PageSize int
	// Answers are given instead of a page, each once and in order, by path.
	Answers map[string][]Answer
	// Hang holds requests for these paths until the client goes or Close is called.
	Hang map[string]bool

	mu     sync.Mutex
	lists  map[string][]json.RawMessage
	kinds  map[string]metav1.TypeMeta // of lists, by path
	asked  []string
	http   *httptest.Server
	closed chan struct{}
}

// Answer is an error of the API.
type Answer struct {
	Code   int
	Reason string
	// Page that it stands for, from 0.
	Page int
	// RetryAfter is the header of that name in seconds, or "".
	RetryAfter string
	// Always gives it every time.
	Always bool
}

// Start serves the objects in YAML documents.
func Start(documents string) (*Server, error) {
	s := &Server{PageSize: 500, Answers: map[string][]Answer{}, Hang: map[string]bool{}, lists: map[string][]json.RawMessage{}, kinds: map[string]metav1.TypeMeta{}, closed: make(chan struct{})}
	for d := range strings.SplitSeq("\n"+documents, "\n---\n") {
		raw, err := yaml.YAMLToJSON([]byte(d))
		if err != nil {
			return nil, err
		}
		var h struct {
			APIVersion, Kind string
			Metadata         struct{ Namespace string }
		}
		if err := json.Unmarshal(raw, &h); err != nil {
			return nil, err
		}
		for _, namespace := range slices.Compact([]string{"", h.Metadata.Namespace}) {
			path := Path(h.APIVersion, namespace, h.Kind)
			s.lists[path] = append(s.lists[path], raw)
			s.kinds[path] = metav1.TypeMeta{APIVersion: h.APIVersion, Kind: h.Kind + "List"}
		}
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s, nil
}

// Path of the list of a kind, in a namespace or, with "", in all.
func Path(apiVersion, namespace, kind string) string {
	root := "/apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		root = "/api/" + apiVersion
	}
	if namespace != "" {
		root += "/namespaces/" + namespace
	}
	plural := strings.ToLower(kind) + "s"
	if strings.HasSuffix(plural, "ss") {
		plural = strings.ToLower(kind) + "es"
	}
	return root + "/" + plural
}

// Close ends the server.
func (s *Server) Close() {
	close(s.closed)
	s.http.Close()
}

// Asked returns the paths asked for so far, with their queries, in order.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// Kubeconfig for the server, with one context of the given name.
func (s *Server) Kubeconfig(context string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: %s
contexts: [{name: %s, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: %q}}]
users: [{name: u, user: {}}]
`, context, context, s.URL)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RequestURI())
	s.mu.Unlock()
	if s.Hang[r.URL.Path] {
		select {
		case <-s.closed:
		case <-r.Context().Done():
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/version" {
		_, _ = fmt.Fprint(w, `{"major":"1","minor":"36","gitVersion":"v1.36.3"}`)
		return
	}
	start, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("continue"), "after-")) // none is 0
	if planned := s.Answers[r.URL.Path]; len(planned) > 0 && planned[0].Page*s.PageSize == start {
		s.refuse(w, r.URL.Path, planned)
		return
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		http.Error(w, "a list without a limit", http.StatusBadRequest)
		return
	}
	items := s.lists[r.URL.Path]
	end := min(len(items), start+min(limit, s.PageSize))
	meta := map[string]any{"resourceVersion": "1"}
	if end < len(items) {
		meta["continue"], meta["remainingItemCount"] = "after-"+strconv.Itoa(end), len(items)-end
	}
	// Items without apiVersion and kind, as an API server's lists are.
	page := []map[string]any{}
	for _, raw := range items[start:end] {
		var item map[string]any
		if json.Unmarshal(raw, &item) == nil { // it was, when it was added
			delete(item, "kind")
			delete(item, "apiVersion")
			page = append(page, item)
		}
	}
	list := map[string]any{"metadata": meta, "items": page}
	if kind, ok := s.kinds[r.URL.Path]; ok {
		list["apiVersion"], list["kind"] = kind.APIVersion, kind.Kind
	}
	text, err := json.Marshal(list)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if packed, ok := asProtobuf(text); ok && strings.Contains(r.Header.Get("Accept"), runtime.ContentTypeProtobuf) {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		text = packed
	}
	_, _ = w.Write(text) // an error says that the client has gone
}

// asProtobuf encodes a list anew, if it is one of Kubernetes' kinds.
func asProtobuf(text []byte) ([]byte, bool) {
	obj, gvk, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil, false
	}
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	if !ok {
		return nil, false
	}
	packed, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, gvk.GroupVersion()), obj)
	return packed, err == nil
}

func (s *Server) refuse(w http.ResponseWriter, path string, planned []Answer) {
	a := planned[0]
	if !a.Always {
		s.Answers[path] = planned[1:]
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	w.WriteHeader(a.Code)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"%s: planned"}`, a.Reason, a.Code, path)
}
