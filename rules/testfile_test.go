package rules

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testOf(name, rule string) string {
	return "tests: [{name: " + name + ", event: {interface: vif7.0}, expect: {rule: " + rule + "}}]\n"
}

// TestFilesOfTests: they are read where they are asked for, beside the rules that they are about, and never else.
func TestFilesOfTests(t *testing.T) {
	folder := []string{"a/x.yaml", rule("x"), "a/x.test.yaml", testOf("t", "x"), "a/y.test.yaml", testOf("u", "x"), "a/.z.test.yaml", "bad", "b/y.test.yaml", testOf("v", "x")}
	for _, tc := range []struct {
		name  string
		files []string
		paths []string
		want  []string // read with tests
		rest  []string // and without
	}{
		{"of a folder all", folder, []string{"a"}, []string{"a/x.test.yaml", "a/x.yaml", "a/y.test.yaml"}, []string{"a/x.yaml"}},
		{"a name in an earlier folder replaces", folder, []string{"a", "b"}, []string{"a/x.test.yaml", "a/x.yaml", "a/y.test.yaml"}, []string{"a/x.yaml"}},
		{"of a file the one beside it", folder, []string{"a/x.yaml"}, []string{"a/x.yaml", "a/x.test.yaml"}, []string{"a/x.yaml"}},
		{"of tests the rules beside them", folder, []string{"a/x.test.yaml"}, []string{"a/x.yaml", "a/x.test.yaml"}, nil},
		{"both named", folder, []string{"a/x.test.yaml", "a/x.yaml"}, []string{"a/x.yaml", "a/x.test.yaml"}, []string{"a/x.yaml"}},
		{"rules without tests", []string{"x.yaml", rule("x")}, []string{"x.yaml"}, []string{"x.yaml"}, []string{"x.yaml"}},
		{"tests without rules of their name", folder, []string{"a/x.yaml", "a/y.test.yaml"}, []string{"a/x.yaml", "a/x.test.yaml", "a/y.test.yaml"}, []string{"a/x.yaml"}},
		{"masked in a folder", []string{"a/x.test.yaml", "", "b/x.test.yaml", "bad", "b/x.yaml", rule("x")}, []string{"a", "b"}, []string{"b/x.yaml"}, []string{"b/x.yaml"}},
		{"a link to /dev/null beside a file", []string{"x.yaml", rule("x"), "x.test.yaml", "->/dev/null"}, []string{"x.yaml"}, []string{"x.yaml"}, []string{"x.yaml"}},
		{"a file of another ending has none", []string{"rules", rule("x"), "rules.test.yaml", "bad"}, []string{"rules"}, []string{"rules"}, []string{"rules"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, tc.files...)
			var paths []string
			for _, p := range tc.paths {
				paths = append(paths, filepath.Join(root, p))
			}
			for _, run := range []struct {
				tests bool
				want  []string
			}{{true, tc.want}, {false, tc.rest}} {
				set, rep := Load(Options{Paths: paths, Tests: run.tests})
				if set == nil {
					t.Fatalf("tests %t: problems:\n%s", run.tests, render(t, rep))
				}
				var got []string
				for _, f := range set.Files {
					got = append(got, strings.TrimPrefix(f, root+"/"))
				}
				if diff := cmp.Diff(run.want, got); diff != "" {
					t.Errorf("tests %t: files (-want +got):\n%s", run.tests, diff)
				}
				if !run.tests && len(set.Tests) > 0 {
					t.Errorf("%d tests were read, and none were asked for", len(set.Tests))
				}
			}
		})
	}
}

// TestFilesOfTestsHoldTestsAlone: what such a file would put in force nobody would ever see in force.
func TestFilesOfTestsHoldTestsAlone(t *testing.T) {
	files := mapFS("x.yaml", rule("x"), "x.test.yaml", testOf("t", "x")+"guests: [{domain: a, ip: 192.0.2.1}]\nrules: []\n")
	_, rep := Load(Options{FS: files, Paths: []string{"x.yaml"}, Tests: true})
	want := `x.test.yaml:2:1: error[VIF101]: unknown key "guests" in a file of tests
  guests: [{domain: a, ip: 192.0.2.1}]
  ^~~~~~
hint: keys are: tests
x.test.yaml:3:1: error[VIF101]: unknown key "rules" in a file of tests
  rules: []
  ^~~~~
hint: keys are: tests
`
	got := render(t, rep)
	for _, line := range strings.Split(want, "\n") {
		if !strings.Contains(got, strings.TrimSpace(line)) {
			t.Errorf("not said: %q\n%s", line, got)
		}
	}
	// Named where they are not read, they are passed over aloud.
	set, rep := Load(Options{FS: files, Paths: []string{"x.yaml", "x.test.yaml"}})
	if set == nil || len(rep.Problems) != 1 || rep.Problems[0].String() != "x.test.yaml: warning[VIF015]: not read: a file of this name holds tests, which only vifd test and vifd check read" {
		t.Errorf("problems:\n%s", render(t, rep))
	}
}

// A FIFO beside a file must not make anybody wait for a writer: were it opened, this test would not end.
func TestFIFOBesideRules(t *testing.T) {
	root := tree(t, "x.yaml", rule("x"))
	mkfifo(t, filepath.Join(root, "x.test.yaml"))
	set, rep := Load(Options{Paths: []string{filepath.Join(root, "x.yaml")}, Tests: true})
	if set != nil || rep.Errors() != 1 || rep.Problems[0].Msg != "not a regular file" {
		t.Errorf("got:\n%s", render(t, rep))
	}
}
