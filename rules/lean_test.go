package rules_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	rulesd "vifd/rules.d"

	"vifd/rules"
)

// TestLean: what decides about vifs is the same, and so is the report where there is one.
func TestLean(t *testing.T) {
	for name, text := range map[string]string{
		"the default":          "rules:\n  - {name: xen, match: {interface: \"vif*\"}, bridge: xenbr0, firewall: source-guard}\n",
		"none":                 "rules:\n  - {name: xen, match: {interface: \"vif*\"}, ignore: true}\n",
		"one that is included": "templates:\n  mine: {from-guest: [include clean-traffic, drop]}\nrules:\n  - {name: xen, match: {interface: \"vif*\"}, bridge: xenbr0, firewall: mine}\n",
		"redefined":            "templates:\n  source-guard: {from-guest: [drop]}\n",
		"a misspelling":        "rules:\n  - {name: xen, match: {interface: \"vif*\"}, bridge: xenbr0, firewall: source-gard}\n",
		"a test's":             "tests:\n  - {name: a, template: no-bpdu, guest: {mac: \"00:16:3e:00:00:07\"}, packets: [{from-guest: vlan id 5, expect: accept}]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			o := rules.Options{Paths: []string{"a.yaml"}, FS: fstest.MapFS{"a.yaml": {Data: []byte(text)}}, Library: rulesd.FS}
			full, want := rules.Load(o)
			o.Lean = true
			lean, got := rules.Load(o)
			if !slices.Equal(codes(got), codes(want)) {
				t.Fatalf("problems %v, want %v", got.Problems, want.Problems)
			}
			if (lean == nil) != (full == nil) {
				t.Fatal("one is loaded, the other not")
			}
			if lean == nil || len(want.Problems) > 0 {
				return
			}
			if len(lean.Templates) >= len(full.Templates) {
				t.Errorf("%d templates were loaded: %v", len(lean.Templates), slices.Sorted(maps.Keys(lean.Templates)))
			}
			for name, it := range lean.Templates {
				other := full.Templates[name]
				if len(it.FromGuest) != len(other.FromGuest) || len(it.ToGuest) != len(other.ToGuest) || it.Pos != other.Pos {
					t.Errorf("template %s differs", name)
				}
			}
			if len(lean.Rules) != len(full.Rules) {
				t.Errorf("%d rules, want %d", len(lean.Rules), len(full.Rules))
			}
		})
	}
}

func codes(r *rules.Report) []string {
	var list []string
	for _, p := range r.Problems {
		list = append(list, p.String())
	}
	return list
}

// TestLibraryFilesAreNamedForTheirTemplates: a lean load looks for them there.
func TestLibraryFilesAreNamedForTheirTemplates(t *testing.T) {
	set, _ := rules.Load(rules.Options{Library: rulesd.FS})
	names, err := fs.Glob(rulesd.FS, "templates/*.yaml")
	if err != nil || set == nil || len(names) != len(set.Templates) {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, file := range names {
		text, err := fs.ReadFile(rulesd.FS, file)
		if err != nil || strings.Count(string(text), "\ntests:\n") != 1 || strings.Index(string(text), "\ntests:\n") < strings.Index(string(text), "\ntemplates:\n") {
			t.Errorf("%s does not end in its tests: %v", file, err)
		}
	}
	for name, it := range set.Templates {
		if !strings.HasSuffix(it.Pos.File, "/templates/"+name+".yaml") {
			t.Errorf("template %s stands in %s", name, it.Pos.File)
		}
	}
}
