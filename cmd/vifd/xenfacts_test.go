package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestNoRuleByIgnorance: while xenstore does not say what a rule asks for, no other rule gets the vif for that.
func TestNoRuleByIgnorance(t *testing.T) {
	t.Parallel()
	const lax = "  - {name: rest, match: {interface: \"vif*\"}, bridge: lax, firewall: open}\n"
	const strict = "rules:\n  - {name: strict, match: {domain: guest3}, bridge: strict, firewall: source-guard}\n" + lax
	t.Run("away", func(t *testing.T) {
		t.Parallel()
		x := newXenHost(t, "rules:\n"+lax)
		x.bridges(t, "lax", "strict")
		x.listenXen(t)
		for _, domid := range []int{3, 4} {
			x.plug(t, domid, 0, map[string]string{"ip": "192.0.2.7"})
			x.waitKey(t, domid, 0, "hotplug-status", "connected")
		}
		x.store.Freeze(t)
		x.write(t, strict)
		if _, errs, code := x.run(t, "reload"); code != exitDone {
			t.Fatalf("reload: exit %d: %s", code, errs)
		}
		x.wantLink(t, "vif3.0", "state DOWN")
		if vif := x.status(t)["vif3.0"]; vif.State != "failed" || !strings.Contains(vif.Error, "xenstore") {
			t.Errorf("vif3.0: %+v", vif)
		}
		x.store.Thaw(t)
		x.waitLink(t, "vif3.0", "master strict")
		x.waitLink(t, "vif4.0", "master lax")
	})
	// QEMU makes a tap before libxl has written a word about it.
	t.Run("not yet", func(t *testing.T) {
		t.Parallel()
		x := newXenHost(t, strict)
		x.bridges(t, "lax", "strict")
		x.listenXen(t)
		x.Run(t, "ip", "tuntap", "add", "vif3.0-emu", "mode", "tap")
		x.waitState(t, "blocked", "vif3.0-emu")
		x.wantLink(t, "vif3.0-emu", "state DOWN")
		x.tool(t, "xenstore-write", "/local/domain/3/name", "guest3") // a domain's name is there before its devices
		x.folders(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
		x.waitLink(t, "vif3.0-emu", "master strict")
	})
}

// TestNameOfAnother: a guest that is configured to be called as another's vif does not become that guest.
func TestNameOfAnother(t *testing.T) {
	t.Parallel()
	bothWays(t, xenRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		for _, name := range []string{"vif7.0", "vif3.0-emu"} {
			x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "vifname": name})
			errs, code := x.call(t, "vif-vifd", "online", "vif3.0", 3, 0)
			if code != exitFailed || !strings.Contains(errs, "vifname") {
				t.Errorf("vifname=%s: exit %d, %s", name, code, errs)
			}
			x.wantLink(t, "vif3.0", "state DOWN")
			x.Unplug(t, "vif3.0")
			x.mustCall(t, "vif-vifd", "offline", "vif3.0", 3, 0)
		}
	})
}

// TestScriptAndUdev: libxl calls vifd by a script's name, and udev as itself, in any order: the name that says more counts.
func TestScriptAndUdev(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
		x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
		cmd := x.vifd("hotplug", "online")
		cmd.Env = append(cmd.Env, "XENSTORED_PATH="+x.store.Socket, "XENBUS_PATH=backend/vif/3/0", "vif=vif3.0", "UDEV_CALL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("udev's call: %v: %s", err, out)
		}
		x.wantLink(t, "vif3.0", "master xenbr0", "UP")
		x.wantStatus(t, 3, 0, "connected")
		// udev's own event finds no xenstored, so that what is remembered has to do.
		if errs, code := x.event(t, "change", "vif3.0", x.ifindex(t, "vif3.0")); code != exitDone {
			t.Errorf("udev's event: exit %d: %s", code, errs)
		}
		x.wantLink(t, "vif3.0", "master xenbr0", "UP")
	})
}

// TestMigratedGuest: xl creates a guest that it receives as NAME--incoming, and calls it NAME when it runs, of which nothing tells. It gets what
// NAME gets from the beginning.
func TestMigratedGuest(t *testing.T) {
	t.Parallel()
	bothWays(t, `guests:
  - {domain: web, ip: [192.0.2.7]}
rules:
  - {name: dmz, match: {domain: web}, bridge: dmz, firewall: source-guard}
  - {name: other, match: {interface: "vif*"}, bridge: "${bridge}"}
`, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0", "dmz")
		x.plug(t, 3, 0, nil)
		x.tool(t, "xenstore-write", "/local/domain/3/name", "web--incoming")
		for _, name := range []string{"web--incoming", "web", "web--migratedaway"} {
			x.tool(t, "xenstore-write", "/local/domain/3/name", name)
			x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
			x.wantLink(t, "vif3.0", "master dmz", "UP")
			if out := x.Run(t, "nft", "list", "set", "bridge", "vifd", "guest-ip"); !strings.Contains(out, `"vif3.0" . 192.0.2.7`) {
				t.Errorf("as %s it is not guarded by its entry:\n%s", name, out)
			}
		}
		// xl rename to a name of its own is a change that nothing tells of: the next event finds it.
		x.tool(t, "xenstore-write", "/local/domain/3/name", "other")
		x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
		x.wantLink(t, "vif3.0", "master xenbr0", "UP")
	})
}

// TestNamedKeysAreWatched: a change of a key that only a rule gives a meaning is followed while the guest runs, by the rules of now.
func TestNamedKeysAreWatched(t *testing.T) {
	t.Parallel()
	const bridged = "rules: [{name: xen, match: {interface: \"vif*\"}, bridge: \"${xen.%s:-xenbr0}\"}]\n"
	x := newXenHost(t, fmt.Sprintf(bridged, "zone"))
	x.bridges(t, "xenbr0", "xenbr1")
	x.listenXen(t)
	x.plug(t, 3, 0, nil)
	x.waitLink(t, "vif3.0", "master xenbr0")
	x.set(t, 3, 0, map[string]string{"zone": "xenbr1"})
	x.waitLink(t, "vif3.0", "master xenbr1")
	x.tool(t, "xenstore-rm", backendPath(3, 0)+"/zone")
	x.waitLink(t, "vif3.0", "master xenbr0")
	x.write(t, fmt.Sprintf(bridged, "site/zone"))
	if _, errs, code := x.run(t, "reload"); code != exitDone {
		t.Fatalf("reload: exit %d: %s", code, errs)
	}
	x.set(t, 3, 0, map[string]string{"site/zone": "xenbr1"})
	x.waitLink(t, "vif3.0", "master xenbr1")
	x.tool(t, "xenstore-rm", backendPath(3, 0)+"/site")
	x.waitLink(t, "vif3.0", "master xenbr0")
}
