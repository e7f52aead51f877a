package spec

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

func (v *validator) storage(s *v1alpha1.StorageSpec) {
	v.subdomain("spec.storage.className", s.ClassName)
	v.subdomain("spec.storage.sharedClassName", s.SharedClassName)
	if s.ClassName != "" && s.SharedClassName == s.ClassName {
		v.fault("spec.storage.sharedClassName", "", "is %s, the class of volumes that stay in their zone", shown(s.ClassName))
	}
}

func (v *validator) ingress(in *v1alpha1.IngressSpec) {
	if in == nil {
		return
	}
	const path = "spec.ingress"
	v.name(path+".namespace", in.Namespace)
	keys := make([]string, 0, len(in.Selector))
	for key := range in.Selector {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		v.label(fmt.Sprintf("%s.selector[%s]", path, join("", key)), key, in.Selector[key])
	}
	at := func(i int) string { return fmt.Sprintf("%s.ports[%d]", path, i) }
	var names, ports []string
	for i, p := range in.Ports {
		names, ports = append(names, p.Name), append(ports, strconv.Itoa(p.Port))
		v.name(at(i)+".name", p.Name)
		v.between(at(i)+".port", &p.Port, 1, mostPort)
		v.between(at(i)+".targetPort", &p.TargetPort, 1, mostPort)
	}
	v.distinct(names, func(i int) string { return at(i) + ".name" })
	v.distinct(ports, func(i int) string { return at(i) + ".port" })
	if in.HealthPath != "" && (!strings.HasPrefix(in.HealthPath, "/") || !isPrintable(in.HealthPath, false)) {
		v.fault(path+".healthPath", "for example /up", "is %s: want a path that begins with /", shown(in.HealthPath))
	}
}

// isPrintable: ASCII that can be seen, and spaces where they are allowed. Header
// values, paths and probes take no more.
func isPrintable(s string, spaces bool) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' || r < ' ' || r == ' ' && !spaces })
}

func (v *validator) dns(d *v1alpha1.DNSSpec) {
	if d == nil {
		return
	}
	const path = "spec.dns"
	v.subdomain(path+".zone", d.Zone)
	if d.Zone != "" && !strings.Contains(d.Zone, ".") {
		v.fault(path+".zone", "for example scw.example.com", "is %s: want a DNS zone of two labels at least", shown(d.Zone))
	}
	if d.Record != "" && len(validation.IsDNS1123Subdomain(strings.TrimPrefix(d.Record, "*."))) > 0 {
		v.fault(path+".record", "", "is %s: want a name in the zone, for example ingress", shown(d.Record))
	}
	if d.Zone != "" && strings.HasSuffix(d.Record, "."+d.Zone) {
		v.fault(path+".record", "write "+shown(strings.TrimSuffix(d.Record, "."+d.Zone)), "is %s: want a name in the zone, without the zone", shown(d.Record))
	}
	v.longer(path+".ttl", d.TTL, false)
	if d.TTL != nil && d.TTL.Duration%time.Second != 0 {
		v.fault(path+".ttl", "", "is %s: want whole seconds", d.TTL.Duration)
	}
	v.webURL(path+".healthCheck.url", d.HealthCheck.URL)
	v.longer(path+".healthCheck.interval", d.HealthCheck.Interval, false)
	if !isPrintable(d.HealthCheck.UserAgent, true) {
		v.fault(path+".healthCheck.userAgent", "", "is %s: want printable ASCII", shown(d.HealthCheck.UserAgent))
	}
	if v.cluster.Spec.Ingress == nil {
		v.fault(path, "add spec.ingress: the pods that take the traffic", "has nothing to point at: each zone's load balancer comes from spec.ingress")
	}
}

// bucketName is what S3 takes (Amazon S3 User Guide, "Bucket naming rules").
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// shortestBackup: a snapshot of etcd reads all of it.
const shortestBackup = time.Minute

func (v *validator) backup(b *v1alpha1.BackupSpec) {
	if b == nil {
		return
	}
	const at = "spec.backup"
	if v.known && v.managed {
		v.lacks(at, "the provider runs etcd, and backs it up")
		return
	}
	v.longer(at+".every", b.Every, false)
	if b.Every != nil && b.Every.Duration < shortestBackup {
		v.fault(at+".every", "", "is %s: want a minute or more", b.Every.Duration)
	}
	if b.Every != nil && b.Every.Duration%time.Second != 0 {
		v.fault(at+".every", "", "is %s: want whole seconds", b.Every.Duration)
	}
	v.between(at+".keep", b.Keep, 1, 10_000)
	for i, d := range b.Destinations {
		v.destination(fmt.Sprintf("%s.destinations[%d]", at, i), d)
	}
	v.distinct(b.Destinations, func(i int) string { return fmt.Sprintf("%s.destinations[%d]", at, i) })
}

func (v *validator) destination(at, text string) {
	const want = "s3://BUCKET/PREFIX or file:///DIR"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.User == nil && u.Scheme != "s3" && u.Scheme != "file":
		v.fault(at, "", "is %s: want %s", place(text), want)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		v.fault(at, "a spec is no place for keys: machines read them from their own files", "holds more than a place: want %s", want)
	case u.Scheme == "s3" && !bucketName.MatchString(u.Host):
		v.fault(at, "", "has the bucket %s: want 3 to 63 of a-z, 0-9, . and -", shown(u.Host))
	case u.Scheme == "file" && v.cluster.Spec.Provider == v1alpha1.ProviderCAPA:
		v.fault(at, "s3://BUCKET/PREFIX", "is %s, on a disk that goes with its machine", shown(text))
	case u.Scheme == "file" && (u.Host != "" || !strings.HasPrefix(u.Path, "/")):
		v.fault(at, fmt.Sprintf("with three slashes: file:///%s%s", u.Host, u.Path), "is %s: want file:///DIR, on the machine itself", shown(text))
	case u.Scheme == "file" && u.Path == "/" || strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(path.Clean("/"+u.Path), "/"):
		v.fault(at, "", "is %s: want a folder, without . and ..", shown(text))
	}
}

// percentage is a decimal number, as precise as a millionth of a percent.
var percentage = regexp.MustCompile(`^\d{1,2}(\.\d{1,6})?$`)

func (v *validator) objectives(o *v1alpha1.ObjectiveSpec) {
	const path = "spec.objectives"
	if a := o.Availability; a != "" && (!percentage.MatchString(a) || strings.Trim(a, "0.") == "") {
		hint := ""
		if bare := strings.TrimSuffix(a, "%"); percentage.MatchString(bare) && bare != a {
			hint = fmt.Sprintf("without the sign: %q", bare)
		}
		v.fault(path+".availability", hint, `is %s: want percent above 0 and below 100, for example "99.99"`, shown(a))
	}
	v.longer(path+".recoveryTime", o.RecoveryTime, false)
	v.longer(path+".recoveryPoint", o.RecoveryPoint, true)
}
