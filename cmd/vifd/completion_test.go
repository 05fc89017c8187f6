package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// complete asks as the scripts of the shells do, and returns the words without their descriptions.
func complete(t *testing.T, args ...string) []string {
	t.Helper()
	out, _, code := cli(t, "", append([]string{"__complete"}, args...)...)
	if code != exitDone {
		t.Fatalf("exit %d", code)
	}
	words := []string{}
	for line := range strings.Lines(out) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		words = append(words, word)
	}
	return words[:len(words)-1] // the last line says what the shell is to do
}

func TestCompletion(t *testing.T) {
	const rules = "testdata/complete.yaml"
	for _, tt := range []struct {
		args []string
		want []string // all of them, unless some ends the list
		some bool
	}{
		{[]string{"gra"}, []string{"graph"}, false},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish", "powershell"}, false},
		{[]string{"network", "start", "--rules", rules, ""}, []string{"lan", "xenbr0"}, false},
		{[]string{"network", "confirm", "--rules", rules, "x"}, []string{"xenbr0"}, false},
		{[]string{"graph", "--rules", rules, "w"}, []string{"web", "web-only"}, false},
		{[]string{"graph", "--rules", rules, "source"}, []string{"source-guard"}, false},
		{[]string{"graph", "-o", ""}, []string{"mermaid", "dot", "json"}, false},
		{[]string{"status", "-o", ""}, []string{"text", "json"}, false},
		{[]string{"check", "-o", ""}, []string{"text", "json", "sarif", "github"}, false},
		{[]string{"demo", "-o", ""}, []string{"text"}, false},
		{[]string{"events", "--source", ""}, []string{"kernel", "udev"}, false},
		{[]string{"sync", "l"}, []string{"lo"}, true},
		{[]string{"help", "gra"}, []string{"graph"}, false},
		{[]string{"status", "--log-level", "w"}, []string{"warn"}, false},
		{[]string{"explain", "l"}, []string{"lo"}, true},
		{[]string{"plan", "l"}, []string{"lo"}, true},
		{[]string{"explain", "--event", "dom"}, []string{"domid=", "domain="}, false},
		{[]string{"explain", "--event", "e"}, []string{"env."}, false},
		{[]string{"explain", "--rules", rules, "--event", "bridge="}, []string{"bridge=lan", "bridge=xenbr0"}, false},
		{[]string{"explain", "--rules", rules, "--event", "interface=vif1.0", "domain=w"}, []string{"domain=web-1"}, false},
		{[]string{"explain", "--event", "interface=l"}, []string{"interface=lo"}, true},
		{[]string{"test", "--rules", rules, "--run", ""}, []string{"a web guest"}, false},
		{[]string{"check", "--disable", "VIF10"}, []string{"VIF108"}, false},
		{[]string{"check", ""}, []string{"yaml"}, false}, // files of this kind
		{[]string{"status", "--rules", ""}, []string{"yaml"}, false},
		{[]string{"import", "--format", "li"}, []string{"libvirt"}, false},
		{[]string{"listen", "--source", ""}, []string{"kernel", "udev"}, false},
		{[]string{"network", "start", "--rules", "testdata/bad.yaml", ""}, []string{}, false},
	} {
		got := complete(t, tt.args...)
		if tt.some {
			got = slices.DeleteFunc(got, func(w string) bool { return !slices.Contains(tt.want, w) })
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q is completed with %q, want %q", tt.args, got, tt.want)
		}
	}
	// A name that a shell could carry out is not put on its command line.
	for _, word := range complete(t, "graph", "--rules", rules, "") {
		if strings.ContainsAny(word, "$`;|&(") {
			t.Errorf("%q is offered", word)
		}
	}
}

// TestCompletionScripts has the shell itself read its script, where its own is known to be here.
func TestCompletionScripts(t *testing.T) {
	for shell, mark := range map[string]string{"bash": "__start_vifd", "zsh": "#compdef vifd", "fish": "complete -c vifd", "powershell": "Register-ArgumentCompleter"} {
		out, errs, code := cli(t, "", "completion", shell)
		if code != exitDone || errs != "" || !strings.Contains(out, mark) {
			t.Errorf("%s: exit %d, %s", shell, code, errs)
		}
		if shell == "bash" {
			cmd := exec.CommandContext(t.Context(), "bash", "-n")
			cmd.Stdin = strings.NewReader(out)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("bash: %v, %s", err, said)
			}
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		if _, errs, code := cli(t, "", args...); code != exitUsage || errs == "" {
			t.Errorf("%q: exit %d, %s", args, code, errs)
		}
	}
}
