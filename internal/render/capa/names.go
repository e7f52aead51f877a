package capa

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// poolLabel is on machines and nodes of a pool; health checks select by it.
const poolLabel = "bulkhead.dev/pool"

// API versions of the objects, and the groups that references to them name.
const (
	coreVersion         = "cluster.x-k8s.io/v1beta2"
	infraGroup          = "infrastructure.cluster.x-k8s.io"
	infraVersion        = infraGroup + "/v1beta2"
	bootstrapGroup      = "bootstrap.cluster.x-k8s.io"
	bootstrapVersion    = bootstrapGroup + "/v1beta2"
	controlPlaneGroup   = "controlplane.cluster.x-k8s.io"
	controlPlaneVersion = controlPlaneGroup + "/v1beta2"
)

func typeMeta(version, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: kind}
}

func ref(group, kind, name string) clusterv1.ContractVersionedObjectReference {
	return clusterv1.ContractVersionedObjectReference{APIGroup: group, Kind: kind, Name: name}
}

// clusterLabels tell clusterctl and people which cluster an object belongs to.
func clusterLabels(cluster string) map[string]string {
	return map[string]string{clusterv1.ClusterNameLabel: cluster}
}

// prefixed begins with the cluster's name, once: several clusters share the
// namespace of a management cluster.
func prefixed(cluster, name string) string {
	if name == cluster || strings.HasPrefix(name, cluster+"-") {
		return name
	}
	return cluster + "-" + name
}

// hashed is the name of a template with this content. Infrastructure templates
// are immutable, and a change of a bootstrap template replaces no machine: with
// the content in the name, a change is a new template, which rolls out.
func hashed(name string, content any) (string, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("naming template %q: %w", name, err)
	}
	sum := sha256.Sum256(text)
	return name + "-" + hex.EncodeToString(sum[:4]), nil
}

// yamlFile is file.YAML without what CAPA's types write though it is not set. The
// endpoint is more than noise: CAPA fills it in, and an empty one in the file would
// take it away again, which CAPA forbids.
func yamlFile(path, comment string, objects ...any) (file.File, error) {
	plain := make([]any, len(objects))
	for i, o := range objects {
		m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return file.File{}, fmt.Errorf("rendering %s: %w", path, err)
		}
		if spec, ok := m["spec"].(map[string]any); ok && m["kind"] == "AWSCluster" {
			delete(spec, "bastion")
			delete(spec, "controlPlaneEndpoint")
		}
		plain[i] = withoutEmpty(m)
	}
	return file.YAML(path, comment, plain...)
}

// withoutEmpty drops the fields that are {} only because nobody set them; an
// emptyDir is {} on purpose.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			value = withoutEmpty(value)
			v[key] = value
			m, ok := value.(map[string]any)
			if !ok || len(m) > 0 {
				continue
			}
			switch key {
			case "ami", "cloudInit", "metadata", "resources", "strategy":
				delete(v, key)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
	}
	return v
}
