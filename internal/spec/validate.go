package spec

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// validator judges a cluster that has its defaults.
type validator struct {
	*checker
	cluster *v1alpha1.Cluster
	traits
}

// all looks at every field. Later checks stay silent on fields that have a fault
// already, so the basic ones come first.
func (v *validator) all() {
	s := &v.cluster.Spec
	v.name("metadata.name", v.cluster.Metadata.Name)
	// Names of what is made begin with the cluster's, and many end at 63.
	if n := len(v.cluster.Metadata.Name); n > longestName {
		v.fault("metadata.name", "", "has %d characters: want at most %d", n, longestName)
	}
	v.version(s.KubernetesVersion)
	v.region(s.Region)
	v.zones(&s.Zones)
	v.network(&s.Network)
	v.controlPlane(&s.ControlPlane)
	v.pools(s.NodePools)
	v.hosts(s.Hosts)
	v.addresses()
	v.storage(&s.Storage)
	v.ingress(s.Ingress)
	v.dns(s.DNS)
	v.backup(s.Backup)
	v.objectives(&s.Objectives)
	if s.SSHKeyName != "" && v.known && !v.ssh {
		v.lacks("spec.sshKeyName", "it names a key at AWS")
	}
}

// Limits of a spec.
const (
	longestName  = 40
	longestLabel = 63 // RFC 1123
	mostZones    = 9
	mostReserve  = 16
	mostReplicas = 9
	mostNodes    = 5000 // what Kubernetes is tested with (kubernetes.io, "Considerations for large clusters")
	mostPort     = 65535

	// The minor versions of Kubernetes 1 that are known to work.
	oldestMinor, newestMinor = 30, 37
)

// lacks refuses a field that the provider has no use for.
func (v *validator) lacks(path, why string) {
	v.fault(path, "leave it out", "%s", lacks(v.cluster.Spec.Provider, why))
}

// given: the owner wrote the field.
func (c *checker) given(path string) bool {
	n := c.doc.root
	for _, step := range steps(path) {
		if n, _ = childOf(resolved(n), step); n == nil {
			return false
		}
	}
	return true
}

// unlessGiven marks a value that a message repeats as a default.
func (c *checker) unlessGiven(path string) string {
	if c.given(path) {
		return ""
	}
	return " (the default)"
}

// name checks a DNS label; empty ones are missing, which is found elsewhere.
func (c *checker) name(path, name string) {
	if name == "" {
		return
	}
	if len(validation.IsDNS1123Label(name)) > 0 {
		c.fault(path, "", "is %s: want a DNS label: at most %d of a-z, 0-9 and -, a letter or digit at both ends", shown(name), longestLabel)
	}
}

// subdomain checks a DNS name.
func (c *checker) subdomain(path, name string) {
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		c.fault(path, "", "is %s: want a DNS name: labels of a-z, 0-9 and -, with dots between them", shown(name))
	}
}

// between checks a number's range.
func (c *checker) between(path string, n *int, least, most int) {
	if n != nil && (*n < least || *n > most) {
		c.fault(path, "", "is %d: want %d to %d", *n, least, most)
	}
}

// longer checks that a duration is longer than nothing, or not negative.
func (c *checker) longer(path string, d *metav1.Duration, orNone bool) {
	switch {
	case d == nil:
	case d.Duration < 0:
		c.fault(path, "", "is %s: want no negative duration", d.Duration)
	case d.Duration == 0 && !orNone:
		c.fault(path, "", "is 0s: want a duration above zero")
	}
}

// distinct finds values that stand in a list twice. at makes the path of the nth.
func (c *checker) distinct(values []string, at func(i int) string) {
	for i, value := range values {
		if first := slices.Index(values, value); first < i && value != "" {
			c.fault(at(i), "", "%s is there twice, in %s too", shown(value), at(first))
		}
	}
}

// webURL checks an address of a web server.
func (c *checker) webURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User != nil:
		c.fault(path, "a spec is no place for passwords", "holds a user name or password")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		c.fault(path, "for example http://shop.example/up", "is %s: want a URL that begins with http:// or https://", place(text))
	case u.Port() != "":
		if p, err := strconv.Atoi(u.Port()); err != nil || p < 1 || p > mostPort {
			c.fault(path, "", "has the port %s: want 1 to %d", u.Port(), mostPort)
		}
	}
}

