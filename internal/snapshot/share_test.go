package snapshot

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestCutMember(t *testing.T) {
	tests := []struct{ object, rest, value string }{
		{`{"nodeName":"n"}`, `{}`, `"n"`},
		{`{"nodeName":"n","a":1}`, `{"a":1}`, `"n"`},
		{`{"a":1,"nodeName":"n"}`, `{"a":1}`, `"n"`},
		{`{"a":[1,2],"nodeName":"n\"}","b":{}}`, `{"a":[1,2],"b":{}}`, `"n\"}"`},
		{`{"labels":{"nodeName":"x"},"b":"nodeName"}`, `{"labels":{"nodeName":"x"},"b":"nodeName"}`, ``},
		{`{"a":"\\","nodeName":"n"}`, `{"a":"\\"}`, `"n"`},
		{`{"nodeName":7}`, `{"nodeName":7}`, ``},
		{`{"nodeName": "n"}`, `{"nodeName": "n"}`, ``},
		{`{"nodeName":"n`, `{"nodeName":"n`, ``},
		{``, ``, ``},
	}
	for _, tt := range tests {
		rest, value := cutMember([]byte(tt.object), "nodeName")
		if string(rest) != tt.rest || string(value) != tt.value {
			t.Errorf("%s: %s and %s, want %s and %s", tt.object, rest, value, tt.rest, tt.value)
		}
	}
}

// Whatever stands around it, a member is cut out and nothing else is touched.
func TestCutMemberAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(rapid.SampledFrom([]string{"a", "nodeName", `"`, `\`, "{", "é"}), rapid.OneOf(
			rapid.String().AsAny(), rapid.Int().AsAny(), rapid.MapOf(rapid.SampledFrom([]string{"nodeName", "b"}), rapid.String()).AsAny(), rapid.SliceOf(rapid.String()).AsAny(),
		)).Draw(t, "object")
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		want, isString := object["nodeName"].(string)
		rest, value := cutMember(text, "nodeName")
		if isString {
			delete(object, "nodeName")
		}
		wantRest, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		wantValue := ""
		if isString {
			quoted, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			wantValue = string(quoted)
		}
		if string(rest) != string(wantRest) || string(value) != wantValue {
			t.Errorf("%s: %s and %s, want %s and %s", text, rest, value, wantRest, wantValue)
		}
	})
}
