package report_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/report"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium of its own and ends it with the test.
//
// Without Chromium the test is skipped, unless BULKHEAD_REQUIRE_ALL=1.
func browser(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		const missing = "no Chromium: the pages are not looked at (Debian and Ubuntu: apt-get install chromium)"
		if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	// Cleanups run last to first: close the browser, end what it leaves behind,
	// and only then is its folder removed.
	profile := t.TempDir()
	var chromium *exec.Cmd
	t.Cleanup(func() { endGroup(t, chromium) })
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(program),
		chromedp.UserDataDir(profile),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
			chromium = c
		}),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // what it leaves is ended below
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return ctx
}

// endGroup kills what is left of the program's process group and waits until it
// is gone: Chromium's services outlive it for a moment and write to its folder.
func endGroup(t *testing.T, program *exec.Cmd) {
	if program == nil || program.Process == nil {
		return
	}
	group := -program.Process.Pid
	_ = syscall.Kill(group, syscall.SIGKILL) // none may be left
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(group, 0) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("process group %d of %s did not end", -group, program.Path)
			return
		}
	}
}

// view is how a page is looked at.
type view struct {
	name          string
	width, height int64
	dark          bool
	print         bool
}

var views = []view{
	{name: "desktop-light", width: 1280, height: 900},
	{name: "desktop-dark", width: 1280, height: 900, dark: true},
	{name: "phone-light", width: 390, height: 844},
	{name: "phone-dark", width: 390, height: 844, dark: true},
	{name: "print", width: 794, height: 1123, print: true},
}

// complaints collects what a page did that it should not.
type complaints struct {
	sync.Mutex
	list []string
}

func (c *complaints) add(format string, args ...any) {
	c.Lock()
	defer c.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) take() []string {
	c.Lock()
	defer c.Unlock()
	l := c.list
	c.list = nil
	return l
}

// watch collects what the browser complains of and what pages load but themselves.
func (c *complaints) watch(ctx context.Context, t *testing.T, current *string) {
	t.Helper()
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			c.add("console: %s", e.Type)
		case *runtime.EventExceptionThrown:
			c.add("exception: %s", e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			c.add("log: %s %s", e.Entry.Level, e.Entry.Text)
		case *page.EventJavascriptDialogOpening:
			c.add("dialog: %s", e.Message)
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; u != *current && !strings.HasPrefix(u, "data:") {
				c.add("request: %s", u)
			}
		}
	})
	if err := chromedp.Run(ctx, network.Enable(), log.Enable()); err != nil {
		t.Fatal(err)
	}
}

// faint lists texts whose colour stands out too little from what is behind
// them (WCAG 2.2, contrast minimum 4.5).
const faint = `(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const lum = ([r, g, b]) => { const f = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .9) return c; } return [255, 255, 255, 1]; };
  const bad = [];
  for (const e of document.body.querySelectorAll('*')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['SCRIPT', 'STYLE', 'title'].includes(e.tagName) || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), svg = e instanceof SVGElement;
    let back = behind(e);
    if (svg) { const rect = e.parentElement.querySelector(':scope > rect'); if (rect && !e.parentElement.classList.contains('lane')) back = parse(getComputedStyle(rect).fill); }
    const a = lum(parse(svg ? style.fill : style.color)), b = lum(back);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(ratio.toFixed(2) + ' ' + e.tagName + '.' + (e.getAttribute('class') || '') + ': ' + e.textContent.trim().slice(0, 40));
  }
  return bad;
})()`

// tooWide names what sticks out of the screen, except in parts that scroll by
// themselves.
const tooWide = `(() => {
  const bad = [];
  if (document.documentElement.scrollWidth > innerWidth) bad.push('the page is ' + document.documentElement.scrollWidth + ' px wide');
  for (const e of document.body.querySelectorAll('*')) {
    const r = e.getBoundingClientRect();
    if (r.width && r.right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('svg') && !e.closest('.name')) bad.push(e.tagName + '.' + e.className + ' ends at ' + Math.round(r.right));
  }
  return bad;
})()`

const lanesBySection = `Object.fromEntries([...document.querySelectorAll('section.scenario')].map(s =>
  [s.querySelector('h2').firstChild.textContent.trim(), [...s.querySelectorAll('.lane')].map(l => l.dataset.w)]))`

// TestPageInBrowser looks at every sample page in every view: it loads nothing,
// complains of nothing, fits the screen, can be read, and shows every affected
// workload. With BULKHEAD_SCREENSHOTS=DIR it leaves the pictures there.
func TestPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	ctx := browser(t)
	var said complaints
	current := ""
	said.watch(ctx, t, &current)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range samples() {
			if !yield(name) {
				return
			}
		}
	}) {
		r := samples()[name]
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, []byte(render(t, report.FormatHTML, r, report.Options{Command: command})), 0o644); err != nil {
			t.Fatal(err)
		}
		current = (&url.URL{Scheme: "file", Path: file}).String()
		for _, v := range views {
			t.Run(name+"/"+v.name, func(t *testing.T) { look(ctx, t, current, name, v, r, &said) })
		}
	}
}

