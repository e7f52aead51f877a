//go:build linux

package sidebyside_test

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"bulkhead.dev/bulkhead/internal/benchmark"
	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/kubesched"
)

//go:embed document.md.tmpl
var documentText string

// zoneCount is how many replacements stand in a zone.
type zoneCount struct{ Zone, Real, Simulated string }

// markdown says for people what was compared and how it went.
func (c *comparison) markdown() ([]byte, error) {
	parsed, err := template.New("document").Option("missingkey=error").Parse(documentText)
	if err != nil {
		return nil, err
	}
	versions, err := versions()
	if err != nil {
		return nil, err
	}
	wall := spreadOf(column(c.simulated, func(s *simulatedCost) time.Duration { return s.wall }))
	cpu := spreadOf(column(c.simulated, func(s *simulatedCost) time.Duration { return s.cpu }))
	one := c.simulated[0] // what is not a cost is the same in all runs
	used, kubelets := c.real.controlPlaneCPU()
	var memory, simulatedMemory int64
	for _, name := range controlPlane() {
		memory += c.real.memory[name]
	}
	for _, s := range c.simulated {
		simulatedMemory = max(simulatedMemory, s.memory)
	}
	var zones []zoneCount
	for _, zone := range benchmark.Zones() {
		if zone != lostZone {
			zones = append(zones, zoneCount{zone, number(c.real.replacements[zone]), number(one.replacements[zone])})
		}
	}
	lostNodes := 0
	for _, zone := range c.manifests.zones() {
		if zone == lostZone {
			lostNodes++
		}
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, map[string]any{
		"Zone": lostZone, "Complete": c.real.complete(),
		"Nodes": number(len(c.manifests.nodes)), "Pods": number(len(c.manifests.pods)),
		"Deployments": number(len(c.manifests.deployments)), "Services": number(len(c.manifests.services)),
		"LostNodes": number(lostNodes), "Lost": number(c.real.lost),
		"Cores": runtime.NumCPU(), "System": runtime.GOOS + "/" + runtime.GOARCH, "Versions": versions,
		"Wall": span(c.real.wall), "SimulatedWall": wall.String(), "WallRatio": ratio(c.real.wall, wall.median),
		"CPU": span(used), "SimulatedCPU": cpu.String(), "CPURatio": ratio(used, cpu.median),
		"Memory": gibibytes(memory), "SimulatedMemory": gibibytes(simulatedMemory),
		"Ready": number(c.real.ready), "Placed": number(one.placed), "Zones": zones,
		"Rate": rate(c.real.ready, c.real.wall), "SimulatedRate": rate(one.placed, wall.median),
		"Filling": span(c.real.filling), "Waiting": span(c.real.waiting),
		"PerComponent": c.perComponent(), "KubeletsCPU": span(kubelets), "Watching": span(c.real.watching),
		"Busy":      busy(used+kubelets+c.real.watching, c.real.wall),
		"PerMinute": perMinute(c.real.perMinute),
		"Command":   strings.Join(command("bulkhead", "DIR"), " "),
		"Megabytes": number(int(c.bytes / 1e6)), "Runs": len(c.simulated),
		"Simulating": spreadOf(c.simulating).String(), "Reading": spreadOf(c.reading).String(),
	})
	return out.Bytes(), err
}

// perComponent says what each component used.
func (c *comparison) perComponent() string {
	var parts []string
	for _, name := range controlPlane() {
		parts = append(parts, name+" "+span(c.real.cpu[name]))
	}
	return strings.Join(parts, ", ")
}

// versions names what runs on both sides.
func versions() (string, error) {
	var parts []string
	for _, name := range []string{"kube-scheduler", "etcd", "kwok"} {
		v, err := components.Version(name)
		if err != nil {
			return "", err
		}
		parts = append(parts, strings.Replace(name, "kube-scheduler", "Kubernetes", 1)+" "+strings.TrimPrefix(v, "v"))
	}
	parts = append(parts, "simulated with the scheduler of "+kubesched.Version, runtime.Version())
	return strings.Join(parts, ", "), nil
}

// sizeOf counts the bytes of the files in dir.
func sizeOf(dir string) (int64, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}

func column[T any](rows []T, value func(T) time.Duration) []time.Duration {
	out := make([]time.Duration, len(rows))
	for i, row := range rows {
		out[i] = value(row)
	}
	return out
}

// spread is the least, the median and the most of some values.
type spread struct{ least, median, most time.Duration }

func spreadOf(values []time.Duration) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

func (s spread) String() string {
	if s.least == s.most {
		return span(s.median)
	}
	return fmt.Sprintf("%s (%.1f to %s)", span(s.median), s.least.Seconds(), span(s.most))
}

// span writes a time: 4 min 40 s, 34 s, 3.4 s.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// ratio rounds down: what is claimed is reached.
func ratio(a, b time.Duration) string { return number(int(a / b)) }

func rate(n int, in time.Duration) string { return number(int(float64(n)/in.Seconds() + 0.5)) }

func gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// busy is the share of all cores' time, in percent.
func busy(used, wall time.Duration) string {
	return fmt.Sprintf("%.0f", 100*used.Seconds()/(wall.Seconds()*float64(runtime.NumCPU())))
}

// perMinute writes a list, to the last minute in which there was something.
func perMinute(counts []int) string {
	var parts []string
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	for _, n := range counts {
		parts = append(parts, number(n))
	}
	return strings.Join(parts, ", ")
}

// number groups the digits of n by three.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
