package snapshot

import (
	"encoding/json"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"
)

// sharing decodes objects so that equal parts are one part: what stands in the
// same bytes is decoded once and then shared, also by pointer. A hundred thousand
// pods of two thousand templates hold two thousand specs. What it returns is
// redacted, whoever wrote the bytes, and must not be changed. It is used
// concurrently.
type sharing struct {
	labels, annotations cache[map[string]string]
	owners              cache[[]metav1.OwnerReference]
	specs               cache[*corev1.PodSpec]
	statuses            cache[*corev1.PodStatus]
	containers          cache[[]corev1.Container]
	affinity            cache[*corev1.Affinity]
	tolerations         cache[[]corev1.Toleration]
	spread              cache[[]corev1.TopologySpreadConstraint]
	nodeSelector        cache[map[string]string]
	images              cache[corev1.ContainerImage]
}

// cache holds decoded values by their JSON.
type cache[T any] struct {
	mu  sync.RWMutex
	all map[string]T
}

// get returns the value of the JSON, decoded by decode where it is not known; no
// JSON is the zero value.
func (c *cache[T]) get(raw []byte, decode func([]byte, *T) error) (T, error) {
	var value T
	if len(raw) == 0 {
		return value, nil
	}
	c.mu.RLock()
	known, ok := c.all[string(raw)]
	c.mu.RUnlock()
	if ok {
		return known, nil
	}
	if err := decode(raw, &value); err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.all[string(raw)]; ok {
		return known, nil
	}
	if c.all == nil {
		c.all = map[string]T{}
	}
	c.all[string(raw)] = value
	return value, nil
}

func unmarshal[T any](raw []byte, into *T) error {
	return kjson.UnmarshalCaseSensitivePreserveInts(raw, into)
}

// decode decodes an object of the kind.
func (s *sharing) decode(k kind, raw []byte) (runtime.Object, error) {
	switch k.resource {
	case "pods":
		return s.pod(raw)
	case "nodes":
		return s.node(raw)
	}
	obj := k.object()
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, obj); err != nil {
		return nil, err
	}
	redact(obj)
	return obj, nil
}

// sharedMeta leaves undecoded what is shared: of fields with the same name, the
// outer one is decoded into.
type sharedMeta struct {
	metav1.ObjectMeta
	Labels          json.RawMessage `json:"labels"`
	Annotations     json.RawMessage `json:"annotations"`
	OwnerReferences json.RawMessage `json:"ownerReferences"`
}

func (s *sharing) meta(m *sharedMeta) (metav1.ObjectMeta, error) {
	var err error
	out := redactMeta(m.ObjectMeta)
	if out.Labels, err = s.labels.get(m.Labels, unmarshal); err != nil {
		return out, err
	}
	if out.Annotations, err = s.annotations.get(m.Annotations, plainOnly); err != nil {
		return out, err
	}
	out.OwnerReferences, err = s.owners.get(m.OwnerReferences, unmarshal)
	return out, err
}

func plainOnly(raw []byte, into *map[string]string) error {
	err := unmarshal(raw, into)
	*into = plainAnnotations(*into)
	return err
}

// pod decodes a pod. Its spec but for the node, and its status but for the time of
// its start, are those of its like.
func (s *sharing) pod(raw []byte) (*corev1.Pod, error) {
	var p struct {
		metav1.TypeMeta
		Metadata sharedMeta      `json:"metadata"`
		Spec     json.RawMessage `json:"spec"`
		Status   json.RawMessage `json:"status"`
	}
	if err := unmarshal(raw, &p); err != nil {
		return nil, err
	}
	pod := &corev1.Pod{TypeMeta: p.TypeMeta}
	var err error
	if pod.ObjectMeta, err = s.meta(&p.Metadata); err != nil {
		return nil, err
	}
	rest, node := cutMember(p.Spec, "nodeName")
	spec, err := s.specs.get(rest, s.podSpec)
	if err != nil {
		return nil, err
	}
	if spec != nil {
		pod.Spec = *spec
	}
	if node != nil {
		if err := unmarshal(node, &pod.Spec.NodeName); err != nil {
			return nil, err
		}
	}
	rest, started := cutMember(p.Status, "startTime")
	status, err := s.statuses.get(rest, podStatus)
	if err != nil {
		return nil, err
	}
	if status != nil {
		pod.Status = *status
	}
	if started != nil {
		err = unmarshal(started, &pod.Status.StartTime)
	}
	return pod, err
}

