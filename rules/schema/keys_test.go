package schema_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/rules"
	"vifd/rules/schema"
)

// TestKeysAreTheDecoders reads in the decoder's source which keys every kind of mapping has and which of them it needs, and holds that
// against the schema's objects: a key that comes to one of the two and not to the other is found.
func TestKeysAreTheDecoders(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && isSchema(lit) {
				keys, required := strs(lit, "known"), strs(lit, "required")
				if len(keys) > 0 {
					want = append(want, line(keys, required))
				}
			}
			return true
		})
	}
	tables := rules.SchemaTables()
	var facts, sysctls []string
	for _, f := range tables.Facts {
		facts = append(facts, f.Name)
	}
	for _, s := range tables.Sysctls {
		sysctls = append(sysctls, s.Name)
	}
	want = append(want, line(facts, nil), line(append(facts, "not"), nil), line(tables.Offloads, nil), line(sysctls, nil))
	want = slices.DeleteFunc(want, func(s string) bool {
		return s == line([]string{"templates", "tests"}, nil) || s == line([]string{"tests"}, nil) // files of the library, and of tests
	})
	text, err := schema.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var got []string
	objects(root, &got)
	slices.Sort(want)
	slices.Sort(got)
	if want, got = slices.Compact(want), slices.Compact(got); len(want) < 25 {
		t.Errorf("the decoder has %d kinds of mappings only", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys of mappings (-decoder +schema):\n%s", diff)
	}
}

func isSchema(lit *ast.CompositeLit) bool {
	id, ok := lit.Type.(*ast.Ident)
	return ok && id.Name == "schema"
}

// strs is the strings that a field of a literal lists.
func strs(lit *ast.CompositeLit, field string) []string {
	var list []string
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok || fmt.Sprint(kv.Key) != field {
			continue
		}
		if values, ok := kv.Value.(*ast.CompositeLit); ok {
			for _, v := range values.Elts {
				s, _ := strconv.Unquote(v.(*ast.BasicLit).Value)
				list = append(list, s)
			}
		}
	}
	return list
}

func line(keys, required []string) string {
	keys, required = slices.Clone(keys), slices.Clone(required)
	slices.Sort(keys)
	slices.Sort(required)
	return strings.Join(keys, " ") + " / " + strings.Join(required, " ")
}

// objects collects the objects of a schema that have a closed list of keys.
func objects(v any, got *[]string) {
	switch v := v.(type) {
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == false {
			var required []string
			if list, ok := v["required"].([]any); ok {
				for _, r := range list {
					required = append(required, r.(string))
				}
			}
			if len(properties) > 0 {
				*got = append(*got, line(sortedKeys(properties), required))
			}
		}
		for _, c := range v {
			objects(c, got)
		}
	case []any:
		for _, c := range v {
			objects(c, got)
		}
	}
}

// TestLimits holds numbers against the decoder: at each limit both take what is within and refuse what is beyond.
func TestLimits(t *testing.T) {
	s := compiled(t)
	rule := func(rest string) string { return "rules: [{name: a, match: {interface: a}, " + rest + "}]" }
	words := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("w%d", i)
		}
		return strings.Join(list, ", ")
	}
	for _, tt := range []struct{ name, good, bad string }{
		{"name", strings.ReplaceAll(rule("ignore: true"), "name: a", "name: "+strings.Repeat("a", 64)), strings.ReplaceAll(rule("ignore: true"), "name: a", "name: "+strings.Repeat("a", 65))},
		{"test's name", "tests: [{name: " + strings.Repeat("a", 200) + ", event: {interface: a}, expect: {state: ignored}}]", "tests: [{name: " + strings.Repeat("a", 201) + ", event: {interface: a}, expect: {state: ignored}}]"},
		{"enum", "templates: {t: {params: {p: {type: enum, values: [" + words(64) + "]}}, to-guest: [if $p == w1 drop]}}", "templates: {t: {params: {p: {type: enum, values: [" + words(65) + "]}}, to-guest: [if $p == w1 drop]}}"},
		{"types", "templates: {t: {params: {p: {type: [ip, ip, ip, ip, ip]}}, to-guest: []}}", "templates: {t: {params: {p: {type: [ip, ip, ip, ip, ip, ip]}}, to-guest: []}}"},
		{"mtu", rule("bridge: b, link: {mtu: 68}"), rule("bridge: b, link: {mtu: 67}")},
		{"vlan", rule("bridge: {name: b, vlan: {untagged: 4094}}"), rule("bridge: {name: b, vlan: {untagged: 4095}}")},
		{"port", rule("nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: 65535}}"), rule("nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: 65536}}")},
		{"txqueuelen", rule("bridge: b, link: {txqueuelen: 1000000}"), rule("bridge: b, link: {txqueuelen: 1000001}")},
		{"group", rule("bridge: b, link: {group: 4294967295}"), rule("bridge: b, link: {group: 4294967296}")},
		{"metric", rule("route: {uplink: u, metric: 2147483648}"), rule("route: {uplink: u, metric: 2147483649}")},
		{"table", rule("route: {uplink: u, table: 4294967295}"), rule("route: {uplink: u, table: 255}")},
		{"domid", strings.ReplaceAll(rule("ignore: true"), "interface: a", "domid: 1"), strings.ReplaceAll(rule("ignore: true"), "interface: a", "domid: 99999")},
		{"vif", "guests: [{domain: a, vif: 2147483647}]", "guests: [{domain: a, vif: 2147483648}]"},
		{"sysctl", rule("bridge: b, link: {sysctl: {ipv6.mtu: 1280}}"), rule("bridge: b, link: {sysctl: {ipv6.mtu: 1279}}")},
		{"interface", "guests: [{interface: " + strings.Repeat("a", 15) + "}]", "guests: [{interface: " + strings.Repeat("a", 16) + "}]"},
		{"a rule's actions", rule("block: true"), rule("block: true, ignore: true")},
		{"networks", "networks: {a: {bridge: {}}}", "networks: {a: {bridge: {}, route: {uplink: u}}}"},
		{"own parameter", "templates: {t: {params: {p: {type: ip}}, to-guest: []}}", "templates: {t: {params: {mac: {type: mac}}, to-guest: []}}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range []string{tt.good, tt.bad} {
				set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text)})
				v, ok := instance(text)
				if !ok {
					t.Fatal("not YAML")
				}
				verr := s.Validate(v)
				if (set != nil) != (text == tt.good) || (verr == nil) != (text == tt.good) {
					t.Errorf("%s\ndecoder: %v\nschema: %v", text, report.Problems, verr)
				}
			}
		})
	}
}
