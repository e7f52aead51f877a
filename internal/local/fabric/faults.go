//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/internal/local/machine"
)

// dialTimeout bounds a connection to the API.
const dialTimeout = 10 * time.Second

// ErrNoPackets is why a fabric of machines on loopback makes some faults not.
var ErrNoPackets = errors.New("packets cannot be dropped without root: the zones are loopback addresses of this machine")

// The healers that Healed.By names.
const (
	ByRunner  = "runner"
	ByDeadMan = "dead-man"
)

// Inject makes a fault. One at a time: a second is refused until the first is
// healed. What cannot be made is taken back before the error is returned.
func (f *Fabric) Inject(fault Fault, out *Injected) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		return errors.New("a fault is in force already: bulkhead drill heal takes it back")
	}
	if fault.Within <= 0 {
		return errors.New("a fault needs a time after which it is taken back")
	}
	if fault.Drop != "" && f.config.Loopback {
		return ErrNoPackets
	}
	// The timer runs before anything is broken.
	f.fault, f.healAt = &fault, time.Now().Add(fault.Within)
	f.deadMan = time.AfterFunc(fault.Within, func() { f.heal(&fault, ByDeadMan) })
	out.Began = time.Now()
	err := f.inject(&fault)
	out.Done = time.Now()
	if err != nil {
		f.deadMan.Stop()
		return errors.Join(err, errors.Join(f.restore(&fault)...))
	}
	return nil
}

func (f *Fabric) inject(fault *Fault) error {
	if fault.Drop != "" {
		zones := []string{}
		for _, z := range fault.Zones {
			if !slices.ContainsFunc(f.config.Machines, func(m Machine) bool { return m.Zone == z }) {
				return fmt.Errorf("there is no machine in zone %q", z)
			}
			zones = append(zones, zonePorts(f.zoneIndex(z)))
		}
		rules, err := dropRules(fault.Drop, zones)
		if err != nil {
			return err
		}
		if _, err := nft(rules, "-f", "-"); err != nil {
			return err
		}
	}
	var off []*host
	for _, name := range fault.PowerOff {
		h, err := f.host(name)
		if err != nil {
			return err
		}
		off = append(off, h)
	}
	for _, h := range off { // all cables first: the zone goes as one
		h.cut()
	}
	for _, h := range off {
		h.powerOff()
	}
	if err := f.processes(fault.Hold, "Hold"); err != nil {
		return err
	}
	if err := f.processes(fault.Freeze, "Freeze"); err != nil {
		return err
	}
	if err := f.processes(fault.Stop, "Stop"); err != nil {
		return err
	}
	return f.kubelets(fault.Nodes, false)
}

// processes asks machines to do something to their processes.
func (f *Fabric) processes(list []Process, what string) error {
	var errs []error
	for _, p := range list {
		h, err := f.host(p.Machine)
		if err == nil && h.client == nil {
			err = fmt.Errorf("%s has no power", p.Machine)
		}
		if err == nil {
			err = h.client.Call("Machine."+what, p.Service, &machine.Nothing{})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Heal takes the fault back, if there is one, and tells who did.
func (f *Fabric) Heal(_ machine.Nothing, out *Healed) error {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault != nil {
		f.heal(fault, ByRunner)
	}
	return f.Healed(machine.Nothing{}, out)
}

// Healed tells of the last healing, and whether a fault is in force.
func (f *Fabric) Healed(_ machine.Nothing, out *Healed) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*out = f.healed
	out.Faulty = f.fault != nil
	return nil
}

func (f *Fabric) heal(fault *Fault, by string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != fault { // somebody else was first
		return
	}
	f.deadMan.Stop()
	errs := f.restore(fault)
	f.healed = Healed{At: time.Now(), By: by}
	for _, err := range errs {
		f.healed.Errors = append(f.healed.Errors, err.Error())
	}
}

// restore undoes a fault and forgets it. It goes on after an error: whatever can be
// healed is.
func (f *Fabric) restore(fault *Fault) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if fault.Drop != "" {
		_, err := nft(noRules, "-f", "-")
		add(err)
	}
	add(f.processes(slices.Concat(fault.Hold, fault.Freeze, fault.Stop), "Release"))
	var zones []string
	for _, name := range fault.PowerOff {
		h, err := f.host(name)
		if err == nil {
			err = h.powerOn(f)
		}
		if err == nil {
			err = h.start()
		}
		add(err)
		if err == nil && h.Nodes {
			zones = append(zones, h.Zone)
		}
	}
	f.fault, f.healAt = nil, time.Time{}
	if len(zones) > 0 || len(fault.Nodes) > 0 {
		// The API may be busy with the very healing: this goes on in the background.
		go func() {
			for _, zone := range zones {
				_ = f.freeLeases(zone)
			}
			_ = f.kubelets(fault.Nodes, true)
		}()
	}
	return errs
}

// Signs tells what can be seen of the fault in force, a line each.
func (f *Fabric) Signs(_ machine.Nothing, out *[]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil {
		return nil
	}
	for _, name := range f.fault.PowerOff {
		if h, err := f.host(name); err == nil && h.client == nil {
			*out = append(*out, fmt.Sprintf("machine %s has no process%s", name, map[bool]string{false: " and no cable"}[f.config.Loopback]))
		}
	}
	if f.fault.Drop != "" {
		packets, err := dropped()
		if err != nil {
			return err
		}
		*out = append(*out, fmt.Sprintf("%d packets dropped on the bridge", packets))
	}
	for _, p := range slices.Concat(f.fault.Hold, f.fault.Freeze) {
		h, err := f.host(p.Machine)
		if err != nil || h.client == nil {
			continue
		}
		for _, s := range h.status().Services {
			if s.Name == p.Service {
				*out = append(*out, fmt.Sprintf("%s on %s is %s", p.Service, p.Machine, s.State))
			}
		}
	}
	return nil
}

// dropped counts the packets that the rules of the fault have lost.
func dropped() (int, error) {
	text, err := nft("", "list", "table", "bridge", "bulkhead")
	if err != nil {
		return 0, err
	}
	total := 0
	for line := range strings.Lines(text) {
		if _, after, ok := strings.Cut(line, "counter packets "); ok {
			var n int
			if _, err := fmt.Sscan(after, &n); err == nil {
				total += n
			}
		}
	}
	return total, nil
}
