package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"vifd/internal/ctl"
)

// TestTestsKeepNoRulesOut: rules whose tests are wrong in every way are loaded by all that put rules in force or tell of them, and only
// a linter refuses them. Each verb's own answer shows that it has read them.
func TestTestsKeepNoRulesOut(t *testing.T) {
	t.Parallel()
	stale, err := os.ReadFile("testdata/tests-stale.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, string(stale)+"guests: [{interface: vif7.0, mac: \"00:16:3e:00:00:07\"}]\n")
	h.Guest(t, "vif7.0", "00:16:3e:00:00:07")
	if errs, code := h.event(t, "add", "vif7.0", h.ifindex(t, "vif7.0")); code != exitFailed || !strings.Contains(errs, "br1") {
		t.Errorf("handle: exit %d: %s", code, errs)
	}
	p := h.listen(t)
	for _, tt := range []struct {
		args []string
		say  string
	}{
		{[]string{"reload"}, ""},
		{[]string{"status"}, "rest"},
		{[]string{"plan", "vif7.0"}, ""},
		{[]string{"explain", "vif7.0"}, "rule rest"},
		{[]string{"cat"}, "renamed"},
		{[]string{"graph"}, "rest"},
	} {
		out, errs, code := h.run(t, tt.args...)
		if code == exitCannot || code == exitUsage || !strings.Contains(out+errs, tt.say) || strings.Contains(out+errs, "VIF") {
			t.Errorf("%q: exit %d: %s%s", tt.args, code, out, errs)
		}
	}
	stop(t, p)
	if out, errs, _ := h.run(t, "sync"); !strings.Contains(out+errs, "br1") || strings.Contains(out+errs, "VIF") {
		t.Errorf("sync: %s%s", out, errs)
	}
	if out, errs, code := h.run(t, "check", h.rules); code != exitFailed || !strings.Contains(out, "error[VIF213]") {
		t.Errorf("check: exit %d: %s%s", code, out, errs)
	}
}

// TestStatusOrder: vifs stand in the order of their names, and numbers in these count as numbers.
func TestStatusOrder(t *testing.T) {
	t.Parallel()
	order := []string{"eth0", "vif", "vif1.0", "vif1.0-emu", "vif2.0", "vif02.1", "vif2.1", "vif2.10", "vif10.0", "vif10.1", "vif99999999999999999999.0", "w"}
	for i, a := range order {
		for j, b := range order {
			if got := byName(a, b); got < 0 != (i < j) || got == 0 != (i == j) {
				t.Errorf("byName(%q, %q) = %d", a, b, got)
			}
		}
	}
	h := newHost(t, "rules: [{name: all, match: {interface: \"vif*\"}, block: true}]\n")
	want := []string{"vif2.0", "vif10.0", "vif10.1"}
	for _, name := range []string{"vif10.1", "vif10.0", "vif2.0"} {
		h.Guest(t, name, "00:16:3e:00:00:07")
		if errs, code := h.event(t, "add", name, h.ifindex(t, name)); code != exitDone {
			t.Fatalf("handle %s: exit %d: %s", name, code, errs)
		}
	}
	names := func() string {
		out, errs, code := h.run(t, "status", "-o", "json")
		var st ctl.Status
		if err := json.Unmarshal([]byte(out), &st); err != nil || code != exitDone {
			t.Fatalf("status: exit %d, %v: %s%s", code, err, out, errs)
		}
		var list []string
		for i := range st.Vifs {
			list = append(list, st.Vifs[i].Interface)
		}
		return strings.Join(list, " ")
	}
	if got := names(); got != strings.Join(want, " ") {
		t.Errorf("without a listener: %s", got)
	}
	p := h.listen(t)
	h.waitState(t, "blocked", want...)
	if got := names(); got != strings.Join(want, " ") {
		t.Errorf("with one: %s", got)
	}
	stop(t, p)
}
