package format_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/stmt"
	"vifd/rules"
	"vifd/rules/format"
	"vifd/rules/lint"
)

// smallLibrary is small, for it is loaded often.
var smallLibrary = fstest.MapFS{
	"templates/source-guard.yaml": {Data: []byte("templates:\n  source-guard:\n    from-guest: [ether saddr != $mac drop]\n")},
	"templates/established.yaml":  {Data: []byte("templates:\n  established: {to-guest: [ip protocol icmp accept]}\n")},
}

// warnings are what is warned of in a text, but for what comments take off: those that have nothing to ignore are left out, for one may cover what
// another does.
func warnings(text string) (list []string) {
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text), Library: smallLibrary})
	if set != nil {
		report.AddAll(lint.Check(set, lint.Options{}))
	}
	for _, p := range report.Problems {
		if p.Severity == rules.Warning {
			list = append(list, p.Code)
		}
	}
	return list
}

// fresh returns what is in after more often than in before.
func fresh(before, after []string) (list []string) {
	left := map[string]int{}
	for _, s := range before {
		left[s]++
	}
	for _, s := range after {
		if left[s]--; left[s] < 0 {
			list = append(list, s)
		}
	}
	return list
}

// load loads a text beside the small library.
func load(text string) (*rules.Set, []string) {
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text), Library: smallLibrary})
	var codes []string
	for _, p := range report.Problems {
		if p.Severity == rules.Warning {
			continue // see warnings
		}
		if p.Code == "VIF312" {
			p.Code = "VIF102" // a word that should be true or false is told so in other words where it has quotes
		}
		codes = append(codes, p.Code)
	}
	slices.Sort(codes) // a mapping in brackets begins before its first key, another with it
	return set, codes
}

// setDiff compares what two sets say, and not where it stands.
func setDiff(a, b *rules.Set) string {
	return cmp.Diff(a, b,
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.Comparer(func(rules.Pos, rules.Pos) bool { return true }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b *stmt.Field) bool { return reflect.DeepEqual(a, b) }), // they lead to tables of functions
		// What leads back to the file is another file's.
		cmp.FilterPath(func(p cmp.Path) bool { return slices.Contains([]string{".spot", ".late"}, p.Last().String()) }, cmp.Ignore()),
	) + cmp.Diff(substitutions(a), substitutions(b))
}

// substitutions are the values that facts decide, by rule.
func substitutions(set *rules.Set) map[string][]string {
	if set == nil {
		return nil
	}
	list := map[string][]string{}
	for i := range set.Rules {
		for _, s := range set.Rules[i].Substitutions() {
			list[set.Rules[i].Name] = append(list[set.Rules[i].Name], s.Key+" "+s.Text.String())
		}
	}
	return list
}

// FuzzFormat: what was formatted says the same as before, and has the same errors and no warning that it did not have; formatting it again changes nothing; and only
// what is refused when it is loaded is refused.
func FuzzFormat(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "../testdata/*/*.yaml", "../testdata/*.yaml", "../../rules.d/*.yaml", "../../rules.d/templates/w*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			return
		}
		set, codes := load(text)
		out, err := format.Source("x.yaml", text)
		if err != nil {
			if strings.Contains(err.Error(), "left as it is") && !strings.Contains(err.Error(), "not text") {
				t.Fatal(err)
			}
			if set != nil && !strings.HasPrefix(text, "%") && !strings.Contains(text, "\n%") {
				t.Fatalf("refused, and yet it loads: %v", err)
			}
			return
		}
		if strings.HasSuffix(out, "\n\n") && !strings.Contains(text, "|+") && !strings.Contains(text, ">+") && !strings.Contains(text, "|") && !strings.Contains(text, ">") {
			t.Error("an empty line at the end")
		}
		again, err := format.Source("x.yaml", out)
		if err != nil || again != out {
			t.Fatalf("the second time: %v\n%s", err, cmp.Diff(out, again))
		}
		setAfter, codesAfter := load(out)
		if diff := cmp.Diff(codes, codesAfter); diff != "" {
			t.Fatalf("problems (-before +after):\n%s\nof\n%s", diff, out)
		}
		if list := fresh(warnings(text), warnings(out)); len(list) > 0 {
			t.Fatalf("%v come up, which comments have taken off, in\n%s\nof\n%s", list, out, text)
		}
		if diff := setDiff(set, setAfter); diff != "" {
			t.Fatalf("set (-before +after):\n%s\nof\n%s", diff, out)
		}
	})
}
