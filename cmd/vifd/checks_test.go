package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/rules"
)

const checksDocument = "../../docs/checks.md"

// special are the examples that a document cannot hold, or that another host would answer otherwise: what is checked instead, given
// what the document shows.
var special = map[string]func(t *testing.T, text string) string{
	"VIF001": func(t *testing.T, _ string) string { return checked(t, "check", "absent.yaml") },
	"VIF002": func(t *testing.T, _ string) string { return fileChecked(t, "rules: # \xc4rger\n") },
	"VIF003": func(t *testing.T, _ string) string {
		return fileChecked(t, "rules:\n  - {name: we\ab, match: {interface: \"vif*\"}, block: true}\n")
	},
	"VIF004": func(t *testing.T, _ string) string { return fileChecked(t, strings.Repeat("#\n", 3<<20)) },
	"VIF015": func(t *testing.T, _ string) string {
		write(t, "rules.d/web.yml", "rules: []\n", 0o644)
		return checked(t, "check", "rules.d")
	},
	rules.CodeRefused: func(t *testing.T, text string) string {
		return refused(t, text, &nft.Error{Errno: syscall.EOPNOTSUPP})
	},
	rules.CodeLacking: func(t *testing.T, text string) string {
		return refused(t, text, &firewall.Lack{Family: firewall.Bridge, Module: "nf_conntrack_bridge", Option: "CONFIG_NF_CONNTRACK_BRIDGE"})
	},
	rules.CodeNoBridge:  envChecked,
	rules.CodeNoUplink:  envChecked,
	rules.CodeNoProgram: envChecked,
	rules.CodeWritable: func(t *testing.T, text string) string {
		write(t, "rules.yaml", text, 0o666)
		return checked(t, "check", "--env", "rules.yaml")
	},
	rules.CodeProgramOpen: func(t *testing.T, text string) string {
		// A folder whose name is as long as that in the document, so that the marks are.
		const shown = "/usr/local/lib"
		dir := fmt.Sprintf("/tmp/v%08x", os.Getpid())
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		write(t, dir+"/announce", "#!/bin/true\n", 0o777)
		return strings.ReplaceAll(envChecked(t, strings.ReplaceAll(text, shown, dir)), dir, shown)
	},
	rules.CodeNoFeature: func(t *testing.T, text string) string {
		set, report := loaded(t, text)
		e := envCheck{set: set}
		if err := e.lacks(bridge.ErrNoVLANs, true, set.Rules[0].Action.Pos); err != nil {
			t.Fatal(err)
		}
		report.AddAll(e.found)
		return problemText(report)
	},
}

// write writes a file below the working folder, with just these permissions.
func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func checked(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := cli(t, "", args...)
	if code > exitFailed || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	return out
}

func fileChecked(t *testing.T, text string) string {
	t.Helper()
	write(t, "rules.yaml", text, 0o600)
	return checked(t, "check", "rules.yaml")
}

func envChecked(t *testing.T, text string) string {
	t.Helper()
	write(t, "rules.yaml", text, 0o600)
	return checked(t, "check", "--env", "rules.yaml")
}

func loaded(t *testing.T, text string) (*rules.Set, *rules.Report) {
	t.Helper()
	write(t, "rules.yaml", text, 0o600)
	c := command{}
	set, report := c.load([]string{"rules.yaml"})
	if set == nil {
		t.Fatalf("not loaded: %s", report.First())
	}
	return set, report
}

// refused is what is said where the kernel refuses the statement of the one template.
func refused(t *testing.T, text string, err error) string {
	t.Helper()
	set, report := loaded(t, text)
	report.Add(refusalProblem(err, set.Templates["t"].FromGuest[0].Pos))
	return problemText(report)
}

var (
	checkHeading = regexp.MustCompile(`(?m)^### (VIF\d{3}): (.*)$`)
	yamlBlock    = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	outputBlock  = regexp.MustCompile("(?s)\n```\n(.*?)```\n")
)

// TestChecksDocument: every code has a section, every section a code, and what it shows is what vifd prints. With -update it writes
// the outputs anew, and nothing else.
func TestChecksDocument(t *testing.T) {
	data, err := os.ReadFile(checksDocument)
	if err != nil {
		t.Fatal(err)
	}
	document, err := filepath.Abs(checksDocument)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	at := checkHeading.FindAllStringSubmatchIndex(text, -1)
	var titles []rules.Code
	written := text[:at[0][0]]
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		id := text[m[2]:m[3]]
		code, err := rules.LookupCode(id)
		if err != nil {
			t.Errorf("a section about %s: %v", id, err)
			continue
		}
		titles = append(titles, rules.Code{ID: id, Title: text[m[4]:m[5]], Severity: code.Severity})
		section := text[m[0]:end]
		t.Run(id, func(t *testing.T) { section = runSection(t, code, section) })
		written += section
	}
	if diff := cmp.Diff(rules.Codes(), titles); diff != "" {
		t.Errorf("the document's sections are not the codes (-want +got):\n%s", diff)
	}
	if *update {
		if err := os.WriteFile(document, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// runSection compares a section's output with what its example gives, and returns the section with the latter.
func runSection(t *testing.T, code rules.Code, section string) string {
	t.Chdir(t.TempDir())
	example, behind := "", 0
	if m := yamlBlock.FindStringSubmatchIndex(section); m != nil {
		example, behind = section[m[2]:m[3]], m[1]
	}
	run := special[code.ID]
	if run == nil {
		run = fileChecked
	}
	got := run(t, example)
	if !strings.Contains(got, fmt.Sprintf("%s[%s]: ", code.Severity, code.ID)) {
		t.Errorf("the example shows no %s %s, but\n%s", code.Severity, code.ID, got)
	}
	// What else it shows would be explained in another section.
	for _, m := range regexp.MustCompile(`\[(VIF\d{3})\]: `).FindAllStringSubmatch(got, -1) {
		if m[1] != code.ID && code.ID+m[1] != "VIF010VIF102" { // nothing that is nested so deeply has the right type
			t.Errorf("the example shows %s as well:\n%s", m[1], got)
		}
	}
	m := outputBlock.FindStringSubmatchIndex(section[behind:])
	if m == nil {
		t.Fatal("no output is shown")
	}
	from, to := behind+m[2], behind+m[3]
	if diff := cmp.Diff(section[from:to], got); diff != "" && !*update {
		t.Errorf("the document shows another output (-document +vifd):\n%s", diff)
	}
	return section[:from] + got + section[to:]
}

// TestExplainCode prints a section, and for a code that there is none of what may be meant.
func TestExplainCode(t *testing.T) {
	for _, code := range rules.Codes() {
		out, errs, exit := cli(t, "", "check", "--explain", strings.ToLower(code.ID))
		if exit != exitDone || !strings.HasPrefix(out, code.ID+": "+code.Title+"\n") || strings.Contains(out, "\n#") || errs != "" {
			t.Errorf("--explain %s: exit %d, %s%s", code.ID, exit, out, errs)
		}
	}
	if _, errs, code := cli(t, "", "check", "--explain", "VIF50l"); code != exitUsage || !strings.Contains(errs, "did you mean VIF50") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
