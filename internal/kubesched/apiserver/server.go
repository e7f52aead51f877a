package apiserver

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/plugin/pkg/admission/defaulttolerationseconds"
)

// DefaultTolerationSeconds is kube-apiserver's default of
// --default-not-ready-toleration-seconds and
// --default-unreachable-toleration-seconds
// (k8s.io/kubernetes plugin/pkg/admission/defaulttolerationseconds).
const DefaultTolerationSeconds = 300

// Options of a Server.
type Options struct {
	// TolerationSeconds for the not-ready and the unreachable taint, that pods
	// without such tolerations get. Negative tolerates for no time at all, as
	// in Kubernetes; nil is DefaultTolerationSeconds.
	TolerationSeconds *int64
}

// Server answers as kube-apiserver does with every flag but those of Options at
// its default. It holds no objects and may be used concurrently.
type Server struct {
	scheme            *runtime.Scheme
	decoder           *json.Serializer
	tolerations       *defaulttolerationseconds.Plugin
	tolerationSeconds int64
	kinds             map[schema.GroupKind]served
	byName            map[string]served
	groups            map[string]bool
}

// New returns a Server.
func New(o Options) *Server {
	s := &Server{
		scheme: legacyscheme.Scheme,
		decoder: json.NewSerializerWithOptions(json.DefaultMetaFactory,
			legacyscheme.Scheme, legacyscheme.Scheme, json.SerializerOptions{Strict: true}),
		tolerations:       defaulttolerationseconds.NewDefaultTolerationSeconds(),
		tolerationSeconds: DefaultTolerationSeconds,
		kinds:             map[schema.GroupKind]served{},
		byName:            map[string]served{},
		groups:            map[string]bool{},
	}
	if o.TolerationSeconds != nil {
		s.tolerationSeconds = *o.TolerationSeconds
	}
	s.tolerations.InspectFeatureGates(nil)
	for _, k := range kinds() {
		s.kinds[schema.GroupKind{Group: k.group, Kind: k.kind}] = k
		s.byName[k.kind] = k
		s.groups[k.group] = true
	}
	return s
}
