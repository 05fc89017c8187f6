package xenreplay

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// These tests show what docs/xen.md says of Xen's scripts where no recording and no other test does.

// scriptCall is a call as libxl makes it, for a vif of domain 6 with this configuration besides the least.
func (w *world) scriptCall(t *testing.T, script, command string, keys map[string]string, more ...string) answer {
	t.Helper()
	all := map[string]string{
		"frontend": "/local/domain/6/device/vif/0", "frontend-id": "6", "handle": "0", "mac": "00:16:3e:00:00:06", "bridge": "xenbr0",
	}
	for key, value := range keys {
		if all[key] = value; value == "" {
			delete(all, key)
		}
	}
	w.bring(t, "backend/vif/6/0", all)
	w.introduce(t, all)
	if _, there := w.links(t)[6]; !there {
		w.plug(t, "vif6.0", 6, false)
	}
	c := &call{script: script, args: append([]string{command, "type_if=vif"}, more...), environ: []string{"XENBUS_PATH=backend/vif/6/0", "vif=vif6.0", "ip=192.0.2.66"}}
	return w.call(c)
}

// refused checks that a call failed with a reason, and left the vif shut.
func (w *world) refused(t *testing.T, a answer, words ...string) {
	t.Helper()
	reason := w.nodes(t, dom0("backend/vif/6/0"))["hotplug-error"]
	for _, word := range words {
		if a.code != 1 || a.err != nil || !strings.Contains(a.said, word) || !strings.Contains(reason, word) {
			t.Errorf("exit %d, %v, %q and %q; want both to say %q", a.code, a.err, a.said, reason, word)
		}
	}
	if l := w.links(t)[6]; l.Master != "" || l.Operstate != "DOWN" {
		t.Errorf("the vif is not shut: %+v", l)
	}
}

func (w *world) connectedBy(t *testing.T, a answer) {
	t.Helper()
	status := w.nodes(t, dom0("backend/vif/6/0"))["hotplug-status"]
	if a.code != 0 || a.err != nil || a.said != "" || status != "connected" {
		t.Errorf("exit %d, %v, %q, hotplug-status %q", a.code, a.err, a.said, status)
	}
}

// TestNoBridgeIsGuessed: not the first that there is, and not ethN for xenbrN.
func TestNoBridgeIsGuessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, build(t))
	w.refused(t, w.scriptCall(t, "vif-bridge", "online", map[string]string{"bridge": ""}), "as-vif-bridge", "bridge")
	w.Run(t, "ip", "link", "add", "eth9", "type", "bridge")
	w.refused(t, w.scriptCall(t, "vif-bridge", "online", map[string]string{"bridge": "xenbr9"}), "xenbr9", "eth9")
}

// TestNothingIsEvaluated: what a shell made variables of is text, and an address of the environment is nobody's.
func TestNothingIsEvaluated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, build(t))
	trap := w.scripts + "/trap"
	w.connectedBy(t, w.scriptCall(t, "vif-bridge", "online", nil, "bridge=xenbr1", "ip=192.0.2.99", "x=$(touch "+trap+")"))
	if l := w.links(t)[6]; l.Master != "xenbr0" {
		t.Errorf("an argument has moved it to %q", l.Master)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("a shell has evaluated an argument")
	}
	if guard := w.Run(t, "nft", "list", "table", "bridge", "vifd"); strings.Contains(guard, "192.0.2.") || !strings.Contains(guard, `"vif6.0" . 00:16:3e:00:00:06`) {
		t.Errorf("it is guarded with what the call said, or not at all:\n%s", guard)
	}
}

// uplink gives the host an eth0 that leads nowhere.
func (w *world) uplink(t *testing.T, address string) {
	t.Helper()
	w.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire")
	for _, name := range []string{"eth0", "wire"} {
		w.Run(t, "ip", "link", "set", name, "up")
	}
	if address != "" {
		w.Run(t, "ip", "addr", "add", address, "dev", "eth0")
	}
}

// TestForeignTablesStay: FORWARD is not vifd's, whatever it is called by.
func TestForeignTablesStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, build(t))
	w.uplink(t, "192.0.2.1/24")
	w.Run(t, "nft", "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy accept; }; add rule ip filter FORWARD ip saddr 198.51.100.1 counter drop")
	before := w.Run(t, "nft", "list", "table", "ip", "filter")
	for _, script := range []string{"vif-bridge", "vif-route", "vif-nat"} {
		w.connectedBy(t, w.scriptCall(t, script, "online", map[string]string{"ip": "192.0.2.7"}))
		if a := w.scriptCall(t, script, "offline", map[string]string{"ip": "192.0.2.7"}); a.code != 0 || a.said != "" {
			t.Errorf("%s offline: exit %d, %q", script, a.code, a.said)
		}
		w.unplug(t, "vif6.0", 6)
		w.scriptCallGone(t, script)
		if after := w.Run(t, "nft", "list", "table", "ip", "filter"); after != before {
			t.Errorf("%s has changed a chain that is not its own:\n%s", script, after)
		}
	}
}

