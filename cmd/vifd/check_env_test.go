package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckEnv holds rules against a host that changes: what does not exist is said, and nothing once it does.
func TestCheckEnv(t *testing.T) {
	t.Parallel()
	h := newHost(t, `
networks:
  wan: {route: {uplink: uplnk0}}
  made: {bridge: {create: true}}
rules:
  - {name: a, match: {domid: 1}, bridge: br-x, firewall: source-guard}
  - {name: b, match: {domid: 2}, bridge: made, firewall: source-guard}
  - {name: c, match: {domid: 3}, bridge: {name: br-y, create: true}, firewall: source-guard}
  - {name: d, match: {domid: 4}, bridge: "${bridge:-br-z}", firewall: source-guard}
  - {name: e, match: {domid: 5}, route: wan, firewall: source-guard}
`)
	check := func(want ...string) {
		t.Helper()
		out, errs, code := h.run(t, "check", "--env", h.rules)
		if code != exitDone || errs != "" || strings.Count(out, "warning[VIF60") != len(want) {
			t.Errorf("exit %d, want %d warnings:\n%s%s", code, len(want), out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("nobody says %q:\n%s", w, out)
			}
		}
	}
	check(`no bridge "br-x"`, `no interface "uplnk0"`)
	h.Run(t, "ip", "link", "add", "br-x", "type", "veth", "peer", "name", "other0")
	h.Run(t, "ip", "link", "add", "uplnk0", "type", "veth", "peer", "name", "other1")
	check(`"br-x" is an interface of this host, and no bridge`)
	h.Run(t, "ip", "link", "del", "br-x")
	h.Run(t, "ip", "link", "add", "br-x", "type", "bridge")
	check()
}

// TestCheckEnvAsksTheKernel what it has for VLANs and rates, and leaves nothing behind. Without the right to, it says so.
func TestCheckEnvAsksTheKernel(t *testing.T) {
	t.Parallel()
	h := newHost(t, `
rules:
  - {name: a, match: {domid: 1}, bridge: {name: br-y, create: true, vlan: {untagged: 10}}, firewall: source-guard}
  - {name: b, match: {domid: 2}, bridge: {name: br-y, create: true}, firewall: source-guard, rate: {from-guest: 1mbit, to-guest: 1mbit}}
`)
	before := h.Run(t, "ip", "-o", "link")
	out, errs, code := h.run(t, "check", "--env", h.rules)
	_, verr := h.Command("ip", "link", "add", "br-o", "type", "bridge", "vlan_filtering", "1").CombinedOutput()
	if lacks := strings.Contains(out, "cannot filter VLANs"); code != exitDone || errs != "" || lacks != (verr != nil) {
		t.Errorf("exit %d, and ip says of VLANs %v:\n%s%s", code, verr, out, errs)
	}
	if verr == nil {
		h.Run(t, "ip", "link", "del", "br-o")
	}
	if after := h.Run(t, "ip", "-o", "link"); after != before {
		t.Errorf("a check has left\n%s\nwhere there was\n%s", after, before)
	}
	cmd := h.Command("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", h.self, "check", "--env", h.rules)
	cmd.Env = h.vifd().Env
	said, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != exitCannot || !strings.Contains(string(said), "CAP_NET_ADMIN") {
		t.Errorf("without capabilities: exit %d, %s", cmd.ProcessState.ExitCode(), said)
	}
}

func TestWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		mode os.FileMode
		want string
	}{
		{name, 0o644, ""},
		{name, 0o755, ""},
		{name, 0o664, "its group"},
		{name, 0o646, "everybody"},
		{dir, 0o755, ""},
		{dir, 0o770, "its group"},
		{dir, 0o777, "everybody"},
		{dir, 0o777 | os.ModeSticky, ""},
	} {
		if err := os.Chmod(tt.name, tt.mode); err != nil {
			t.Fatal(err)
		}
		if got := writers(tt.name); got != tt.want {
			t.Errorf("mode %v: %q, want %q", tt.mode, got, tt.want)
		}
	}
	if got := writers(filepath.Join(dir, "absent")); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
