package observability

import (
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// variants are clusters that differ in what is watched.
var variants = []struct {
	name, example string
	replace       []string
	// tried: promtool test rules runs (seconds each); the others repeat its rules.
	tried bool
}{
	{name: "kubeadm", example: "kubeadm", tried: true},
	{name: "kubeadm-no-backup", example: "kubeadm", replace: []string{`  backup: {every: 6h, keep: 28, destinations: ["s3://shop-backups/etcd", "file:///var/backups/etcd"]}` + "\n", "", `availability: "99.99", `, ""}},
	{name: "kubeadm-often", example: "kubeadm", replace: []string{"every: 6h", "every: 90m"}},
	{name: "kubeadm-external-etcd", example: "kubeadm", tried: true, replace: []string{
		"topology: stacked", "topology: external, replicas: 3",
		"  hosts:\n", "  hosts:\n" + `  - {name: etcd-a, address: 10.10.1.31, zone: room-a, role: etcd}
  - {name: etcd-b, address: 10.10.2.31, zone: room-b, role: etcd}
  - {name: etcd-c, address: 10.10.3.31, zone: room-c, role: etcd}
`,
	}},
	{name: "capa", example: "capa"},
	{name: "capa-two-zones", example: "capa", replace: []string{"limit: 3", "limit: 2"}},
	{name: "capa-five", example: "capa", replace: []string{"    replicas: 3\n", "    replicas: 5\n"}, tried: true},
	{name: "capa-one-zone", example: "capa", replace: []string{"limit: 3", "limit: 1"}, tried: true},
	{name: "eks", example: "eks"},
	{name: "eks-two-zones-fixed", example: "eks", replace: []string{", eu-west-1c]", "]", "autoscaling: true, ", ""}, tried: true},
	{name: "kapsule", example: "kapsule"},
	{name: "ack", example: "ack"},
	{name: "local", example: "local"},
}

// TestGolden compares with testdata.
func TestGolden(t *testing.T) {
	for _, name := range []string{"kubeadm", "capa", "kapsule"} {
		t.Run(name, func(t *testing.T) {
			rendered.Golden(t, *update, filepath.Join("testdata", name), filesOf(t, name))
		})
	}
}

// TestPromtool gives rules, their tests and the scrape configuration to Prometheus's
// own tool.
func TestPromtool(t *testing.T) {
	promtool := rendered.Program(t, "promtool", "prometheus")
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c, p := rendered.Example(t, v.example, v.replace...)
			files, err := Files(c, p)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			rendered.Write(t, dir, files)
			dir = filepath.Join(dir, "observability", "prometheus")
			rendered.Run(t, dir, promtool, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
			if v.tried {
				rendered.Run(t, dir, promtool, "test", "rules", "tests.yaml")
			}
			rendered.Write(t, dir, []file.File{withoutDiscovery(t, scrape(newScope(c, p)))})
			rendered.Run(t, dir, promtool, "check", "config", "--syntax-only", "plain.yaml")
		})
	}
}

