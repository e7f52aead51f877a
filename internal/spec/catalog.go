package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// catalog checks a MachineCatalog.
func (c *checker) catalog(m *v1alpha1.MachineCatalog) {
	t := traitsOf(m.Provider)
	if m.Provider != "" && !t.cloud {
		clouds := []string{"capa", "eks", "kapsule", "ack"}
		c.fault("provider", didYouMean(string(m.Provider), clouds), "is %s: want a provider that makes machines: %s", shown(string(m.Provider)), listed(clouds, "or"))
	}
	if m.Region != "" && t.region != nil && !t.region.MatchString(m.Region) {
		c.fault("region", "", "is %s: want a region like %s", shown(m.Region), t.exampleRegion)
	}
	if _, err := time.Parse(time.DateOnly, m.Date); m.Date != "" && err != nil {
		c.fault("date", "for example date: 2026-11-20", "is %s: want the day on which it was true", shown(m.Date))
	}
	zoneAt := func(i int) string { return fmt.Sprintf("zones[%d]", i) }
	pattern, example := zonePattern(m.Provider, m.Region)
	for i, z := range m.Zones {
		switch {
		case z == "":
			c.fault(zoneAt(i), "", "is empty")
		case pattern != nil && !c.taken["region"] && !pattern.MatchString(z):
			c.fault(zoneAt(i), "", "%s is not a zone of %s: want one like %s", shown(z), m.Region, example)
		}
	}
	c.distinct(m.Zones, zoneAt)
	at := func(i int) string { return fmt.Sprintf("machineTypes[%d]", i) }
	var names []string
	for i := range m.MachineTypes {
		names = append(names, m.MachineTypes[i].Name)
		c.catalogType(at(i), &m.MachineTypes[i], m.Zones)
	}
	c.distinct(names, func(i int) string { return at(i) + ".name" })
}

func (c *checker) catalogType(path string, t *v1alpha1.MachineType, zones []string) {
	if t.Name != "" && !machineTypeName.MatchString(t.Name) {
		c.fault(path+".name", "", "is %s: want a machine type, letters, digits, dots and hyphens", shown(t.Name))
	}
	if t.CPU.Sign() <= 0 {
		c.fault(path+".cpu", "", "is %s: want more than zero", t.CPU.String())
	}
	if t.Memory.Sign() <= 0 {
		c.fault(path+".memory", "", "is %s: want more than zero", t.Memory.String())
	}
	c.between(path+".pods", &t.Pods, 0, 1000)
	zoneAt := func(i int) string { return fmt.Sprintf("%s.zones[%d]", path, i) }
	for i, z := range t.Zones {
		if len(zones) > 0 && !slices.Contains(zones, z) {
			c.fault(zoneAt(i), didYouMean(z, zones), "%s is not one of the catalogue's zones: %s", shown(z), strings.Join(zones, ", "))
		}
	}
	c.distinct(t.Zones, zoneAt)
}
