package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSeeing runs every example of docs/seeing.md, on the host that it speaks of.
func TestSeeing(t *testing.T) {
	t.Parallel()
	const doc = "../../docs/seeing.md"
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	rules, _, _ := strings.Cut(after, "```\n")
	h := newHost(t, rules)
	dir := filepath.Dir(h.rules)
	h.Run(t, "ip", "link", "add", "br-lan", "type", "bridge")
	h.Guest(t, "vif7.0", "00:16:3e:00:00:07")
	examples := 0
	got := regexp.MustCompile("(?s)```console\n\\$ (.*?)\n(.*?)```").ReplaceAllStringFunc(string(text), func(block string) string {
		command, _, _ := strings.Cut(strings.TrimPrefix(block, "```console\n$ "), "\n")
		examples++
		out := h.example(t, dir, command)
		return "```console\n$ " + command + "\n" + strings.ReplaceAll(out, h.rules, "/etc/vifd/rules.d/10-rules.yaml") + "```"
	})
	if examples < 8 {
		t.Errorf("found %d examples", examples)
	}
	if *update {
		if err := os.WriteFile(doc, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", doc, diff)
	}
}

// example runs a line of a document in dir, with vifd's rules and state, and returns what it prints.
func (h *host) example(t *testing.T, dir, line string) string {
	t.Helper()
	if strings.HasPrefix(line, "vifd events ") {
		return h.following(t, dir, line)
	}
	cmd := h.Command("sh", "-c", `vifd() { "$SELF" "$@" --rules "$RULES" --state "$STATE"; }; `+line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0", "SELF="+h.self, "RULES="+h.rules, "STATE="+h.state)
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	if strings.HasPrefix(line, "ip link set dev vif7.0 nomaster") && !strings.Contains(string(out), "missing") {
		t.Errorf("%s prints\n%s", line, out)
	}
	return regexp.MustCompile(`\+0\.\d*[1-9]\d*`).ReplaceAllString(string(out), "+0.123456")
}

// following runs vifd events while a guest comes and goes.
func (h *host) following(t *testing.T, dir, line string) string {
	t.Helper()
	cmd := h.vifd(strings.Fields(line)[1:]...)
	cmd.Dir = dir
	p := cmd.Background(t)
	p.WaitOutput(t, "listening")
	h.Guest(t, "vif8.0", "00:16:3e:00:00:08")
	p.WaitOutput(t, "vif8.0") // it has been looked at by now
	h.Unplug(t, "vif8.0")
	if err := p.Err(); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	_, out, _ := strings.Cut(p.Output(), "\n") // the first line is talk
	return regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{6}`).ReplaceAllString(out, "08:47:12.123456")
}
