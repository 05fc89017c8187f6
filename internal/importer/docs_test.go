package importer_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/importer"
	"vifd/internal/importer/libvirt"
	"vifd/internal/importer/plan"
	"vifd/internal/importer/qubes"
	"vifd/internal/importer/xend"
	"vifd/internal/importer/xl"
)

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManualKnowsEveryKey: the tables of the manual and those of the readers are the same.
func TestManualKnowsEveryKey(t *testing.T) {
	filters := plan.Filters()
	var names []string
	for name := range filters {
		names = append(names, name)
	}
	text := manual(t)
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)\\|$")
	for table, keys := range map[string][]string{
		"xend": xend.Keys(), "xl-conf": xl.ConfKeys(), "xl": xl.DomainKeys(), "vif": xl.SpecKeys(), "libvirt": libvirt.Keys(), "nwfilter": names, "qubes": qubes.Keys(),
	} {
		_, rest, found := strings.Cut(text, "<!-- keys: "+table+" -->\n")
		if !found {
			t.Errorf("the manual has no table of %s", table)
			continue
		}
		rest, _, _ = strings.Cut(rest, "\n\n")
		var documented []string
		for _, m := range row.FindAllStringSubmatch(rest+"\n", -1) {
			documented = append(documented, m[1])
			if table == "nwfilter" && filters[m[1]] != strings.TrimSpace(m[2]) {
				t.Errorf("nwfilter %s becomes %s, and the manual says %s", m[1], filters[m[1]], m[2])
			}
		}
		slices.Sort(documented)
		slices.Sort(keys)
		if diff := cmp.Diff(keys, documented); diff != "" {
			t.Errorf("%s (-read +documented):\n%s", table, diff)
		}
	}
}

// TestManualsNetwork imports the network that the manual shows, and a domain in it.
func TestManualsNetwork(t *testing.T) {
	m := regexp.MustCompile("(?s)```\n(<network>.*?)```\n\nwith a domain.*?\n\n```yaml\n(.*?)```").FindStringSubmatch(manual(t))
	if m == nil {
		t.Fatal("the manual shows no network")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	writeFiles(t, dir, map[string]string{
		"default.xml": m[1],
		"web.xml": "<domain type='kvm'>\n<name>web</name>\n<devices>\n<interface type='network'><mac address='52:54:00:00:00:07'/><source network='default'/></interface>" +
			"</devices></domain>\n",
	})
	r := imported(t, "web.xml", "default.xml")
	_, rules, _ := strings.Cut(r.Document, "\n")
	if rules, _, _ = strings.Cut(rules, "\n\n"); rules+"\n" != m[2] || len(r.Notes) > 0 {
		t.Errorf("(-manual +import):\n%s\n%v", cmp.Diff(m[2], rules+"\n"), r.Notes)
	}
}

// TestManualsWarning imports the domain that the manual shows a warning of. Which warnings there are, the command asks the linter.
func TestManualsWarning(t *testing.T) {
	m := regexp.MustCompile("(?s)```\n(name = \"db\".*?)```\n\nbecomes\n\n```yaml\n(.*?)```").FindStringSubmatch(manual(t))
	if m == nil {
		t.Fatal("the manual shows no warning")
	}
	t.Chdir(t.TempDir())
	writeFiles(t, ".", map[string]string{"db.cfg": m[1]})
	r := imported(t, "db.cfg")
	line := strings.Count(r.Document[:strings.Index(r.Document, "  - name: db")], "\n") + 1
	if refused := r.Allow([]importer.Warning{{Line: line, Code: "VIF518", Text: "a rate below one frame"}}); refused != nil {
		t.Fatal(refused)
	}
	_, rules, _ := strings.Cut(r.Document, "\n")
	if rules, _, _ = strings.Cut(rules, "\n\n"); rules+"\n" != m[2] {
		t.Errorf("(-manual +import):\n%s", cmp.Diff(m[2], rules+"\n"))
	}
}

// TestManualsExample imports what the manual shows, and holds the result against what it says comes of it.
func TestManualsExample(t *testing.T) {
	m := regexp.MustCompile("(?s)```\n(vif = .*?)```\n\nbecomes\n\n```yaml\n(.*?)```").FindStringSubmatch(manual(t))
	if m == nil {
		t.Fatal("the manual shows no example")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, "web-1.cfg"), []byte(m[1]), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := importer.Import("auto", []string{"web-1.cfg"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(r.Document, "\n")
	if rules, _, _ = strings.Cut(rules, "\n\n"); rules+"\n" != m[2] {
		t.Errorf("(-manual +import):\n%s", cmp.Diff(m[2], rules+"\n"))
	}
}
