package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	uglyRules   = "rules:\r\n- {name: 'a',   match: {interface: \"vif*\"}, ignore: true}   \r\n"
	prettyRules = "rules:\n  - {name: a, match: {interface: \"vif*\"}, ignore: true}\n"
)

func putFile(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFmtPrints(t *testing.T) {
	file := putFile(t, filepath.Join(t.TempDir(), "a.yaml"), uglyRules, 0o644)
	for _, tt := range []struct {
		name, stdin string
		args        []string
		out, say    string
		code        int
	}{
		{"file", "", []string{file}, prettyRules, "", exitDone},
		{"standard input", uglyRules, []string{"-"}, prettyRules, "", exitDone},
		{"check", "", []string{"--check", file}, file + "\n", "", exitFailed},
		{"check of what is formatted", prettyRules, []string{"--check", "-"}, "", "", exitDone},
		{"check of standard input", uglyRules, []string{"--check", "-"}, "<stdin>\n", "", exitFailed},
		{"no file", "", nil, "", "takes FILE|FOLDER|-…, and got nothing", exitUsage},
		{"two files", "", []string{file, file}, "", "2 files: use --write, --check or --diff", exitUsage},
		{"write and check", "", []string{"-w", "--check", file}, "", "--check and --diff do not", exitUsage},
		{"not YAML", "a: [", []string{"-"}, "", "<stdin>:1:4: error[VIF005]: not YAML", exitFailed},
		{"an anchor", "a: &b c", []string{"-"}, "", "VIF008", exitFailed},
		{"no such file", "", []string{"testdata/absent.yaml"}, "", "absent.yaml", exitFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := cli(t, tt.stdin, append([]string{"fmt"}, tt.args...)...)
			if out != tt.out || code != tt.code || !strings.Contains(errs, tt.say) || tt.say == "" && errs != "" {
				t.Errorf("exit %d, want %d\nstdout %q, want %q\nstderr %q, want %q", code, tt.code, out, tt.out, errs, tt.say)
			}
		})
	}
	if got := readText(t, file); got != uglyRules {
		t.Errorf("without --write the file became %q", got)
	}
	diff, _, code := cli(t, uglyRules, "fmt", "--diff", "-")
	want := "--- <stdin>\n+++ <stdin>\n@@ -1,2 +1,2 @@\n-" + strings.Join(strings.SplitAfter(uglyRules, "\n")[:2], "-") + "+" + strings.Join(strings.SplitAfter(prettyRules, "\n")[:2], "+")
	if diff := cmp.Diff(want, diff); diff != "" || code != exitDone {
		t.Errorf("--diff: exit %d (-want +got):\n%s", code, diff)
	}
}

// TestFmtWrites: what changes is another file in the place of the old one, with its mode; what does not change, or cannot, is left as
// it is; a link stays one, and what masks a file stays empty.
func TestFmtWrites(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	putFile(t, in("a.yaml"), uglyRules, 0o640)
	putFile(t, in("good.yaml"), prettyRules, 0o644)
	putFile(t, in("broken.yaml"), "a: [\n", 0o644)
	putFile(t, in(".hidden.yaml"), uglyRules, 0o644)
	putFile(t, in("notes.txt"), uglyRules, 0o644)
	putFile(t, in("empty.yaml"), "", 0o644)
	elsewhere := putFile(t, filepath.Join(t.TempDir(), "x"), uglyRules, 0o600)
	for name, to := range map[string]string{"link.yaml": elsewhere, "masked.yaml": os.DevNull} {
		if err := os.Symlink(to, in(name)); err != nil {
			t.Fatal(err)
		}
	}
	inode := func(name string) uint64 {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	old, good := inode(in("a.yaml")), inode(in("good.yaml"))
	held, err := os.Open(in("a.yaml")) // keeps the old file's inode from being given to the new one
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, errs, code := cli(t, "", "fmt", "-w", dir)
	if code != exitFailed || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, in("broken.yaml")+":") {
		t.Errorf("exit %d, %s", code, errs)
	}
	for name, want := range map[string]string{
		"a.yaml": prettyRules, "good.yaml": prettyRules, "broken.yaml": "a: [\n", ".hidden.yaml": uglyRules, "notes.txt": uglyRules, "empty.yaml": "", "link.yaml": prettyRules, "masked.yaml": "",
	} {
		if got := readText(t, in(name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if inode(in("a.yaml")) == old || inode(in("good.yaml")) != good {
		t.Error("a file was written over, or one that does not change was written")
	}
	for name, want := range map[string]os.FileMode{in("a.yaml"): 0o640, elsewhere: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	for _, name := range []string{"link.yaml", "masked.yaml"} {
		if info, err := os.Lstat(in(name)); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v", name, err)
		}
	}
	if left, err := filepath.Glob(in(".vifd-fmt*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if out, _, code := cli(t, "", "fmt", "--check", dir); out != "" || code != exitFailed {
		t.Errorf("afterwards --check says %q, exit %d", out, code)
	}
}

func TestSchemaIsTheCommitted(t *testing.T) {
	out, errs, code := cli(t, "", "schema")
	if code != exitDone || errs != "" {
		t.Errorf("exit %d, %s", code, errs)
	}
	if diff := cmp.Diff(readText(t, "../../dist/vifd.schema.json"), out); diff != "" {
		t.Errorf("(-committed +printed):\n%s", diff)
	}
}
