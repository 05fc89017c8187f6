package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// makeInstall has make install, or uninstall, work below dir, with this binary as the program, and returns what it lists.
func makeInstall(t *testing.T, dir, prefix, target string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "make", "-s", "--no-print-directory", "-C", "../..", target, "DESTDIR="+dir, "PREFIX="+prefix, "VIFD="+self)
	cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0", "MAKEFLAGS=") // it may be a make that runs the tests
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("make %s: %v\n%s%s", target, err, out, errs.String())
	}
	return strings.Fields(string(out))
}

// filesBelow are the files below a folder, by name, and their modes.
func filesBelow(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	files := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files[name] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestInstall: all that is shipped gets to its place, as it is; a second time changes nothing; each file is listed, and taken away again.
func TestInstall(t *testing.T) {
	dir := t.TempDir()
	listed := makeInstall(t, dir, "/usr", "install")
	files := filesBelow(t, dir)
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(files)), listed); diff != "" {
		t.Fatalf("files (-there +listed):\n%s", diff)
	}
	at := func(place string) string { return readText(t, filepath.Join(dir, place)) }
	same := func(pattern, folder string) {
		sources, err := filepath.Glob("../../" + pattern)
		if err != nil || len(sources) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, source := range sources {
			if diff := cmp.Diff(readText(t, source), at(filepath.Join(folder, filepath.Base(source)))); diff != "" {
				t.Errorf("%s (-shipped +installed):\n%s", source, diff)
			}
		}
	}
	same("dist/*.service", "/usr/lib/systemd/system")
	for _, kind := range []string{"rules", "network", "conf", "json"} {
		same("dist/*."+kind, "/usr/share/vifd")
	}
	same("dist/man/*.8", "/usr/share/man/man8")
	same("dist/man/*.5", "/usr/share/man/man5")
	same("docs/*.md", "/usr/share/doc/vifd")
	same("rules.d/*.yaml", "/usr/lib/vifd/rules.d") // where vifd looks for them
	for shell, place := range map[string]string{
		"bash": "/usr/share/bash-completion/completions/vifd", "zsh": "/usr/share/zsh/site-functions/_vifd", "fish": "/usr/share/fish/vendor_completions.d/vifd.fish",
	} {
		if out, _, _ := cli(t, "", "completion", shell); out == "" || out != at(place) {
			t.Errorf("%s is not the script for %s", place, shell)
		}
	}
	for name, mode := range files {
		want := fs.FileMode(0o644)
		if strings.Contains(name, "/bin/") {
			want = 0o755
		}
		if mode != want {
			t.Errorf("%s has mode %v, want %v", name, mode, want)
		}
	}

	own := filepath.Join(dir, "usr/lib/vifd/rules.d/50-mine.yaml")
	putFile(t, own, "# mine\n", 0o644)
	again := makeInstall(t, dir, "/usr", "install")
	gone := makeInstall(t, dir, "/usr", "uninstall")
	slices.Sort(again)
	slices.Sort(gone)
	if !slices.Equal(again, listed) || !slices.Equal(gone, listed) {
		t.Errorf("installed\n%q\nagain\n%q\nand gone\n%q", listed, again, gone)
	}
	if left := filesBelow(t, dir); len(left) != 1 || left[own] == 0 {
		t.Errorf("uninstall has left %v, want what is not vifd's: %s", left, own)
	}
	if gone := makeInstall(t, dir, "/usr", "uninstall"); len(gone) > 0 {
		t.Errorf("a second uninstall took %q", gone)
	}
}

// TestInstallBelowPrefix: who installs elsewhere gets units and udev rules that name the program there, and rules where vifd reads them.
func TestInstallBelowPrefix(t *testing.T) {
	dir := t.TempDir()
	makeInstall(t, dir, "/usr/local", "install")
	program := regexp.MustCompile(`(?m)(?:^Exec\w+=|RUN\+=")(\S+) `)
	found := 0
	for _, pattern := range []string{"lib/systemd/system/*", "share/vifd/*.rules"} {
		names, err := filepath.Glob(filepath.Join(dir, "usr/local", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			for _, m := range program.FindAllStringSubmatch(readText(t, name), -1) {
				found++
				if _, err := os.Stat(filepath.Join(dir, m[1])); err != nil {
					t.Errorf("%s runs %s: %v", name, m[1], err)
				}
			}
		}
	}
	if found < 7 {
		t.Errorf("units and udev rules run %d programs", found)
	}
	if _, err := os.Stat(filepath.Join(dir, "usr/lib/vifd/rules.d/90-default.yaml")); err != nil {
		t.Error(err)
	}
}