// podSpec decodes a spec that nobody had before: parts of it may be known.
func (s *sharing) podSpec(raw []byte, into **corev1.PodSpec) error {
	var p struct {
		corev1.PodSpec
		NodeSelector              json.RawMessage `json:"nodeSelector"`
		Containers                json.RawMessage `json:"containers"`
		InitContainers            json.RawMessage `json:"initContainers"`
		Affinity                  json.RawMessage `json:"affinity"`
		Tolerations               json.RawMessage `json:"tolerations"`
		TopologySpreadConstraints json.RawMessage `json:"topologySpreadConstraints"`
	}
	err := unmarshal(raw, &p)
	if err != nil {
		return err
	}
	spec := redactPodSpec(&p.PodSpec)
	if spec.NodeSelector, err = s.nodeSelector.get(p.NodeSelector, unmarshal); err != nil {
		return err
	}
	if spec.Containers, err = s.containers.get(p.Containers, containers); err != nil {
		return err
	}
	if spec.InitContainers, err = s.containers.get(p.InitContainers, containers); err != nil {
		return err
	}
	if spec.Affinity, err = s.affinity.get(p.Affinity, unmarshal); err != nil {
		return err
	}
	if spec.Tolerations, err = s.tolerations.get(p.Tolerations, unmarshal); err != nil {
		return err
	}
	spec.TopologySpreadConstraints, err = s.spread.get(p.TopologySpreadConstraints, unmarshal)
	*into = &spec
	return err
}

func containers(raw []byte, into *[]corev1.Container) error {
	err := unmarshal(raw, into)
	*into = redactContainers(*into)
	return err
}

func podStatus(raw []byte, into **corev1.PodStatus) error {
	var s corev1.PodStatus
	if err := unmarshal(raw, &s); err != nil {
		return err
	}
	s = redactPodStatus(&s)
	*into = &s
	return nil
}

// node decodes a node; the images that are on many nodes are held once.
func (s *sharing) node(raw []byte) (*corev1.Node, error) {
	var n struct {
		metav1.TypeMeta
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     corev1.NodeSpec   `json:"spec"`
		Status   struct {
			corev1.NodeStatus
			Images []json.RawMessage `json:"images"`
		} `json:"status"`
	}
	if err := unmarshal(raw, &n); err != nil {
		return nil, err
	}
	node := &corev1.Node{TypeMeta: n.TypeMeta, ObjectMeta: n.Metadata, Spec: n.Spec, Status: n.Status.NodeStatus}
	for _, raw := range n.Status.Images {
		image, err := s.images.get(raw, unmarshal)
		if err != nil {
			return nil, err
		}
		node.Status.Images = append(node.Status.Images, image)
	}
	redact(node)
	return node, nil
}

// cutMember takes a member out of a JSON object that is known to be valid, and
// returns what is left, which is a JSON object again, and the member's value; nil
// where it is not there as a string.
func cutMember(object []byte, name string) (rest, value []byte) {
	start, from, end := stringMember(object, name)
	if end == 0 {
		return object, nil
	}
	value = object[from:end]
	if object[start] != ',' && end < len(object) && object[end] == ',' {
		end++ // the comma after a first member goes with it
	}
	rest = make([]byte, 0, len(object)-(end-start))
	return append(append(rest, object[:start]...), object[end:]...), value
}

// stringMember finds a member of a JSON object, written without spaces, whose
// value is a string. It begins at start, with its comma or, as the first member,
// without; its value stands from from to end. Without such a member end is 0.
func stringMember(object []byte, name string) (start, from, end int) {
	depth := 0
	for i := 0; i < len(object); i++ {
		switch object[i] {
		case '{', '[':
			depth++
			start = i + 1
		case '}', ']':
			depth--
		case ',':
			start = i
		case '"':
			last := closing(object, i)
			if depth == 1 && last+2 < len(object) && string(object[i+1:last]) == name &&
				object[last+1] == ':' && object[last+2] == '"' {
				from = last + 2
				if end = closing(object, from) + 1; end <= len(object) {
					return start, from, end
				}
			}
			i = last
		}
	}
	return 0, 0, 0
}

// closing returns where the string ends that begins at a quote.
func closing(text []byte, quote int) int {
	for i := quote + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}
