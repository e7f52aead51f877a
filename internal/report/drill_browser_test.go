package report_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bulkhead.dev/bulkhead/internal/report"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestDrillPageInBrowser looks at every page of a drill as TestPageInBrowser does at
// those of simulations, on a narrow telephone as well.
func TestDrillPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	ctx := browser(t)
	var said complaints
	current := ""
	said.watch(ctx, t, &current)
	sights := append([]view{{name: "narrow-light", width: 360, height: 740}, {name: "wide-light", width: 1200, height: 900}}, views[1:]...)
	for _, name := range slices.Sorted(maps.Keys(drills())) {
		r := drills()[name]
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, []byte(drilled(t, report.FormatHTML, r, report.Options{Command: drillCommand})), 0o644); err != nil {
			t.Fatal(err)
		}
		current = (&url.URL{Scheme: "file", Path: file}).String()
		for _, v := range sights {
			t.Run(name+"/"+v.name, func(t *testing.T) {
				scheme, media := "light", "screen"
				if v.dark {
					scheme = "dark"
				}
				if v.print {
					media = "print"
				}
				var faints, wide []string
				var hacked bool
				var verdict string
				var lanes int
				err := chromedp.Run(ctx,
					emulation.SetDeviceMetricsOverride(v.width, v.height, 1, false),
					emulation.SetEmulatedMedia().WithMedia(media).WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
					chromedp.Navigate(current),
					chromedp.Evaluate(faint, &faints),
					chromedp.Evaluate(tooWide, &wide),
					chromedp.Evaluate(`window.hacked === 1`, &hacked),
					chromedp.Evaluate(`document.querySelector('h1').innerText`, &verdict),
					chromedp.Evaluate(`document.querySelectorAll('.lane').length`, &lanes),
				)
				if err != nil {
					t.Fatal(err)
				}
				if dir := os.Getenv("BULKHEAD_SCREENSHOTS"); dir != "" {
					var picture []byte
					if err := chromedp.Run(ctx, chromedp.FullScreenshot(&picture, 100)); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, "drill-"+name+"-"+v.name+".png"), picture, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				for _, c := range said.take() {
					t.Error(c)
				}
				for _, f := range faints {
					t.Errorf("too little contrast: %s", f)
				}
				for _, w := range wide {
					t.Errorf("sticks out: %s", w)
				}
				if hacked || verdict == "" {
					t.Errorf("markup in a name ran: %v; verdict %q", hacked, verdict)
				}
				if len(r.Timeline) > 0 && lanes < 2 {
					t.Errorf("%d lanes", lanes)
				}
			})
		}
	}
}