// place quotes a URL for a message, unless it may hold a password.
func place(text string) string {
	if strings.ContainsAny(text, "@?") {
		return "no such place"
	}
	return shown(text)
}

var versionPattern = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})(\.\d{1,3})?$`)

func (v *validator) version(version string) {
	const path = "spec.kubernetesVersion"
	if version == "" {
		return
	}
	m := versionPattern.FindStringSubmatch(version)
	if m == nil {
		hint := ""
		if bare := strings.TrimPrefix(version, "v"); versionPattern.MatchString(bare) {
			hint = "write it without the v: " + bare
		}
		v.fault(path, hint, "is %s: want x.y.z, for example 1.36.3", shown(version))
		return
	}
	if minor, _ := strconv.Atoi(m[2]); m[1] != "1" || minor < oldestMinor || minor > newestMinor {
		v.fault(path, "", "is %s: want 1.%d to 1.%d", version, oldestMinor, newestMinor)
		return
	}
	if m[3] == "" && v.known && !v.managed {
		v.fault(path, fmt.Sprintf("for example %s.0", version), "is %s: want x.y.z; only a managed control plane finds the patch release itself", shown(version))
	}
}

func (v *validator) region(region string) {
	const path = "spec.region"
	switch {
	case !v.known:
	case !v.cloud && region != "":
		v.lacks(path, "it has no regions")
	case v.cloud && region == "":
		v.fault(path, "for example region: "+v.exampleRegion, "is missing: provider %s needs one", v.cluster.Spec.Provider)
	case v.cloud && !v.traits.region.MatchString(region):
		hint := ""
		if bare := strings.TrimSuffix(region[:len(region)-1], "-"); v.traits.region.MatchString(bare) {
			hint = fmt.Sprintf("%s is a zone; its region is %s", shown(region), bare)
		}
		v.fault(path, hint, "is %s: want a region like %s", shown(region), v.exampleRegion)
	}
}

func (v *validator) zones(z *v1alpha1.ZoneSelection) {
	const path = "spec.zones"
	if len(z.Names) == 0 {
		v.between(path+".limit", z.Limit, 1, mostZones)
		return
	}
	if z.Limit != nil {
		v.fault(path+".limit", "leave one of them out", "excludes names: those are all taken")
	}
	if z.Selection != "" {
		v.fault(path+".selection", "leave one of them out", "excludes names: those are all taken")
	}
	if n := len(z.Names); n > mostZones {
		v.fault(path+".names", "", "has %d zones: want at most %d", n, mostZones)
	}
	v.zoneList(path+".names", z.Names)
}

// zoneList checks names of zones, which the cluster's are the first of.
func (v *validator) zoneList(path string, names []string) {
	at := func(i int) string { return fmt.Sprintf("%s[%d]", path, i) }
	for i, name := range names {
		if name == "" {
			v.fault(at(i), "", "is empty")
		}
		v.zone(at(i), name)
	}
	v.distinct(names, at)
}

// zone checks one name of a zone: that it is one of the region, and of the
// cluster where that names them.
func (v *validator) zone(path, name string) {
	s := &v.cluster.Spec
	if name == "" {
		return
	}
	if !strings.HasPrefix(path, "spec.zones.names") && len(s.Zones.Names) > 0 && !slices.Contains(s.Zones.Names, name) {
		v.fault(path, didYouMean(name, s.Zones.Names), "%s is not in spec.zones.names: %s", shown(name), strings.Join(s.Zones.Names, ", "))
		return
	}
	v.regional(path, name)
}

// regional checks that a zone is one of the region.
func (v *validator) regional(path, name string) {
	pattern, example := zonePattern(v.cluster.Spec.Provider, v.cluster.Spec.Region)
	switch {
	case v.taken["spec.region"]: // nothing to compare with
	case pattern == nil:
		v.name(path, name)
	case !pattern.MatchString(name):
		v.fault(path, "", "%s is not a zone of %s: want one like %s", shown(name), v.cluster.Spec.Region, example)
	}
}
