package importer_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/importer"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cases are the folders of testdata, each a host.
func cases(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "fuzz" {
			names = append(names, e.Name())
		}
	}
	if len(names) < 8 {
		t.Fatalf("found %v only", names)
	}
	return names
}

// load reads rules as `vifd check --strict` does.
func load(t *testing.T, document string) *rules.Set {
	t.Helper()
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(document), Library: rulesd.FS})
	if set == nil || len(report.Problems) > 0 {
		var b strings.Builder
		_ = report.WriteText(&b, false)
		t.Fatalf("not rules:\n%s\nof\n%s", b.String(), document)
	}
	return set
}

func imported(t *testing.T, paths ...string) *importer.Result {
	t.Helper()
	r, err := importer.Import("auto", paths)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestGolden shows what becomes of whole hosts, and that it passes every check, each file of it by itself, too.
func TestGolden(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join("testdata", name)
			r := imported(t, folder)
			load(t, r.Document)
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(r.Document), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), r.Document); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
			files, err := filepath.Glob(filepath.Join(folder, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				load(t, imported(t, f).Document)
			}
		})
	}
}

// TestNothingIsDroppedInSilence: each note stands in the document, on a line of its own, with its place.
func TestNothingIsDroppedInSilence(t *testing.T) {
	lost := 0
	for _, name := range cases(t) {
		r := imported(t, filepath.Join("testdata", name))
		for _, n := range r.Notes {
			if !strings.Contains(r.Document, "\n#   "+n.Pos.String()+": "+n.Text()+"\n") {
				t.Errorf("%s: the document does not say %q", name, n)
			}
			if n.Lost {
				lost++
			}
			if n.Why == "" || n.Pos.File == "" {
				t.Errorf("%s: no reason or place: %+v", name, n)
			}
		}
	}
	if lost < 10 {
		t.Errorf("%d notes only of what is lost", lost)
	}
}

func TestTwoNamesOfAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.cfg")
	if err := os.WriteFile(file, []byte("name = 'a'\nvif = [ 'bridge=br7,mac=00:16:3e:00:00:01' ]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.cfg", filepath.Join(dir, "auto")); err != nil {
		t.Fatal(err)
	}
	if r := imported(t, dir, file); len(r.Notes) != 0 || strings.Count(r.Document, "domain: a,") != 2 {
		t.Errorf("read twice: %v\n%s", r.Notes, r.Document)
	}
}

// TestFolderOfAll: what is no configuration is named, and passed over.
func TestFolderOfAll(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.cfg": "name = 'a'\nvif = [ '' ]\n", "script": "#!/bin/sh\nname=a\n", "README": "Read me.\n", "binary": "a\x00b",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := imported(t, dir)
	if len(r.Notes) != 4 || r.Lost() {
		t.Errorf("notes: %v", r.Notes)
	}
	if _, err := importer.Import("auto", []string{filepath.Join(dir, "README")}); err == nil || !strings.Contains(err.Error(), "README: its format is none") {
		t.Errorf("a file of no format that is named: %v", err)
	}
}
