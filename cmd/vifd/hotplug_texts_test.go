package main

import (
	"errors"
	"strings"
	"testing"
)

// TestHotplugTexts: what xl and xenstore are told is one short line of ASCII, which names each thing once and says what to do.
func TestHotplugTexts(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0", "xenbr1", "br2", "br3", "br4", "br5", "br6")
		x.uplink(t)
		x.plug(t, 6, 0, map[string]string{"ip": "198.51.100.7"})
		x.mustCall(t, "vif-route", "online", "vif6.0", 6, 0)
		for name, c := range map[string]struct {
			script string
			keys   map[string]string
			want   []string
		}{
			"no bridge": {"vif-bridge", map[string]string{"bridge": "", "ip": ""}, []string{
				`rule "as-vif-bridge-any-ip": bridge: `, "bridge=NAME", "this host has br2, br3, br4, br5, br6 and 2 more)",
			}},
			"a long value":      {"vif-bridge", map[string]string{"bridge": strings.Repeat("x", 3000)}, []string{`"xxxxxxxx`, `xx..."`, "3000 bytes"}},
			"another's address": {"vif-route", map[string]string{"ip": "198.51.100.7"}, []string{"198.51.100.7 is vif6.0's already", "guest: {ip: ...}"}},
			"not of that form": {"vif-bridge", map[string]string{"bridge": "xenbr0.10:x"}, []string{
				`"xenbr0.10:x"`, "NAME.VLAN:VLAN:...", "vlan=10p/20/30",
			}},
			"VLANs twice":              {"vif-bridge", map[string]string{"bridge": "xenbr0.10:20", "vlan": "30"}, []string{"without vlan= beside it"}},
			"no such VLAN":             {"vif-bridge", map[string]string{"bridge": "xenbr0.4095"}, []string{"no such bridge as xenbr0.4095"}},
			"an address with a length": {"vif-bridge", map[string]string{"ip": "192.0.2.1/24"}, []string{"192.0.2.1/24", "ip=192.0.2.1 for the one address", "ip=192.0.2.0/24"}},
			"the tap's name": {"vif-bridge", map[string]string{"type": "vif_ioemu", "vifname": "twelve-bytes"}, []string{
				"vifname", "twelve-bytes-emu", "16", "at most 11 bytes",
			}},
		} {
			x.plug(t, 5, 0, c.keys)
			errs, code := x.call(t, c.script, "online", "vif5.0", 5, 0)
			reason, _ := x.key(t, 5, 0, "hotplug-error")
			for _, want := range c.want {
				if ascii := strings.ReplaceAll(strings.ReplaceAll(errs, "…", "..."), `"`, `\"`); !strings.Contains(errs, want) && !strings.Contains(ascii, want) {
					t.Errorf("%s: xl is told %s\nwant %q", name, errs, want)
				}
				if said := strings.ReplaceAll(reason, `\"`, `"`); !strings.Contains(said, want) {
					t.Errorf("%s: hotplug-error is %s\nwant %q", name, reason, want)
				}
			}
			if code != exitFailed || strings.Contains(reason, `\x`) || strings.Count(reason, "rule ") > 1 || len(reason) > 500 || len(errs) > 500 {
				t.Errorf("%s: exit %d, %d bytes: %s", name, code, len(errs), reason)
			}
			x.wantLink(t, "vif5.0", "state DOWN")
			x.wantStatus(t, 5, 0, "error")
			x.Unplug(t, "vif5.0")
			x.mustCall(t, "vif-bridge", "offline", "vif5.0", 5, 0)
			x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/5")
		}
	})
}

// TestHotplugOpenVSwitch: a bridge with VLANs behind it, as Xen's vif-openvswitch has it, is that bridge and those VLANs.
func TestHotplugOpenVSwitch(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0", "xenbr0.30")
		_, err := x.RunErr("ip", "link", "set", "xenbr0", "type", "bridge", "vlan_filtering", "1")
		filters := err == nil // else the kernel cannot part VLANs, and a guest that is to be in one is in none
		for i, c := range []struct{ bridge, master, vlans string }{
			{"xenbr0.10:20:30", "xenbr0", "10 PVID Egress Untagged 20 30"},
			{"xenbr0.10", "xenbr0", "10 PVID Egress Untagged"},
			{"xenbr0:20", "xenbr0", "20"},
			{"xenbr0.30", "xenbr0.30", ""}, // the host has one of that very name
		} {
			domid := i + 1
			x.plug(t, domid, 0, map[string]string{"ip": "192.0.2.7", "bridge": c.bridge})
			iface := testVif(domid, 0)
			errs, code := x.call(t, "vif-bridge", "online", iface, domid, 0)
			if c.vlans != "" && !filters {
				if code != exitFailed || !strings.Contains(errs, "VLAN") {
					t.Errorf("bridge=%s, without VLANs: exit %d, %s", c.bridge, code, errs)
				}
				x.wantLink(t, iface, "state DOWN")
				continue
			}
			if code != exitDone {
				t.Fatalf("bridge=%s: exit %d, %s", c.bridge, code, errs)
			}
			x.wantLink(t, iface, "master "+c.master+" ")
			_, vlans, _ := strings.Cut(strings.Join(strings.Fields(x.Run(t, "bridge", "vlan", "show", "dev", iface)), " "), iface+" ")
			if c.vlans != "" && vlans != c.vlans {
				t.Errorf("bridge=%s: VLANs %q, want %q", c.bridge, vlans, c.vlans)
			}
		}
	})
}

