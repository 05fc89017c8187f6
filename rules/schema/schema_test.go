package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"vifd/rules"
	"vifd/rules/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

const committed = "../../dist/vifd.schema.json"

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestCommitted(t *testing.T) {
	got, err := schema.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, committed, got)
}

// compiled is the schema as an independent validator has it, which holds it against the one for schemas, too.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := schema.JSON()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("vifd.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("vifd.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a YAML text as an editor sees it, by YAML 1.2: yes and on are text. False is for what is not YAML, or not of one meaning.
func instance(text string) (any, bool) {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil {
		return nil, false
	}
	if len(doc.Content) == 0 {
		return nil, true
	}
	return value(doc.Content[0])
}

func value(n *yaml.Node) (any, bool) {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, ok := value(n.Content[i+1])
			if _, twice := m[n.Content[i].Value]; twice || !ok {
				return nil, false
			}
			m[n.Content[i].Value] = v
		}
		return m, true
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			v, ok := value(c)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return nil, true
		case "!!bool":
			return n.Value == "true", true
		case "!!int", "!!float":
			if json.Valid([]byte(n.Value)) {
				return json.Number(n.Value), true
			}
		}
		return n.Value, true
	default:
		return nil, false
	}
}

// corpus is every rules file of the repository and every example of its documents.
func corpus(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{
		"../../rules.d/*.yaml", "../../rules.d/*/*.yaml", "../testdata/*.yaml", "../testdata/*/*.yaml", "../format/testdata/*.yaml", "../../cmd/vifd/testdata/*.yaml", "../../docs/*.md",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(name) == ".yaml" {
				texts[name] = string(text)
				continue
			}
			for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
				texts[fmt.Sprintf("%s#%d", name, i+1)] = m[1]
			}
		}
	}
	return texts
}

// TestAgrees: what the decoder takes the schema takes, and of what the decoder refuses for its shape the golden file says what the
// schema refuses as well.
func TestAgrees(t *testing.T) {
	s := compiled(t)
	var refused bytes.Buffer
	texts := corpus(t)
	taken, both := 0, 0
	for _, name := range sortedKeys(texts) {
		set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(texts[name])})
		v, ok := instance(texts[name])
		if !ok {
			if set != nil {
				t.Errorf("%s is taken, and is not YAML of one meaning", name)
			}
			continue
		}
		verr := s.Validate(v)
		var shape []string
		for _, p := range report.Problems {
			if p.Severity == rules.Error && p.Code >= "VIF101" && p.Code < "VIF200" && !slices.Contains(shape, p.Code) {
				shape = append(shape, p.Code)
			}
		}
		switch {
		case set != nil || report.Errors() > 0 && onlyReferences(report):
			taken++
			if verr != nil {
				t.Errorf("%s is taken by the decoder, and not by the schema: %v", name, verr)
			}
		case len(shape) > 0 && strings.Contains(name, "/bad/"):
			slices.Sort(shape)
			verdict := "takes"
			if verr != nil {
				verdict = "refuses"
				both++
			}
			fmt.Fprintf(&refused, "%-8s %-28s %s\n", verdict, strings.TrimSuffix(filepath.Base(name), ".yaml"), strings.Join(shape, " "))
		}
	}
	if taken < 80 || both < 20 {
		t.Errorf("%d texts are taken, %d refused by both", taken, both)
	}
	golden(t, "testdata/shapes.golden", refused.Bytes())
}

// onlyReferences reports whether all that is wrong with a text is what it refers to: to files that are not here.
func onlyReferences(r *rules.Report) bool {
	for _, p := range r.Problems {
		if p.Severity == rules.Error && (p.Code < "VIF201" || p.Code > "VIF299") {
			return false
		}
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
