package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// latencyChart is the latency by the API's address: lines on a log scale over the
// failed operations as bars. The plots stretch over the width of the page.
type latencyChart struct {
	Height, PlotHeight, BarsTop, BarsHeight, AxisY int
	WindowX, WindowWidth                           string
	Ticks                                          []tick
	Levels                                         []level
	// Lines hold the segments of p50, p99 and max in plotWidth × PlotHeight; a second
	// without an answer breaks them.
	P50, P99, Max []string
	Bars          []failedBar
	Most          string
	Note, Label   string
	Failed        int
}

type level struct {
	Y, TextY int
	Text     string
}

type failedBar struct{ X, Y, Width, Height string }

const (
	plotWidth   = 1000
	plotHeight  = 200
	barsHeight  = 44
	plotTop     = 10
	maxPlotted  = 1800
	leastMillis = 1.0
)

// latencyOf draws the chart; nil without a measurement.
func latencyOf(r *v1alpha1.DrillReport) *latencyChart {
	seconds, each := thinned(r.Latency)
	if len(seconds) == 0 {
		return nil
	}
	c := &latencyChart{PlotHeight: plotHeight, BarsHeight: barsHeight}
	c.BarsTop = plotTop + plotHeight + 26
	c.AxisY = c.BarsTop + barsHeight + 18
	c.Height = c.AxisY + 6
	from, to := seconds[0].At, seconds[len(seconds)-1].At+float64(each)
	at := func(t float64) float64 { return (min(max(t, from), to) - from) / (to - from) * 100 }
	c.WindowX, c.WindowWidth = percentage(at(0)), percentage(at(r.FaultSeconds)-at(0))

	most, failed := leastMillis*10, 0
	for _, s := range seconds {
		if s.OK > 0 {
			most = max(most, s.Max, s.P99, s.P50)
		}
		failed = max(failed, s.Failed)
		c.Failed += s.Failed
	}
	decades := math.Ceil(math.Log10(most/leastMillis) - 1e-9)
	y := func(ms float64) float64 {
		return plotHeight * (1 - math.Log10(max(ms, leastMillis)/leastMillis)/decades)
	}
	for d := range int(decades) + 1 {
		ms := leastMillis * math.Pow(10, float64(d))
		top := plotTop + int(math.Round(y(ms)))
		c.Levels = append(c.Levels, level{top, top - 3, milliseconds(ms)})
	}
	pick := []func(v1alpha1.DrillLatency) float64{
		func(s v1alpha1.DrillLatency) float64 { return s.P50 },
		func(s v1alpha1.DrillLatency) float64 { return s.P99 },
		func(s v1alpha1.DrillLatency) float64 { return s.Max },
	}
	for i, into := range []*[]string{&c.P50, &c.P99, &c.Max} {
		*into = segmentsOf(seconds, float64(each), func(s v1alpha1.DrillLatency) string {
			return fmt.Sprintf("%.1f,%.1f", at(s.At+float64(each)/2)*plotWidth/100, y(pick[i](s)))
		})
	}
	for _, s := range seconds {
		if s.Failed > 0 {
			h := float64(s.Failed) / float64(failed) * barsHeight
			c.Bars = append(c.Bars, failedBar{fixed(at(s.At) * plotWidth / 100), fixed(barsHeight - h), fixed(max(float64(each)/(to-from)*plotWidth, 1.5)), fixed(h)})
		}
	}
	unit := "a second"
	if each > 1 {
		unit = fmt.Sprintf("in %d s", each)
		c.Note = fmt.Sprintf("Each point is the worst of %d seconds.", each)
	}
	c.Most = "failed: none"
	if failed > 0 {
		c.Most = fmt.Sprintf("failed: %s in all, at most %s %s", number(c.Failed), number(failed), unit)
	}
	c.ticks(from, to, at)
	c.Label = fmt.Sprintf("Latency of operations by the API's address from %s before the fault to %s after it", moment(max(-from, 0)), moment(max(to, 0)))
	return c
}

func fixed(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// segmentsOf joins neighbouring points to lines. A lone point becomes a short one.
func segmentsOf(seconds []v1alpha1.DrillLatency, each float64, point func(v1alpha1.DrillLatency) string) []string {
	var out []string
	var line []string
	flush := func() {
		if len(line) == 1 {
			line = append(line, line[0])
		}
		if len(line) > 0 {
			out = append(out, strings.Join(line, " "))
		}
		line = nil
	}
	for i, s := range seconds {
		if s.OK == 0 || i > 0 && s.At-seconds[i-1].At > each*1.5 {
			flush()
		}
		if s.OK > 0 {
			line = append(line, point(s))
		}
	}
	flush()
	return out
}

// thinned keeps at most maxPlotted points, each the worst of so many seconds.
func thinned(all []v1alpha1.DrillLatency) ([]v1alpha1.DrillLatency, int) {
	each := (len(all) + maxPlotted - 1) / maxPlotted
	if each <= 1 {
		return all, 1
	}
	out := make([]v1alpha1.DrillLatency, 0, maxPlotted)
	for i, s := range all {
		if i%each == 0 {
			out = append(out, s)
			continue
		}
		last := &out[len(out)-1]
		last.P50, last.P99, last.Max = max(last.P50, s.P50), max(last.P99, s.P99), max(last.Max, s.Max)
		last.OK, last.Failed = last.OK+s.OK, last.Failed+s.Failed
	}
	return out, each
}

// ticks stand at round times around the fault.
func (c *latencyChart) ticks(from, to float64, at func(float64) float64) {
	step := 86400.0
	for _, s := range []float64{1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 6 * 3600} {
		if (to-from)/s <= 10 {
			step = s
			break
		}
	}
	for t := math.Ceil(from/step) * step; t < from+(to-from)*0.97; t += step {
		text := duration(t)
		if t == 0 {
			text = "fault"
		}
		c.Ticks = append(c.Ticks, tick{percentage(at(t)), text, int(math.Round(t/step))%2 != 0})
	}
}