// scriptCallGone is a last call, when the interface has gone.
func (w *world) scriptCallGone(t *testing.T, script string) {
	t.Helper()
	c := &call{script: script, args: []string{"offline", "type_if=vif"}, environ: []string{"XENBUS_PATH=backend/vif/6/0", "vif=vif6.0"}}
	if a := w.call(c); a.code != 0 || a.said != "" {
		t.Errorf("%s offline, when it has gone: exit %d, %q", script, a.code, a.said)
	}
}

// TestRouteLacks is what vif-route cannot do without, the uplink and the guest's address; going, it needs neither. The host's address it
// can do without.
func TestRouteLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, build(t))
	ip := map[string]string{"ip": "192.0.2.7"}
	w.refused(t, w.scriptCall(t, "vif-route", "online", ip), `rule "as-vif-route": `, "no such uplink as eth0")
	if a := w.scriptCall(t, "vif-route", "offline", ip); a.code != 0 || a.said != "" {
		t.Errorf("offline: exit %d, %q", a.code, a.said)
	}
	w.uplink(t, "")
	w.refused(t, w.scriptCall(t, "vif-route", "online", nil), "as-vif-route", "address")
	w.connectedBy(t, w.scriptCall(t, "vif-route", "online", ip))
	if routes := w.Run(t, "ip", "route", "show", "dev", "vif6.0"); !strings.Contains(routes, "192.0.2.7 ") {
		t.Errorf("no route to the guest:\n%s", routes)
	}
	if addresses := w.Run(t, "ip", "-4", "addr", "show", "dev", "vif6.0"); addresses != "" {
		t.Errorf("the host has an address that nobody gave it: %s", addresses)
	}
}

// TestNATOfOwnAddresses: several, and one that vif-nat can add no 127 to.
func TestNATOfOwnAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, build(t))
	w.uplink(t, "192.0.2.1/24")
	for range 2 { // with the route there already
		w.connectedBy(t, w.scriptCall(t, "vif-nat", "online", map[string]string{"ip": "10.9.0.7 10.9.0.200 2001:db8::7"}))
	}
	shown := w.Run(t, "ip", "route", "show", "dev", "vif6.0") + w.Run(t, "ip", "-6", "route", "show", "dev", "vif6.0")
	for _, want := range []string{"10.9.0.7 ", "10.9.0.200 ", "2001:db8::7 "} {
		if !strings.Contains(shown, want) {
			t.Errorf("no route to %s:\n%s", want, shown)
		}
	}
	addresses := w.Run(t, "ip", "-4", "addr", "show", "dev", "vif6.0")
	for address, want := range map[string]bool{"10.9.0.134/32": true, "10.255.255.254/32": true, "10.9.0.327": false, "10.9.0.71/32": false} {
		if strings.Contains(addresses, address) != want {
			t.Errorf("the host has %s: %v, want %v:\n%s", address, !want, want, addresses)
		}
	}
}

// TestRulesThatDoNotConnect: a rule that keeps a guest off the network does not keep it from starting.
func TestRulesThatDoNotConnect(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ignore", "block"} {
		w := newWorld(t, build(t))
		if err := os.WriteFile(w.rules, []byte(fmt.Sprintf("rules: [{name: r, match: {domid: 6}, %s: true}]\n", action)), 0o644); err != nil {
			t.Fatal(err)
		}
		w.connectedBy(t, w.scriptCall(t, "vif-vifd", "online", nil))
		if l := w.links(t)[6]; l.Master != "" || l.Operstate != "DOWN" {
			t.Errorf("%s: %+v", action, l)
		}
	}
}

// TestNetworkHasCommandsOfItsOwn: what is none of them is wrong usage.
func TestNetworkHasCommandsOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, build(t))
	for _, command := range []string{"restart", "netdev=eth0"} {
		cmd := w.Command(w.scripts+"/vifd", "network", command, "--rules", w.rules)
		out, _ := cmd.CombinedOutput() // how it ended is in the code
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), command) {
			t.Errorf("vifd network %s: exit %d, %s", command, code, out)
		}
	}
}
