package runbooks_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render/runbooks"
	"bulkhead.dev/bulkhead/internal/spec"
)

// pages renders the runbooks of an example with some of its text replaced.
func pages(t *testing.T, example string, oldNew ...string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../../examples/clusters/" + example + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("%s.yaml does not hold %q", example, oldNew[i])
		}
		text = strings.Replace(text, oldNew[i], oldNew[i+1], 1)
	}
	c, err := spec.Decode(example+".yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	options := plan.Options{}
	if len(c.Spec.Zones.Names) == 0 {
		options.Catalog = &v1alpha1.MachineCatalog{Provider: c.Spec.Provider, Region: c.Spec.Region, Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}}
	}
	p, err := plan.Make(c, options)
	if err != nil {
		t.Fatal(err)
	}
	files, err := runbooks.Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]string{}
	for _, f := range files {
		byName[strings.TrimPrefix(f.Path, "runbooks/")] = string(f.Data)
	}
	return byName
}

const backupLine = "  backup: {every: 6h, keep: 28, destinations: [\"s3://shop-backups/etcd\", \"file:///var/backups/etcd\"]}\n"

// TestTruth: what a page says and does not say, for specs that differ in one thing.
func TestTruth(t *testing.T) {
	for name, test := range map[string]struct {
		example  string
		oldNew   []string
		page     string
		says     []string
		saysNot  []string
		notThere []string
	}{
		"own machines": {
			example: "kubeadm", page: "quorum-lost.md",
			says:     []string{"3 voters", "needs 2", "10.10.2.10", "cp-b"},
			notThere: []string{"api-unreachable.md"},
		},
		"own load balancers": {
			example: "kubeadm", page: "load-balancer-lost.md",
			says: []string{"10.10.0.10", "keepalived", "--server=https://10.10.1.10:8443"},
		},
		"no backup": {
			example: "kubeadm", oldNew: []string{backupLine, ""}, page: "restore.md",
			says: []string{"has no backup"}, saysNot: []string{"aws s3"},
		},
		"a backup": {
			example: "kubeadm", page: "restore.md",
			says: []string{"every 6h", "aws s3 ls --recursive s3://shop-backups/etcd/", "/var/backups/etcd/cp-a"}, saysNot: []string{"has no backup"},
		},
		"no upgrade of both": {
			example: "kubeadm", page: "upgrade.md",
			says: []string{"never together", "kubeadm upgrade apply vNEXT --etcd-upgrade=false", "kubeadm upgrade node --etcd-upgrade=false"},
		},
		"rented control plane": {
			example: "eks", page: "restore.md",
			says: []string{"You have no snapshot", "manifests in Git"}, saysNot: []string{"etcd-restore.sh"},
			notThere: []string{"quorum-lost.md"},
		},
		"Kapsule's load balancer stands in one zone": {
			example: "kapsule", page: "api-unreachable.md",
			says: []string{"stands in **fr-par-1**"},
		},
		"Kapsule, full isolation": {
			example: "kapsule", oldNew: []string{"isolation: controlled", "isolation: full, gatewayZone: fr-par-2"}, page: "zone-lost.md",
			says: []string{"| fr-par-2 | **no** |", "cannot reach the API and become NotReady"},
		},
		"Kapsule, controlled isolation": {
			example: "kapsule", page: "split-brain.md",
			says: []string{"leaves every node Ready"},
		},
		"Cluster API": {
			example: "capa", page: "zone-lost.md",
			says: []string{`"paused":true`}, notThere: []string{"api-unreachable.md"},
		},
		"a lab": {
			example: "local", page: "load-balancer-lost.md",
			says: []string{"10.89.0.254", "ip -all netns"}, saysNot: []string{"ssh "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := pages(t, test.example, test.oldNew...)
			page, found := all[test.page]
			if !found {
				t.Fatalf("there is no %s", test.page)
			}
			lower := strings.ToLower(page)
			for _, words := range test.says {
				if !strings.Contains(lower, strings.ToLower(words)) {
					t.Errorf("%s does not say %q:\n%s", test.page, words, page)
				}
			}
			for _, words := range test.saysNot {
				if strings.Contains(lower, strings.ToLower(words)) {
					t.Errorf("%s says %q:\n%s", test.page, words, page)
				}
			}
			for _, other := range test.notThere {
				if _, found := all[other]; found {
					t.Errorf("there is %s", other)
				}
			}
		})
	}
}

// TestWellFormed: code blocks end, nothing is left of a template.
func TestWellFormed(t *testing.T) {
	left := regexp.MustCompile(`\{\{[^"]|<no value>|%!|<nil>`)
	for _, example := range []string{"local", "kubeadm", "capa", "eks", "kapsule", "ack"} {
		for name, page := range pages(t, example) {
			if strings.Count(page, "```")%2 != 0 {
				t.Errorf("%s of %s: a code block does not end", name, example)
			}
			if found := left.FindString(page); found != "" && !strings.Contains(page, `{{ .ID }}`) {
				t.Errorf("%s of %s holds %q", name, example, found)
			}
			if strings.Contains(page, "```sh\n\n") || strings.Contains(page, "\n\n```\n\n\n") {
				t.Errorf("%s of %s: an empty line begins a code block", name, example)
			}
		}
	}
}