// withoutDiscovery is the configuration with targets in place of Kubernetes's service
// discovery, which Debian's promtool is built without.
func withoutDiscovery(t *testing.T, config scrapeConfig) file.File {
	t.Helper()
	roles := []string{"endpointslice", "pod"} // that Prometheus knows, of those used
	targets := []staticConfig{{Targets: []string{"localhost:9090"}}}
	for i, job := range config.ScrapeConfigs {
		if (len(job.KubernetesSDConfigs) == 1) == (len(job.StaticConfigs) == 1) {
			t.Errorf("job %s has not exactly one way to find targets", job.JobName)
		}
		for _, sd := range job.KubernetesSDConfigs {
			if !slices.Contains(roles, sd.Role) {
				t.Errorf("job %s: role %q", job.JobName, sd.Role)
			}
			config.ScrapeConfigs[i].KubernetesSDConfigs, config.ScrapeConfigs[i].StaticConfigs = nil, targets
		}
	}
	for i := range config.Alerting.Alertmanagers {
		config.Alerting.Alertmanagers[i].KubernetesSDConfigs, config.Alerting.Alertmanagers[i].StaticConfigs = nil, targets
	}
	f, err := file.YAML("plain.yaml", "", config)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEveryAlertIsTried: each fires in one case at least and is silent in another;
// it has words, a reason and one of the runbooks.
func TestEveryAlertIsTried(t *testing.T) {
	runbooks := []string{runbookZoneLost, runbookZoneBack, runbookQuorum, runbookBalancer, runbookCertificates, runbookRestore, runbookSplitBrain}
	for _, v := range variants {
		s := newScope(rendered.Example(t, v.example, v.replace...))
		names := map[string]bool{}
		for _, g := range groupsOf(s) {
			for _, a := range g.alerts {
				fires := slices.ContainsFunc(a.cases, func(c testCase) bool { return len(c.fired) > 0 })
				silent := slices.ContainsFunc(a.cases, func(c testCase) bool { return len(c.fired) == 0 })
				if !fires || !silent {
					t.Errorf("%s: %s: fires in a case: %v, is silent in another: %v", v.name, a.name, fires, silent)
				}
				if a.summary == "" || a.description == "" || a.why == "" || a.wait == 0 || !slices.Contains(runbooks, a.runbook) {
					t.Errorf("%s: %s lacks words, a reason, a wait or a runbook", v.name, a.name)
				}
				if names[a.name] {
					t.Errorf("%s: %s twice", v.name, a.name)
				}
				names[a.name] = true
			}
		}
		if names["BulkheadEtcdNoZoneMargin"] != s.survivesZone() {
			t.Errorf("%s: rule of a zone's margin: %v", v.name, names["BulkheadEtcdNoZoneMargin"])
		}
		managed := v.example == "eks" || v.example == "kapsule" || v.example == "ack"
		if names["BulkheadBackupOld"] != (v.example == "kubeadm" && v.name != "kubeadm-no-backup" || v.example == "capa") {
			t.Errorf("%s: rules of backups: %v", v.name, names["BulkheadBackupOld"])
		}
		if names["BulkheadEtcdNoLeader"] == managed {
			t.Errorf("%s: rules of etcd: %v", v.name, names["BulkheadEtcdNoLeader"])
		}
	}
}

// TestRulesCanFail: promtool finds a rule that was changed, so that the alerts' cases
// mean something.
func TestRulesCanFail(t *testing.T) {
	promtool := rendered.Program(t, "promtool", "prometheus")
	s := newScope(rendered.Example(t, "kubeadm"))
	s.autoscaled = true
	for _, change := range []struct{ alert, old, replacement string }{
		{"BulkheadAutoscalerStops", "> 0.45", "> 0.3"},
		{"BulkheadZoneLost", "(bulkhead:zone_nodes_ready:count > 0)", "(bulkhead:zone_nodes:count > 0)"},
		{"BulkheadNoRoomForZoneLoss", `created_by_kind=~"DaemonSet|Node"`, `created_by_kind=~"Node"`},
		{"BulkheadAPIErrors", "[1h]", "[5m]"},
		{"BulkheadEtcdNoMargin", "<= 2", "<= 1"},
	} {
		t.Run(change.alert, func(t *testing.T) {
			groups := groupsOf(s)
			tests := testFileOf(s, groups)
			tests.Tests = slices.DeleteFunc(tests.Tests, func(u unitTest) bool { return !strings.HasPrefix(u.Name, change.alert+":") })
			write := func(path string, object any) file.File {
				f, err := file.YAML(path, "", object)
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			dir := t.TempDir()
			cases := write("tests.yaml", tests)
			rendered.Write(t, dir, []file.File{cases, write("rules.yaml", ruleFileOf(s, groups))})
			rendered.Run(t, dir, promtool, "test", "rules", "tests.yaml")
			changed := 0
			for i := range groups {
				for k, r := range groups[i].records {
					groups[i].records[k].expr = strings.ReplaceAll(r.expr, change.old, change.replacement)
					changed += strings.Count(r.expr, change.old)
				}
				for k, a := range groups[i].alerts {
					groups[i].alerts[k].expr = strings.ReplaceAll(a.expr, change.old, change.replacement)
					changed += strings.Count(a.expr, change.old)
				}
			}
			rendered.Write(t, dir, []file.File{write("rules.yaml", ruleFileOf(s, groups))})
			if err := rendered.Fails(t, dir, promtool, "test", "rules", "tests.yaml"); err == nil || changed == 0 {
				t.Errorf("%d changes, and promtool finds nothing wrong", changed)
			}
		})
	}
}

// TestJobs: targets are the plan's addresses where they are known.
func TestJobs(t *testing.T) {
	for _, test := range []struct {
		variant   string
		api, etcd []string
	}{
		{"kubeadm", []string{"10.10.1.10:6443", "10.10.2.10:6443", "10.10.3.10:6443"}, []string{"10.10.1.10:2381", "10.10.2.10:2381", "10.10.3.10:2381"}},
		{"kubeadm-external-etcd", []string{"10.10.1.10:6443", "10.10.2.10:6443", "10.10.3.10:6443"}, []string{"10.10.1.31:2381", "10.10.2.31:2381", "10.10.3.31:2381"}},
		{"local", nil, nil},
		{"capa", nil, nil},
		{"eks", nil, nil},
	} {
		for _, v := range variants {
			if v.name != test.variant {
				continue
			}
			got := map[string][]string{}
			for _, job := range scrape(newScope(rendered.Example(t, v.example, v.replace...))).ScrapeConfigs {
				for _, s := range job.StaticConfigs {
					got[job.JobName] = s.Targets
				}
			}
			if !slices.Equal(got[jobAPIServer], test.api) || !slices.Equal(got[jobEtcd], test.etcd) {
				t.Errorf("%s: %v", v.name, got)
			}
		}
	}
	if got := static([]string{"fd00::1", "10.0.0.1"}, 1)[0].Targets; !slices.Equal(got, []string{"[fd00::1]:1", "10.0.0.1:1"}) {
		t.Errorf("%v", got)
	}
}

// TestRecordsAreThere: what rules and dashboards read of bulkhead:… is recorded.
func TestRecordsAreThere(t *testing.T) {
	name := regexp.MustCompile(`bulkhead:\w+:\w+`)
	for _, v := range variants {
		s := newScope(rendered.Example(t, v.example, v.replace...))
		recorded := map[string]bool{}
		var read []string
		for _, g := range groupsOf(s) {
			for _, r := range g.records {
				recorded[r.name] = true
				read = append(read, name.FindAllString(r.expr, -1)...)
			}
			for _, a := range g.alerts {
				read = append(read, name.FindAllString(a.expr, -1)...)
			}
		}
		for _, d := range []dashboard{zonesBoard(s), controlPlaneBoard(s), hostsBoard(s)} {
			for _, p := range d.Panels {
				for _, q := range p.Targets {
					read = append(read, name.FindAllString(q.Expr, -1)...)
				}
			}
		}
		for _, r := range read {
			if !recorded[r] {
				t.Errorf("%s: %s is read and not recorded", v.name, r)
			}
		}
	}
}

// TestDashboards loads each dashboard strictly, and gives its expressions to
// promtool's parser.
func TestDashboards(t *testing.T) {
	promtool := rendered.Program(t, "promtool", "prometheus")
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			var rules []rule
			uids := map[string]bool{}
			for _, f := range filesOf(t, v.example, v.replace...) {
				if !strings.HasSuffix(f.Path, ".json") {
					continue
				}
				d := loadDashboard(t, f)
				if uids[d.UID] || len(d.UID) > 40 { // Grafana's limit of a uid
					t.Errorf("%s: uid %q is too long or used twice", f.Path, d.UID)
				}
				uids[d.UID] = true
				for _, p := range d.Panels {
					for _, q := range p.Targets {
						rules = append(rules, rule{Record: fmt.Sprintf("board:p%d:%s", len(rules), q.RefID), Expr: q.Expr})
					}
				}
			}
			f, err := file.YAML("expressions.yaml", "", ruleFile{Groups: []ruleGroup{{Name: "dashboards", Rules: rules}}})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			rendered.Write(t, dir, []file.File{f})
			rendered.Run(t, dir, promtool, "check", "rules", "expressions.yaml")
		})
	}
}

