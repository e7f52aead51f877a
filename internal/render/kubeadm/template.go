package kubeadm

import (
	"bytes"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"

	"bulkhead.dev/bulkhead/internal/render/file"
)

//go:embed templates
var templates embed.FS

// fill returns a file made of a template. Its values are names, addresses, numbers
// and durations that Lay has checked; what an owner may write freely goes through
// quote.
func fill(path, name string, data any) (file.File, error) {
	t, err := template.New(name).
		Funcs(template.FuncMap{"quote": quote, "hostport": hostPort}).
		Option("missingkey=error").
		ParseFS(templates, "templates/"+name)
	if err != nil {
		return file.File{}, fmt.Errorf("rendering %s: %w", path, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return file.File{}, fmt.Errorf("rendering %s: %w", path, err)
	}
	return file.File{Path: path, Data: b.Bytes()}, nil
}

// quote makes one word of the shell out of any text (POSIX: nothing is special
// between single quotes but the single quote).
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func decimal(n int) string { return strconv.Itoa(n) }
