package spec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/docs/schemas"
	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const schemaFile = "docs/schemas/cluster.schema.json"

// fieldFacts are what the Go types do not say of a field: its default, in words or
// as a value that TestSchemaDefaults compares with what Decode fills in, and its
// range.
type fieldFacts struct {
	def    any
	words  string
	limits [2]int
}

// facts of fields, by definition and field.
var facts = map[string]fieldFacts{
	"ZoneSelection.limit":               {def: 3, limits: [2]int{1, 9}},
	"ZoneSelection.selection":           {def: "Ordered"},
	"NetworkSpec.cidr":                  {words: "10.0.0.0/16 (capa, eks, ack), 172.16.0.0/22 (kapsule), 10.89.0.0/24 (local)"},
	"NetworkSpec.podCIDRs":              {words: "[10.244.0.0/16] (local, kubeadm, capa); fd00:10:244::/56 for IPv6"},
	"NetworkSpec.serviceCIDRs":          {words: "[10.96.0.0/12] (local, kubeadm, capa), [172.20.0.0/16] (eks), [172.21.0.0/20] (ack); fd00:10:96::/112 for IPv6"},
	"NetworkSpec.reserveZones":          {words: "4, or the number of zones", limits: [2]int{1, 16}},
	"NetworkSpec.isolation":             {words: "controlled (kapsule)"},
	"NetworkSpec.gateways":              {words: "zonal (capa, eks, ack), single (kapsule, isolation full), none (others)"},
	"ControlPlaneSpec.replicas":         {words: "3 (local, kubeadm, capa)", limits: [2]int{1, 9}},
	"ControlPlaneSpec.primaryZone":      {words: "REGION-1 (kapsule)"},
	"EtcdSpec.topology":                 {words: "stacked (local, kubeadm, capa)"},
	"EtcdSpec.replicas":                 {words: "3 (external), the control plane's (stacked)", limits: [2]int{1, 9}},
	"EndpointSpec.port":                 {words: "6443; 443 (eks); 8443 (kubeadm without load-balancer hosts)", limits: [2]int{1, 65535}},
	"LoadBalancerSpec.kind":             {words: "haproxy (local, kubeadm), provider (others)"},
	"LoadBalancerSpec.virtualRouterID":  {words: "51 (haproxy)", limits: [2]int{1, 255}},
	"NodePool.scope":                    {words: "zonal; instances (kubeadm)"},
	"NodePool.size":                     {words: "min, or 1; the number of the pool's hosts (kubeadm)", limits: [2]int{0, 5000}},
	"NodePool.min":                      {words: "size", limits: [2]int{0, 5000}},
	"NodePool.max":                      {words: "size", limits: [2]int{1, 5000}},
	"NodePool.rootVolumeGB":             {words: "the provider's", limits: [2]int{0, 16384}},
	"StorageSpec.className":             {words: "gp3 (capa, eks), scw-bssd (kapsule), disk (ack), local (local, kubeadm)"},
	"StorageSpec.bindingMode":           {def: "WaitForFirstConsumer"},
	"IngressSpec.externalTrafficPolicy": {def: "Local"},
	"IngressPort.port":                  {limits: [2]int{1, 65535}},
	"IngressPort.targetPort":            {limits: [2]int{1, 65535}},
	"DNSSpec.ttl":                       {def: "1m"},
	"DNSSpec.strategy":                  {def: "all"},
	"DNSHealthCheck.interval":           {def: "10s"},
	"DNSHealthCheck.userAgent":          {def: "bulkhead"},
	"BackupSpec.every":                  {def: "6h"},
	"BackupSpec.keep":                   {def: 28, limits: [2]int{1, 10000}},
	"ObjectiveSpec.recoveryTime":        {def: "10m"},
	"ObjectiveSpec.survive":             {def: "zone"},
	"Host.pool":                         {words: "the first node pool (workers)"},
	"Host.user":                         {def: "root"},
	"Host.port":                         {def: 22, limits: [2]int{1, 65535}},
}

