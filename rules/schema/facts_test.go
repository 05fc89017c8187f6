package schema_test

import (
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"vifd/rules"
)

// TestPlacesOfFacts puts a fact, with what is there as its default, in place of every value of the examples in turn: where the decoder
// takes one the schema does, and where it says that none can stand there the schema refuses it.
func TestPlacesOfFacts(t *testing.T) {
	s := compiled(t)
	taken, refused := 0, 0
	for name, text := range corpus(t) {
		if !strings.HasPrefix(name, "../testdata/good/") && !strings.HasPrefix(name, "../testdata/contract") && !strings.HasPrefix(name, "../../docs/rules.md") {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, n := range values(&doc, nil) {
			before := *n
			if strings.ContainsAny(n.Value, "}$") || n.ShortTag() == "!!null" {
				continue
			}
			n.Value, n.Tag, n.Style = "${env.X:-"+n.Value+"}", "!!str", yaml.DoubleQuotedStyle
			changed, err := yaml.Marshal(&doc)
			if err != nil {
				t.Fatal(err)
			}
			set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(string(changed))})
			v, ok := instance(string(changed))
			if !ok {
				t.Fatalf("%s: not YAML:\n%s", name, changed)
			}
			verr := s.Validate(v)
			none := slices.ContainsFunc(report.Problems, func(p rules.Problem) bool { return strings.HasPrefix(p.Msg, "no fact can stand in ") })
			switch {
			case set != nil || report.Errors() > 0 && onlyReferences(report):
				taken++
				if verr != nil {
					t.Errorf("%s:%d: %s is taken by the decoder, and not by the schema: %v", name, before.Line, n.Value, verr)
				}
			case none:
				refused++
				if verr == nil {
					t.Errorf("%s:%d: %s is taken by the schema, and the decoder says: %s", name, before.Line, n.Value, report.Err())
				}
			}
			*n = before
		}
	}
	if taken < 100 || refused < 100 {
		t.Errorf("%d are taken, %d refused by both", taken, refused)
	}
}

// values appends the scalars below n that are no keys.
func values(n *yaml.Node, list []*yaml.Node) []*yaml.Node {
	switch n.Kind {
	case yaml.ScalarNode:
		return append(list, n)
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			list = values(n.Content[i], list)
		}
	case yaml.SequenceNode, yaml.DocumentNode:
		for _, c := range n.Content {
			list = values(c, list)
		}
	default: // an alias, which no example has
	}
	return list
}