// loadDashboard decodes strictly and checks what Grafana would only show wrongly.
func loadDashboard(t *testing.T, f file.File) dashboard {
	t.Helper()
	var d dashboard
	decoder := json.NewDecoder(strings.NewReader(string(f.Data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	if d.SchemaVersion < 39 || d.Title == "" || len(d.Panels) == 0 {
		t.Errorf("%s: schemaVersion %d, title %q, %d panels", f.Path, d.SchemaVersion, d.Title, len(d.Panels))
	}
	if len(d.Templating.List) != 1 || d.Templating.List[0].Type != "datasource" {
		t.Fatalf("%s has no datasource variable", f.Path)
	}
	want := "${" + d.Templating.List[0].Name + "}"
	ids := map[int]bool{}
	cells := map[[2]int]int{}
	for _, p := range d.Panels {
		if p.ID <= 0 || ids[p.ID] {
			t.Errorf("%s: panel %q has no id of its own", f.Path, p.Title)
		}
		ids[p.ID] = true
		if p.Datasource.UID != want || p.Type != "stat" && p.Type != "timeseries" || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s: panel %q lacks something or has another datasource", f.Path, p.Title)
		}
		g := p.GridPos
		if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > gridWidth {
			t.Errorf("%s: panel %q is outside the grid: %+v", f.Path, p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%s: panels %d and %d overlap at %d,%d", f.Path, other, p.ID, x, y)
				}
				cells[[2]int{x, y}] = p.ID
			}
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.Expr == "" || refs[q.RefID] || q.Datasource != p.Datasource || q.Instant == q.Range {
				t.Errorf("%s: panel %q: target %s", f.Path, p.Title, q.RefID)
			}
			refs[q.RefID] = true
		}
		if steps := p.FieldConfig.Defaults.Thresholds.Steps; len(steps) == 0 || steps[0].Value != nil {
			t.Errorf("%s: panel %q: the first threshold has a value, or there is none", f.Path, p.Title)
		}
	}
	return d
}

func filesOf(t *testing.T, example string, replace ...string) []file.File {
	t.Helper()
	c, p := rendered.Example(t, example, replace...)
	files, err := Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if string(files[i].Data) != string(again[i].Data) {
			t.Errorf("%s differs from one time to the next", files[i].Path)
		}
	}
	return files
}
