package rules

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata, or with -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// library stands for the one that is shipped.
func library() fs.FS {
	return fstest.MapFS{
		"templates/source-guard.yaml": {Data: []byte("templates:\n  source-guard:\n    from-guest: [ether saddr != $mac drop]\n")},
		"templates/established.yaml":  {Data: []byte("templates:\n  established: {to-guest: [ip protocol icmp accept]}\n")},
		"README":                      {Data: []byte("not read")},
	}
}

// mapFS is a file system with the files given: name, text, name, text …
func mapFS(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

func render(t *testing.T, rep *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := rep.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// mustLoad loads one file that has no problem.
func mustLoad(t *testing.T, text string) *Set {
	t.Helper()
	set, rep := Load(Options{FS: mapFS("t.yaml", text), Paths: []string{"t.yaml"}, Library: library()})
	if len(rep.Problems) > 0 {
		t.Fatalf("problems:\n%s", render(t, rep))
	}
	return set
}

func names(t *testing.T, pattern string, atLeast int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < atLeast {
		t.Fatalf("%d files match %s; want at least %d", len(files), pattern, atLeast)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".yaml")
	}
	return files
}

func TestBad(t *testing.T) {
	for _, name := range names(t, "bad/*.yaml", 45) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, rep := Load(Options{FS: os.DirFS("testdata/bad"), Paths: []string{name + ".yaml"}, Library: library()})
			if set != nil {
				t.Error("a bad file was loaded")
			}
			if rep.Errors() == 0 && !strings.HasPrefix(name, "warn-") {
				t.Error("no error")
			}
			golden(t, "bad/"+name+".golden", []byte(render(t, rep)))
		})
	}
}

func TestGood(t *testing.T) {
	for _, name := range names(t, "good/*.yaml", 4) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, rep := Load(Options{FS: os.DirFS("testdata/good"), Paths: []string{name + ".yaml"}, Library: library()})
			if set == nil {
				t.Fatalf("not loaded:\n%s", render(t, rep))
			}
			golden(t, "good/"+name+".golden", []byte(dump(set)+render(t, rep)))
		})
	}
}
