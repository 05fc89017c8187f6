package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const block = "    match: {interface: \"*\"}\n    block: true\n"

func rule(name string) string { return "rules:\n  - name: " + name + "\n" + block }

func ruleNames(s *Set) []string {
	names := []string{}
	for i := range s.Rules {
		names = append(names, s.Rules[i].Name)
	}
	return names
}

// tree writes files below a new folder: name, text, name, text … A text that begins with -> is a link's target.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(root, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(files[i+1], "->"); ok {
			err = os.Symlink(target, name)
		} else {
			err = os.WriteFile(name, []byte(files[i+1]), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFolders(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files []string
		paths []string
		want  []string
	}{
		{
			name:  "sorted by name across the folders",
			files: []string{"a/20-b.yaml", rule("b"), "b/10-a.yaml", rule("a"), "b/30-c.yaml", rule("c")},
			paths: []string{"a", "b"}, want: []string{"a", "b", "c"},
		},
		{
			name:  "an earlier folder replaces",
			files: []string{"a/x.yaml", rule("mine"), "b/x.yaml", rule("theirs"), "b/y.yaml", rule("other")},
			paths: []string{"a", "b"}, want: []string{"mine", "other"},
		},
		{
			name:  "and a later one does not",
			files: []string{"a/x.yaml", rule("mine"), "b/x.yaml", rule("theirs")},
			paths: []string{"b", "a"}, want: []string{"theirs"},
		},
		{
			name:  "an empty file masks",
			files: []string{"a/x.yaml", "", "b/x.yaml", rule("masked"), "b/y.yaml", rule("other")},
			paths: []string{"a", "b"}, want: []string{"other"},
		},
		{
			name:  "a link to /dev/null masks",
			files: []string{"a/x.yaml", "->/dev/null", "b/x.yaml", rule("masked"), "b/y.yaml", rule("other")},
			paths: []string{"a", "b"}, want: []string{"other"},
		},
		{
			name:  "a mask in a later folder masks nothing",
			files: []string{"a/x.yaml", rule("mine"), "b/x.yaml", "->/dev/null"},
			paths: []string{"a", "b"}, want: []string{"mine"},
		},
		{
			name:  "a broken file that is masked is not read",
			files: []string{"a/x.yaml", "", "b/x.yaml", "not: [yaml"},
			paths: []string{"a", "b"}, want: []string{},
		},
		{
			name: "only *.yaml, not tests, not hidden files, not subfolders",
			files: []string{
				"a/x.yaml", rule("x"), "a/x.test.yaml", "tests: []", "a/.x.yaml", "bad", "a/x.yaml~", "bad", "a/README", "bad", "a/templates/t.yaml", "bad",
			},
			paths: []string{"a"}, want: []string{"x"},
		},
		{
			name:  "a link to a file is the file",
			files: []string{"a/x.yaml", "->../real", "real", rule("linked")},
			paths: []string{"a"}, want: []string{"linked"},
		},
		{
			name:  "files stand where they are named, folders where the first is",
			files: []string{"z.yaml", rule("z"), "a/m.yaml", rule("m"), "y.yaml", rule("y"), "b/k.yaml", rule("k")},
			paths: []string{"z.yaml", "a", "y.yaml", "b"}, want: []string{"z", "k", "m", "y"},
		},
		{
			name:  "a path given twice is read once",
			files: []string{"x.yaml", rule("x"), "a/y.yaml", rule("y")},
			paths: []string{"x.yaml", "a", "x.yaml", "a"}, want: []string{"x", "y"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, tc.files...)
			var paths []string
			for _, p := range tc.paths {
				paths = append(paths, filepath.Join(root, p))
			}
			set, rep := Load(Options{Paths: paths})
			if set == nil || len(rep.Problems) > 0 {
				t.Fatalf("problems:\n%s", render(t, rep))
			}
			if diff := cmp.Diff(tc.want, ruleNames(set)); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathsThatCannotBeRead(t *testing.T) {
	root := tree(t, "a/dir.yaml/x", "", "a/gone.yaml", "->/nonexistent/x", "a/loop.yaml", "->loop.yaml", "a/x.yml", rule("x"), "a/y.yaml", rule("y"))
	missing := filepath.Join(root, "missing")
	set, rep := Load(Options{Paths: []string{missing, filepath.Join(root, "a")}})
	if set != nil {
		t.Error("half of the files were loaded")
	}
	got := strings.ReplaceAll(render(t, rep), root, "ROOT")
	want := `ROOT/missing: error[VIF001]: cannot stat: no such file or directory
ROOT/a/x.yml: warning[VIF015]: not read: the files of a rules folder end in .yaml
hint: rename it
ROOT/a/dir.yaml: error[VIF001]: not a regular file
ROOT/a/gone.yaml: error[VIF001]: cannot stat: no such file or directory
ROOT/a/loop.yaml: error[VIF001]: cannot stat: too many levels of symbolic links
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOptionalPaths(t *testing.T) {
	root := tree(t, "b/x.yaml", rule("x"))
	set, rep := Load(Options{Paths: []string{filepath.Join(root, "a"), filepath.Join(root, "b")}, Optional: true})
	if set == nil {
		t.Fatalf("not loaded:\n%s", render(t, rep))
	}
	if diff := cmp.Diff([]string{"x"}, ruleNames(set)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestStdin(t *testing.T) {
	set, rep := Load(Options{FS: mapFS("a.yaml", rule("a")), Paths: []string{"a.yaml", Stdin}, Stdin: strings.NewReader(rule("piped"))})
	if set == nil {
		t.Fatalf("not loaded:\n%s", render(t, rep))
	}
	if diff := cmp.Diff([]string{"a", "piped"}, ruleNames(set)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.yaml", "<stdin>"}, set.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	_, rep = Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader("x: 1\n")})
	if len(rep.Problems) != 1 || rep.Problems[0].Pos.String() != "<stdin>:1:1" {
		t.Errorf("problems of standard input:\n%s", render(t, rep))
	}
}

// A FIFO in a rules folder must not make the daemon wait for a writer: were it opened, this test would not end.
func TestFIFOIsNotOpened(t *testing.T) {
	root := tree(t, "a/x.yaml", rule("x"))
	mkfifo(t, filepath.Join(root, "a/y.yaml"))
	set, rep := Load(Options{Paths: []string{filepath.Join(root, "a")}})
	if set != nil || rep.Errors() != 1 || rep.Problems[0].Msg != "not a regular file" {
		t.Errorf("got:\n%s", render(t, rep))
	}
}