// TestHotplugLongNames: a name that the vif and its tap can have is theirs, and a vif without a tap may have a longer one.
func TestHotplugLongNames(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, noRules)
	x.bridges(t, "xenbr0")
	for domid, c := range map[int]struct{ kind, name string }{1: {"vif_ioemu", "elevenbytes"}, 2: {"vif", "fifteen-bytes-x"}} {
		x.plug(t, domid, 0, map[string]string{"ip": "192.0.2.7", "type": c.kind, "vifname": c.name})
		x.mustCall(t, "vif-bridge", "online", testVif(domid, 0), domid, 0)
		x.wantLink(t, c.name, "master xenbr0")
	}
	x.Run(t, "ip", "tuntap", "add", "vif1.0-emu", "mode", "tap")
	x.mustCall(t, "vif-bridge", "add", "vif1.0-emu", 1, 0)
	x.wantLink(t, "elevenbytes-emu", "master xenbr0")
	x.wantStatus(t, 1, 0, "connected")
}

// TestHotplugEnvironIP: xl passes on what its own shell has exported, which is of no guest.
func TestHotplugEnvironIP(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, noRules)
	x.bridges(t, "xenbr0")
	x.plug(t, 3, 0, nil)
	if errs, code := x.script(t, "vif-bridge", []string{"online"}, "XENBUS_PATH=backend/vif/3/0", "vif=vif3.0", "ip=192.0.2.99", "bridge=xenbr9"); code != exitDone {
		t.Fatalf("online: exit %d, %s", code, errs)
	}
	x.wantLink(t, "vif3.0", "master xenbr0")
	if guard := x.about(t, "vif3.0"); strings.Contains(guard, "192.0.2.99") || guard == "" {
		t.Errorf("it is guarded as\n%s", guard)
	}
}

// TestHotplugSaysNoControls: of what a guest's configuration holds, nothing reaches xl's terminal, or Xen's tools, that a terminal obeys; and no
// interface is called by it.
func TestHotplugSaysNoControls(t *testing.T) {
	t.Parallel()
	const value = "x\u009b31m\x1b[31m" // CSI as one character, and as two
	rules := "rules: [{name: xen, match: {interface: \"vif*\"}, bridge: \"${bridge}\", rate: {from-guest: \"${xen.limit:-1mbit}\"}}]\n"
	bothWays(t, rules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		for _, key := range []string{"bridge", "vifname", "mtu", "vlan", "mac", "ip", "limit"} {
			x.plug(t, 3, 0, map[string]string{key: value})
			errs, code := x.call(t, "vif-vifd", "online", "vif3.0", 3, 0)
			told, _ := x.key(t, 3, 0, "hotplug-error")
			if code != exitFailed || !strings.Contains(errs, "31m") || !strings.Contains(told, "31m") {
				t.Errorf("%s: exit %d, %q, %q: the value is not refused by name", key, code, errs, told)
			}
			for _, said := range []string{errs, told} {
				if strings.ContainsAny(said, "\x1b\u009b") {
					t.Errorf("%s: control characters: %q", key, said)
				}
			}
			x.wantLink(t, "vif3.0", "state DOWN")
			x.Unplug(t, "vif3.0")
			x.mustCall(t, "vif-vifd", "offline", "vif3.0", 3, 0)
			x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/3")
		}
	})
}

// TestShown: an error is what it was but for what a terminal obeys; between another program's lines it is one.
func TestShown(t *testing.T) {
	t.Parallel()
	err := errors.New("a\x1b[31mb\u009bc\xffd:\n\te\r\U000e0001f…")
	for terse, want := range map[bool]string{
		false: "a\ufffd[31mb\ufffdc\ufffdd:\n\te\ufffd\ufffdf…",
		true:  "a\ufffd[31mb\ufffdc\ufffdd:  e\ufffd\ufffdf…",
	} {
		if got := (&command{terse: terse}).shown(err); got != want {
			t.Errorf("terse %v: %q, want %q", terse, got, want)
		}
	}
}
