package packets

import (
	"bytes"
	"os"
	"sort"
	"strings"
	"testing"

	"vifd/rules"
	rulesd "vifd/rules.d"
)

// The manual lists the library as its files say, each template by its first sentence.
func TestLibraryInManual(t *testing.T) {
	t.Parallel()
	set, report := rules.Load(rules.Options{Library: rulesd.FS})
	if set == nil {
		t.Fatal(report.Problems)
	}
	tested := make(map[string]bool)
	for i := range set.Tests {
		tested[set.Tests[i].Template.Name] = true
	}
	var rows [][]string
	for _, name := range library(t) {
		tm, ok := set.Templates[name]
		if !ok || tm.Description == "" || !tested[name] {
			t.Errorf("templates/%s.yaml lacks the template of its name, its description or its tests", name)
		}
		params := make([]string, 0, len(tm.Params))
		for param, p := range tm.Params {
			if len(p.Default) == 0 {
				param += "\\*"
			}
			params = append(params, param)
		}
		sort.Strings(params)
		sentence, _, _ := strings.Cut(tm.Description, ". ")
		rows = append(rows, []string{name, strings.Join(params, ", "), strings.TrimSuffix(sentence, ".")})
	}
	if len(set.Templates) != len(rows) {
		t.Errorf("%d templates in %d files", len(set.Templates), len(rows))
	}
	manualLock.Lock()
	defer manualLock.Unlock()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	compareManual(t, text, between(t, bytes.Clone(text), "library", markdown([]string{"template", "parameters", "what it is for"}, rows)))
}