// generate makes the schema from the Go types and their comments; it needs the
// source, so it runs in the module's root.
func generate(t *testing.T) []byte {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
	reflector := &jsonschema.Reflector{
		Anonymous: true,
		Mapper: func(typ reflect.Type) *jsonschema.Schema {
			switch typ {
			case reflect.TypeFor[resource.Quantity]():
				return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}, Description: "A Kubernetes quantity, for example 16Gi."}
			case reflect.TypeFor[metav1.Duration]():
				return &jsonschema.Schema{Type: "string", Pattern: `^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)`, Description: "A duration with its unit, for example 90s, 10m or 6h."}
			}
			return nil
		},
	}
	if err := reflector.AddGoComments("bulkhead.dev/bulkhead", "./api/v1alpha1"); err != nil {
		t.Fatal(err)
	}
	for name, text := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	s := reflector.Reflect(&v1alpha1.Cluster{})
	s.ID = "https://bulkhead.dev/schemas/cluster.schema.json"
	s.Title = v1alpha1.ClusterKind
	finish(t, s, reflect.TypeFor[v1alpha1.Cluster](), map[reflect.Type]bool{})

	root := s.Definitions["Cluster"]
	root.Properties.Set("apiVersion", &jsonschema.Schema{Type: "string", Const: v1alpha1.APIVersion, Description: "Version of the format."})
	root.Properties.Set("kind", &jsonschema.Schema{Type: "string", Const: v1alpha1.ClusterKind, Description: "Kind of the object."})
	root.Required = []string{"apiVersion", "kind", "metadata", "spec"}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// finish adds what reflection does not find: descriptions that fields share or
// take from their type, defaults, ranges, and what must be written.
func finish(t *testing.T, s *jsonschema.Schema, typ reflect.Type, seen map[reflect.Type]bool) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] || typ.PkgPath() != reflect.TypeFor[v1alpha1.Cluster]().PkgPath() {
		return
	}
	seen[typ] = true
	d := s.Definitions[typ.Name()]
	d.Required = nil
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		finish(t, s, field.Type, seen)
		p, ok := d.Properties.Get(name)
		if !ok {
			t.Fatalf("%s has no property %s", typ.Name(), name)
		}
		p.Description = described(s, d, typ, i)
		required := !strings.Contains(options, "omit")
		if inner, ok := s.Definitions[field.Type.Name()]; ok && field.Type.Kind() == reflect.Struct {
			required = required && len(inner.Required) > 0
		}
		if required {
			d.Required = append(d.Required, name)
			if field.Type.Kind() == reflect.Slice {
				p.MinItems = ptr(uint64(1))
			}
		}
		f := facts[typ.Name()+"."+name]
		words := f.words
		if f.def != nil {
			p.Default = f.def
			words = fmt.Sprint(f.def)
		}
		if words != "" {
			p.Description += " Default: " + words + "."
		}
		if f.limits[1] > 0 {
			p.Minimum, p.Maximum = json.Number(fmt.Sprint(f.limits[0])), json.Number(fmt.Sprint(f.limits[1]))
		}
	}
}

func ptr[T any](v T) *T { return &v }

// described is a field's own comment, that of a field before it which names it
// too ("Size, Min and Max count nodes"), or that of its type.
func described(s, d *jsonschema.Schema, typ reflect.Type, i int) string {
	name := func(i int) string { n, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); return n }
	text := func(i int) string {
		if name(i) == "" {
			return ""
		}
		p, _ := d.Properties.Get(name(i))
		return p.Description
	}
	if own := text(i); own != "" && !strings.HasPrefix(own, "A Kubernetes quantity") {
		return own
	}
	word := regexp.MustCompile(`\b` + typ.Field(i).Name + `\b`)
	for j := i - 1; j >= 0; j-- {
		if before, _, _ := strings.Cut(text(j), " Default: "); word.MatchString(before) {
			return before
		}
	}
	inner := typ.Field(i).Type
	for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
		inner = inner.Elem()
	}
	if of, ok := s.Definitions[inner.Name()]; ok {
		return of.Description
	}
	return text(i)
}

// The file is made from the types: go test ./internal/spec -run Schema -update.
func TestSchemaFileIsCurrent(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(schemas.Cluster())); diff != "" {
		t.Errorf("%s is not what the types say (go test ./internal/spec -run Schema -update):\n%s", schemaFile, diff)
	}
}

