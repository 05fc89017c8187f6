package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const committedPages = "../../dist/man"

// TestManPagesAreCommitted compares the pages, and docs/commands.md, with what the verbs say today. With -update they are written.
func TestManPagesAreCommitted(t *testing.T) {
	dir := t.TempDir()
	if *update {
		dir = committedPages
		old, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, errs, code := cli(t, "", "man", "--dir", dir, "--manual", "../../docs/rules.md"); code != exitDone || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	pages := func(dir string) map[string]string {
		files, err := filepath.Glob(dir + "/*")
		if err != nil || len(files) < 20 {
			t.Fatalf("%s: %d pages, %v", dir, len(files), err)
		}
		texts := map[string]string{}
		for _, name := range files {
			texts[filepath.Base(name)] = readText(t, name)
		}
		return texts
	}
	if diff := cmp.Diff(pages(committedPages), pages(dir)); diff != "" {
		t.Errorf("dist/man (-committed +made):\n%s", diff)
	}
	out, _, code := cli(t, "", "man", "--markdown")
	if *update {
		putFile(t, "../../docs/commands.md", out, 0o644)
	}
	if diff := cmp.Diff(readText(t, "../../docs/commands.md"), out); diff != "" || code != exitDone {
		t.Errorf("docs/commands.md: exit %d (-committed +made):\n%s", code, diff)
	}
}

// TestManPagesAreRoff has groff and mandoc read the pages: neither has anything to say of them.
func TestManPagesAreRoff(t *testing.T) {
	files, err := filepath.Glob(committedPages + "/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, name := range files {
		out, err := exec.CommandContext(t.Context(), "groff", "-man", "-t", "-ww", "-z", "-Tutf8", "-rLL=100n", name).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("groff: %v\n%s", err, out)
		}
		// Its exit code counts the date as well, which a page that is made again and again has not.
		out, err = exec.CommandContext(t.Context(), "mandoc", "-T", "lint", "-W", "warning", name).Output()
		lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(l string) bool { return l == "" || strings.Contains(l, "missing date") })
		if len(lines) > 0 || err == nil && len(out) > 0 {
			t.Errorf("mandoc: %v\n%s", err, strings.Join(lines, "\n"))
		}
	}
}

// TestManShows has a page set, and looks for what a reader looks for.
func TestManShows(t *testing.T) {
	for _, tt := range []struct {
		page string
		want []string
	}{
		{"vifd.8", []string{"vifd - connect virtual machines", "/etc/vifd/rules.d", "EXIT STATUS", "NO_COLOR", "SIGHUP", "vifd-check(8)", "--log-format"}},
		{"vifd-network.8", []string{"vifd network try NAME", "--timeout TIME", "--snapshots FOLDER"}},
		{"vifd-rules.5", []string{"match: {interface: \"vif*\", domain: [\"web-*\", www]", "key of nat", "the numbers in vif<domid>.<vifid>", "- tcp dport $ports accept"}},
	} {
		cmd := exec.CommandContext(t.Context(), "groff", "-man", "-t", "-Tutf8", "-P-cbou", "-rLL=150n", filepath.Join(committedPages, tt.page))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			// What is copied from a page has to be what was typed: groff sets \- as a minus sign of ASCII's.
			if !strings.Contains(strings.ReplaceAll(string(out), "\u2212", "-"), want) {
				t.Errorf("%s does not show %q:\n%s", tt.page, want, out)
			}
		}
	}
}

func TestManExitCodes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"man"}, exitDone, ""},
		{[]string{"man", "check"}, exitDone, ""},
		{[]string{"man", "lisen"}, exitUsage, `no verb "lisen"`},
		{[]string{"man", "check", "--markdown"}, exitUsage, "--markdown"},
		{[]string{"man", "--dir", "x", "--markdown"}, exitUsage, "markdown"},
		{[]string{"man", "--manual", "x"}, exitUsage, "--dir"},
		{[]string{"man", "--dir", "testdata/absent"}, exitFailed, "absent"},
		{[]string{"man", "--dir", "testdata/absent", "--manual", "nowhere"}, exitFailed, "nowhere"},
	} {
		if _, errs, code := cli(t, "", tt.args...); code != tt.code || !strings.Contains(errs, tt.say) {
			t.Errorf("vifd %q: exit %d, want %d; %s", tt.args, code, tt.code, errs)
		}
	}
}
