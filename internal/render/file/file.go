package file

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// File is one file to write.
type File struct {
	// Path below the output folder, with slashes.
	Path string
	// Executable files are scripts.
	Executable bool
	Data       []byte
}

// YAML returns a file of YAML documents, one for each object, under the comment
// lines given. What an API server fills in (status, creationTimestamp) is left out,
// and so are nulls.
func YAML(path, comment string, objects ...any) (File, error) {
	var b bytes.Buffer
	if comment != "" {
		for line := range bytes.Lines([]byte(comment)) {
			fmt.Fprintf(&b, "# %s\n", bytes.TrimRight(line, "\n"))
		}
	}
	for i, o := range objects {
		text, err := json.Marshal(o)
		if err != nil {
			return File{}, fmt.Errorf("rendering %s: %w", path, err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return File{}, fmt.Errorf("rendering %s: %w", path, err)
		}
		if m, ok := value.(map[string]any); ok {
			delete(m, "status")
		}
		text, err = yaml.Marshal(prune(value))
		if err != nil {
			return File{}, fmt.Errorf("rendering %s: %w", path, err)
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(text)
	}
	return File{Path: path, Data: b.Bytes()}, nil
}

// prune drops nulls, and objects' creationTimestamps, which are null in JSON.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value == nil {
				delete(v, key)
				continue
			}
			v[key] = prune(value)
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}