func compiled(t *testing.T) *validator.Schema {
	t.Helper()
	document, err := validator.UnmarshalJSON(bytes.NewReader(schemas.Cluster()))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("cluster.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("cluster.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid says whether a spec follows the schema.
func valid(t *testing.T, s *validator.Schema, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

// What Decode takes, and what it makes of it, follows the schema.
func TestSpecsFollowTheSchema(t *testing.T) {
	schema := compiled(t)
	files := examples(t)
	for _, pattern := range []string{"testdata/base/*.yaml", "testdata/minimal/*.yaml", "testdata/decoded/*.yaml"} {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, more...)
	}
	for _, file := range files {
		if filepath.Base(file) == "catalog.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, schema, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// An editor finds at once what a schema can say; Decode finds it too.
func TestSchemaRefusesWhatIsNoCluster(t *testing.T) {
	schema := compiled(t)
	for what, change := range map[string][2]string{
		"another kind":                  {"kind: Cluster", "kind: Clusters"},
		"another version":               {"bulkhead.dev/v1alpha1", "bulkhead.dev/v1"},
		"a misspelt field":              {"className:", "class:"},
		"a field beside spec":           {"metadata:", "status: {}\nmetadata:"},
		"an unknown provider":           {"provider: kapsule", "provider: gke"},
		"no provider":                   {"provider: kapsule", ""},
		"a version that is a number":    {`"1.36"`, "1.36"},
		"an unknown scope":              {"scope: zonal", "scope: global"},
		"a size in words":               {"size: 3", "size: three"},
		"a size below none":             {"size: 3", "size: -3"},
		"a port that there is not":      {"targetPort: 8080", "targetPort: 80800"},
		"a duration without its unit":   {"ttl: 60s", "ttl: 60"},
		"a taint without its effect":    {", effect: NoSchedule", ""},
		"a label that is a number":      {"tier: front", "tier: 1"},
		"availability that is a number": {`"99.9"`, "99.9"},
		"a check without a URL":         {"      url: http://ingress.scw.example.com/up\n", ""},
		"no destination":                {"  objectives:", "  backup: {destinations: []}\n  objectives:"},
	} {
		text := baseSpec(t, "kapsule")
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("%s: %q is there %d times", what, change[0], strings.Count(text, change[0]))
		}
		text = strings.Replace(text, change[0], change[1], 1)
		if valid(t, schema, []byte(text)) == nil {
			t.Errorf("the schema takes %s", what)
		}
		if _, err := spec.Decode("cluster.yaml", []byte(text)); err == nil {
			t.Errorf("Decode takes %s", what)
		}
	}
}

// Every field says what it is.
func TestSchemaDescribesEveryField(t *testing.T) {
	var s jsonschema.Schema
	if err := json.Unmarshal(schemas.Cluster(), &s); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for name, d := range s.Definitions {
		if d.Description == "" {
			t.Errorf("%s has no description", name)
		}
		if d.AdditionalProperties == nil {
			t.Errorf("%s takes fields that it does not know", name)
		}
		for p := d.Properties.Oldest(); p != nil; p = p.Next() {
			known[name+"."+p.Key] = true
			if p.Value.Description == "" {
				t.Errorf("%s.%s has no description", name, p.Key)
			}
		}
	}
	for name := range facts {
		if !known[name] {
			t.Errorf("there is no field %s", name)
		}
	}
}

// Defaults that the schema gives are those that Decode fills in.
func TestSchemaDefaults(t *testing.T) {
	c, err := spec.Decode("cluster.yaml", []byte(`
apiVersion: bulkhead.dev/v1alpha1
kind: Cluster
metadata: {name: shop}
spec:
  provider: kubeadm
  kubernetesVersion: 1.36.3
  controlPlane: {replicas: 1, endpoint: {host: api.shop.example}, loadBalancer: {virtualIP: 10.10.0.10, interface: eth0}}
  nodePools: [{name: general, size: 0, max: 1}]
  ingress: {namespace: ingress, selector: {app: ingress}, ports: [{name: http, port: 80, targetPort: 8080}]}
  dns: {zone: shop.example, healthCheck: {url: "http://shop.example"}}
  backup: {destinations: ["s3://shop-backups"]}
  hosts: [{name: a, address: 10.10.0.2, zone: a, role: control-plane}]
`))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				if f := facts[v.Type().Name()+"."+name]; f.def != nil {
					found++
					def := f.def
					if v.Field(i).Type() == reflect.TypeFor[*metav1.Duration]() {
						d, err := time.ParseDuration(def.(string))
						if err != nil {
							t.Fatal(err)
						}
						def = d.String()
					}
					want, _ := json.Marshal(def)
					if got, _ := json.Marshal(v.Field(i).Interface()); string(got) != string(want) {
						t.Errorf("%s.%s is %s by default, and the schema says %s", v.Type().Name(), name, got, want)
					}
				}
				if v.Type().PkgPath() == reflect.TypeFor[v1alpha1.Cluster]().PkgPath() {
					walk(v.Field(i))
				}
			}
		}
	}
	walk(reflect.ValueOf(*c))
	fixed := slices.Collect(func(yield func(string) bool) {
		for name, f := range facts {
			if f.def != nil && !yield(name) {
				return
			}
		}
	})
	if found != len(fixed) {
		t.Errorf("%d of %d defaults were seen: %v", found, len(fixed), fixed)
	}
}