func look(ctx context.Context, t *testing.T, address, name string, v view, r *v1alpha1.SimulationReport, said *complaints) {
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
	lanes := map[string][]string{}
	err := chromedp.Run(ctx,
		emulation.SetDeviceMetricsOverride(v.width, v.height, 1, false),
		emulation.SetEmulatedMedia().WithMedia(media).WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Navigate(address),
		chromedp.Evaluate(faint, &faints),
		chromedp.Evaluate(tooWide, &wide),
		chromedp.Evaluate(lanesBySection, &lanes),
		chromedp.Evaluate(`window.hacked === 1`, &hacked),
		chromedp.Evaluate(`document.querySelector('h1').textContent`, &verdict),
	)
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("BULKHEAD_SCREENSHOTS"); dir != "" {
		var picture []byte
		if err := chromedp.Run(ctx, chromedp.FullScreenshot(&picture, 100)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+v.name+".png"), picture, 0o644); err != nil {
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
	if hacked {
		t.Error("markup in a name ran")
	}
	if verdict == "" {
		t.Error("no verdict")
	}
	if len(r.Scenarios) > 30 {
		if len(lanes) != 30 {
			t.Errorf("%d scenarios are drawn, not 30", len(lanes))
		}
		return
	}
	wantLanes(t, r, lanes)
}

// wantLanes checks that every workload that lost something has a lane.
func wantLanes(t *testing.T, r *v1alpha1.SimulationReport, lanes map[string][]string) {
	t.Helper()
	if len(lanes) != len(r.Scenarios) {
		t.Errorf("%d scenarios are drawn of %d: %v", len(lanes), len(r.Scenarios), lanes)
	}
	drawn := map[string]int{}
	for _, l := range lanes {
		for _, w := range l {
			drawn[w]++
		}
	}
	want := map[string]int{}
	for _, s := range r.Scenarios {
		for _, w := range s.Workloads {
			if w.Lost > 0 || w.Verdict != v1alpha1.Survives || len(w.Halves) > 0 {
				want[w.Name]++
			}
		}
	}
	for name, n := range want {
		if drawn[name] != n {
			t.Errorf("%q has %d lanes, want %d", name, drawn[name], n)
		}
	}
}

// The page's script only filters and points out; it must do that.
func TestFilterAndHover(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	ctx := browser(t)
	file := filepath.Join(t.TempDir(), "shop.html")
	if err := os.WriteFile(file, []byte(render(t, report.FormatHTML, shop(), report.Options{})), 0o644); err != nil {
		t.Fatal(err)
	}
	const shown = `[...new Set([...document.querySelectorAll('[data-w]:not(.off)')].map(e => e.dataset.w))]`
	const same = `[...new Set([...document.querySelectorAll('.same')].map(e => e.dataset.w))]`
	var all, filtered, pointed []string
	if err := chromedp.Run(ctx,
		chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()),
		chromedp.Evaluate(shown, &all),
		chromedp.SendKeys(`.filter input`, "WORK", chromedp.ByQuery),
		chromedp.Evaluate(shown, &filtered),
		chromedp.Evaluate(`document.querySelector('.tile[data-w=db]').dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))`, nil),
		chromedp.Evaluate(same, &pointed),
	); err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 || !slices.Equal(filtered, []string{"worker"}) || !slices.Equal(pointed, []string{"db"}) {
		t.Errorf("of %v the filter WORK shows %v; over db is marked %v", all, filtered, pointed)
	}
}

// A report of 5,000 workloads, a third of them hit, stays a page that opens.
func TestPageOfManyWorkloadsStaysSmall(t *testing.T) {
	r := shop()
	for i := range r.Scenarios {
		for k := range 5000 {
			w := untouched("Deployment", fmt.Sprintf("service-%04d", k), perZone(2, 2, 2))
			if k%3 == i {
				w = back("Deployment", w.Name, perZone(2, 2, 2), perZone(3, 3, 0), 2, 358)
			}
			r.Scenarios[i].Workloads = append(r.Scenarios[i].Workloads, w)
		}
	}
	var b bytes.Buffer
	if err := report.Write(&b, report.FormatHTML, r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 1<<20 {
		t.Errorf("the page has %d KiB", b.Len()>>10)
	}
	if !strings.Contains(b.String(), "more came off like these") {
		t.Error("the lanes left out are not counted")
	}
	var small bytes.Buffer
	if err := report.Write(&small, report.FormatHTML, manyNodes(1500), report.Options{}); err != nil {
		t.Fatal(err)
	}
	if small.Len() > 3<<20 {
		t.Errorf("the page of 1500 failures has %d KiB", small.Len()>>10)
	}
}
