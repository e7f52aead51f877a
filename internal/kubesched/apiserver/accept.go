package apiserver

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/apis/core"
)

// Accept turns one JSON document of a kind that Known knows into the object that
// the API server would store, in the group's preferred version (autoscaling/v2,
// else v1), or returns every reason for which it would refuse.
//
// A namespaced object without a namespace gets the given one. One with only a
// generateName gets that and suffix as its name. An object with a metadata.uid
// was accepted by an API server before: it is decoded and defaulted, keeps its
// status, and is not validated again. Any other gets a UID made from its kind,
// namespace and name, so that the same input gives the same object.
//
// Faults come sorted by field where they are of the same origin; warnings are
// what fieldValidation=Warn and the strategy would answer. Neither repeats the
// value of a field that may be secret.
func (s *Server) Accept(document []byte, gvk schema.GroupVersionKind, namespace, suffix string) (runtime.Object, []string, field.ErrorList) {
	k, ok := s.kinds[gvk.GroupKind()]
	if !ok || !slices.Contains(k.versions, gvk.Version) {
		return nil, nil, internal(fmt.Errorf("kind %s is not known", gvk))
	}
	obj, warnings, faults := s.decode(document, gvk)
	if len(faults) > 0 {
		return nil, warnings, faults
	}
	if slices.Contains(k.retired, gvk.Version) {
		warnings = append(warnings, fmt.Sprintf("apiVersion: Kubernetes %s no longer serves %s; read as %s",
			Kubernetes, gvk.GroupVersion(), k.preferred()))
	}
	s.scheme.Default(obj)
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, warnings, internal(err)
	}
	m.SetManagedFields(nil)
	if !k.strategy.NamespaceScoped() {
		m.SetNamespace("")
	} else if m.GetNamespace() == "" {
		m.SetNamespace(namespace)
	}
	if m.GetName() == "" && m.GetGenerateName() != "" {
		m.SetName(m.GetGenerateName() + suffix)
	}
	if m.GetUID() != "" {
		obj, err = s.stored(obj, k)
		if err != nil {
			return nil, warnings, internal(err)
		}
		return obj, warnings, oversized(obj)
	}
	m.SetUID(stableUID(gvk.Kind, m.GetNamespace(), m.GetName()))
	faults = oversized(obj)
	created, more, refused := s.create(obj, gvk, k)
	faults = unique(append(faults, refused...))
	if len(faults) > 0 {
		return nil, append(warnings, more...), faults
	}
	return created, append(warnings, more...), nil
}

// create follows rest.BeforeCreate (k8s.io/apiserver pkg/registry/rest) in its
// order, but collects faults instead of rendering them into one status.
func (s *Server) create(obj runtime.Object, gvk schema.GroupVersionKind, k served) (runtime.Object, []string, field.ErrorList) {
	in, err := s.scheme.ConvertToVersion(obj, schema.GroupVersion{Group: k.group, Version: runtime.APIVersionInternal})
	if err != nil {
		return nil, nil, internal(err)
	}
	m, err := meta.Accessor(in)
	if err != nil {
		return nil, nil, internal(err)
	}
	if svc, ok := in.(*core.Service); ok {
		allocate(svc)
	}
	ctx := requestContext(m.GetNamespace(), gvk)
	k.strategy.PrepareForCreate(ctx, in)
	faults := k.strategy.Validate(ctx, in)
	faults = append(faults, apivalidation.ValidateObjectMetaAccessor(m, k.strategy.NamespaceScoped(),
		pathSegment, field.NewPath("metadata"))...)
	if len(faults) > 0 {
		return nil, nil, faults
	}
	warnings := k.strategy.WarningsOnCreate(ctx, in)
	k.strategy.Canonicalize(in)
	out, err := s.stored(in, k)
	if err != nil {
		return nil, warnings, internal(err)
	}
	s.scheme.Default(out)
	return out, warnings, nil
}

// healthCheckPort stands for the port that the API server would allocate, from
// the default --service-node-port-range.
const healthCheckPort = 30000

// allocate does what the service registry does before validation
// (pkg/registry/core/service/storage: normalizeClusterIPs and
// allocHealthCheckNodePort).
func allocate(svc *core.Service) {
	if svc.Spec.ClusterIP != "" && len(svc.Spec.ClusterIPs) == 0 {
		svc.Spec.ClusterIPs = []string{svc.Spec.ClusterIP}
	}
	if svc.Spec.Type == core.ServiceTypeLoadBalancer && svc.Spec.HealthCheckNodePort == 0 &&
		svc.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal {
		svc.Spec.HealthCheckNodePort = healthCheckPort
	}
}

// pathSegment is what rest.BeforeCreate asks of every name: that it fits into a
// URL.
func pathSegment(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}

// stored converts to the version that Accept returns.
func (s *Server) stored(obj runtime.Object, k served) (runtime.Object, error) {
	gvks, _, err := s.scheme.ObjectKinds(obj)
	if err != nil {
		return nil, err
	}
	if gvks[0].GroupVersion() != k.preferred() {
		obj, err = s.scheme.ConvertToVersion(obj, k.preferred())
		if err != nil {
			return nil, err
		}
		s.scheme.Default(obj)
	}
	obj.GetObjectKind().SetGroupVersionKind(k.preferred().WithKind(k.kind))
	return obj, nil
}

// requestContext is what strategies look into: the request's namespace and API
// version. Nothing is logged: mismatches between Kubernetes' two validation
// engines are not the reader's concern.
func requestContext(namespace string, gvk schema.GroupVersionKind) context.Context {
	ctx := klog.NewContext(context.Background(), logr.Discard())
	ctx = request.WithNamespace(ctx, namespace)
	return request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true, Verb: "create", Namespace: namespace,
		APIGroup: gvk.Group, APIVersion: gvk.Version,
	})
}

// stableUID names an object that no API server has named yet.
func stableUID(kind, namespace, name string) types.UID {
	return types.UID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("bulkhead.dev/"+kind+"/"+namespace+"/"+name)).String())
}

// unique drops faults that two layers of validation found at the same place.
func unique(faults field.ErrorList) field.ErrorList {
	type key struct {
		path string
		kind field.ErrorType
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(faults, func(e *field.Error) bool {
		k := key{e.Field, e.Type}
		found := seen[k] && e.Type != field.ErrorTypeForbidden
		seen[k] = true
		return found
	})
}

func internal(err error) field.ErrorList {
	return field.ErrorList{{Type: field.ErrorTypeInternal, BadValue: field.OmitValueType{}, Detail: err.Error()}}
}

// controllerOf is the reference that a controller leaves on what it creates.
func controllerOf(apiVersion, kind, name string, uid types.UID) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: apiVersion, Kind: kind, Name: name, UID: uid, Controller: &yes, BlockOwnerDeletion: &yes,
	}
}
