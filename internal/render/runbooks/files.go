package runbooks

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

//go:embed templates
var templates embed.FS

// pages lists the runbooks of a cluster: paths below runbooks/ and templates have
// the same names. quorum-lost is of those who run etcd, api-unreachable of those
// who do not.
func pages(managed bool) []string {
	names := []string{"zone-lost", "zone-back"}
	if managed {
		names = append(names, "api-unreachable")
	} else {
		names = append(names, "quorum-lost")
	}
	return append(names, "load-balancer-lost", "certificates-expired", "restore", "split-brain", "upgrade")
}

// Files returns the runbooks of a cluster, in the order of pages. The cluster has
// its defaults and p is its plan.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	b, err := newBook(c, p)
	if err != nil {
		return nil, err
	}
	t, err := template.New("runbooks").Option("missingkey=error").Funcs(template.FuncMap{
		"join": func(s []string) string { return strings.Join(s, ", ") },
	}).ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("rendering runbooks: %w", err)
	}
	var files []file.File
	for _, name := range pages(p.ControlPlane.Managed) {
		var page bytes.Buffer
		if err := t.ExecuteTemplate(&page, name+".md.tmpl", b); err != nil {
			return nil, fmt.Errorf("rendering runbooks/%s.md: %w", name, err)
		}
		files = append(files, file.File{Path: "runbooks/" + name + ".md", Data: tidy(page.Bytes())})
	}
	return files, nil
}

// Steps returns what a person does with the runbooks before they are needed.
func Steps(_ *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) []file.Step {
	return []file.Step{{
		Title: "Fill in who is called",
		Text: "Each page in `runbooks/` ends with whom to call: put names and numbers there, and keep a copy" +
			" that can be read when this cluster cannot.",
		Commands: []string{"grep -n 'FILL IN' runbooks/*.md"},
	}}
}

// tidy leaves at most one empty line between two others, and one line end at the
// end: templates make more where a part is left out.
func tidy(page []byte) []byte {
	var out bytes.Buffer
	blank := true
	for line := range bytes.Lines(page) {
		line = bytes.TrimRight(line, " \n")
		if len(line) == 0 && blank {
			continue
		}
		blank = len(line) == 0
		out.Write(line)
		out.WriteByte('\n')
	}
	return append(bytes.TrimRight(out.Bytes(), "\n"), '\n')
}
