package main

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"vifd/internal/ctl"
	"vifd/rules"
)

func TestGraph(t *testing.T) {
	for _, form := range graphForms() {
		out, errs, code := cli(t, "", "graph", "--rules", "testdata/complete.yaml", "-o", form)
		if code != exitDone || errs != "" {
			t.Errorf("exit %d, %s", code, errs)
		}
		golden(t, "graph-"+form, out)
	}
	byDefault, _, _ := cli(t, "", "graph", "--rules", "testdata/complete.yaml")
	if !strings.HasPrefix(byDefault, "flowchart") {
		t.Errorf("by default: %s", byDefault)
	}
	part, _, _ := cli(t, "", "graph", "--rules", "testdata/complete.yaml", "web-only")
	golden(t, "graph-part", part)
	for _, tt := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"-o", "text"}, exitUsage, "mermaid, dot, json"},
		{[]string{"nobody"}, exitUsage, `called "nobody"`},
		{[]string{"--rules", "testdata/bad.yaml"}, exitCannot, "errors"},
		{[]string{"--live", "--state", "testdata/nowhere"}, exitDone, ""},
	} {
		if _, errs, code := cli(t, "", append([]string{"graph", "--rules", "testdata/complete.yaml"}, tt.args...)...); code != tt.code || !strings.Contains(errs, tt.say) {
			t.Errorf("%q: exit %d, want %d; %s", tt.args, code, tt.code, errs)
		}
	}
}

// hostileNames mean something in one of the forms.
var hostileNames = []string{
	`a"] --> b["c`, `a"; evil [label="x`, `\`, `\" x`, `\N\G\l`, "<b>x</b><script>", "&lt;&amp;", "`id`", "#quot;", "a\nb", "%% c", "]])}", "\x1b[31m", "日本", "end", "|", "**a**",
}

// TestGraphQuotes: whatever a name holds, it stays in its label. Graphviz reads the result, and says what it has read.
func TestGraphQuotes(t *testing.T) {
	g := newGraph(&rules.Set{})
	var vifs []ctl.VifStatus
	for _, name := range hostileNames {
		vifs = append(vifs, ctl.VifStatus{Interface: name, State: "configured", Rule: name})
	}
	g.addVifs(vifs)
	cmd := exec.CommandContext(t.Context(), "dot", "-T", "dot_json")
	cmd.Stdin = strings.NewReader(g.dot())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("dot: %v\n%s", err, g.dot())
	}
	var read struct {
		Objects []struct{ Name, Label string }
		Edges   []struct{}
	}
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Objects) != len(g.Nodes) || len(read.Edges) != len(g.Edges) {
		t.Errorf("dot read %d nodes and %d edges, want %d and %d", len(read.Objects), len(read.Edges), len(g.Nodes), len(g.Edges))
	}
	plain := strings.NewReplacer(`\\`, `\`, "&amp;", "&") // what a renderer makes of a label
	for i, o := range read.Objects {
		if got, want := plain.Replace(o.Label), printable(g.Nodes[i].label()); got != want {
			t.Errorf("a label is %q, want %q", got, want)
		}
	}
	line := regexp.MustCompile(`^(flowchart LR|    n\d+(\[|\(\()"[\pL\d .:/,()#;-]*"(\]|\)\))|    n\d+ --> n\d+)$`)
	entity := regexp.MustCompile(`#\d+;`)
	for l := range strings.Lines(g.mermaid()) {
		if l = strings.TrimSuffix(l, "\n"); !line.MatchString(l) || strings.Contains(entity.ReplaceAllString(l, ""), "#") {
			t.Errorf("mermaid: %q", l)
		}
	}
}

// TestGraphLive draws a listener's vifs.
func TestGraphLive(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	p := h.listen(t)
	h.waitState(t, "configured", "vif1.0")
	out, errs, code := h.run(t, "graph", "--live", "-o", "dot")
	if code != exitDone || !strings.Contains(out, `[shape=circle, label="vif1.0 (configured)"]`) {
		t.Errorf("exit %d, %s\n%s", code, errs, out)
	}
	stop(t, p)
}
