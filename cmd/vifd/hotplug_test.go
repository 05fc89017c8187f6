package main

import (
	"strconv"
	"strings"
	"testing"
)

// noRules are an administrator's who has written none yet.
const noRules = "defaults: {unmatched: ignore}\n"

// TestHotplugBridge does a vif's whole life as vif-bridge, as section 8 of Xen's scripts' behaviour has it: twice each time.
func TestHotplugBridge(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.Run(t, "ip", "link", "add", "xenbr0", "mtu", "1400", "type", "bridge")
		x.Run(t, "ip", "link", "set", "xenbr0", "up")
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7 2001:db8::7"})
		for range 2 {
			x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
			x.wantLink(t, "vif3.0", "master xenbr0", "fe:ff:ff:ff:ff:ff", "mtu 1400", "state UP")
			if addrs := x.Run(t, "ip", "-4", "addr", "show", "dev", "vif3.0"); addrs != "" {
				t.Errorf("the host has an address on the vif: %s", addrs)
			}
			x.wantStatus(t, 3, 0, "connected")
			if mtu, _ := x.node(t, "/local/domain/3/device/vif/0/mtu"); mtu != "1400" {
				t.Errorf("the guest was told MTU %q", mtu)
			}
			x.wantElements(t, 1)
		}
		// The bridge's name of the configuration has the last word.
		x.set(t, 3, 0, map[string]string{"mtu": "1300"})
		x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
		x.wantLink(t, "vif3.0", "mtu 1300")

		before := x.tool(t, "xenstore-ls", "/")
		for range 2 {
			x.mustCall(t, "vif-bridge", "offline", "vif3.0", 3, 0)
			x.wantLink(t, "vif3.0", "state DOWN")
			if link := x.Run(t, "ip", "link", "show", "dev", "vif3.0"); strings.Contains(link, "master") {
				t.Errorf("after offline:\n%s", link)
			}
		}
		if after := x.tool(t, "xenstore-ls", "/"); after != before {
			t.Errorf("offline wrote to xenstore:\n%s", after)
		}
		// Windows' drivers let go of a vif and take it again.
		x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
		x.wantLink(t, "vif3.0", "master xenbr0", "state UP")
	})
}

// TestHotplugOfflineLate: libxl calls for what is gone already, and nothing may come back by it.
func TestHotplugOfflineLate(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.plug(t, 1, 0, nil) // makes tables that stay, and the store's folders
		x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
		x.mustCall(t, "vif-bridge", "online", "vif1.0", 1, 0)
		x.Unplug(t, "vif1.0")
		x.mustCall(t, "vif-bridge", "offline", "vif1.0", 1, 0)
		x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/1", "/local/domain/1")
		before := x.traces(t)
		for _, gone := range []string{"the vif", "the bridge", "the folder"} {
			x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
			x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
			switch gone {
			case "the vif":
				x.Unplug(t, "vif3.0")
			case "the bridge":
				x.Run(t, "ip", "link", "del", "xenbr0")
			case "the folder":
				x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/3")
			}
			for range 2 {
				if errs, code := x.call(t, "vif-bridge", "offline", "vif3.0", 3, 0); code != exitDone {
					t.Errorf("offline without %s: exit %d: %s", gone, code, errs)
				}
			}
			if gone != "the vif" {
				x.Unplug(t, "vif3.0")
				x.mustCall(t, "vif-bridge", "offline", "vif3.0", 3, 0)
			}
			if gone == "the bridge" {
				x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
			}
			if gone != "the folder" {
				x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/3")
			}
			x.unchanged(t, before)
		}
	})
}

// TestHotplugFails: xl's user gets one line that says what to do, and the backend a reason.
func TestHotplugFails(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.Run(t, "ip", "link", "add", "xenbr7", "type", "bridge")
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "bridge": "nobr0"})
		errs, code := x.call(t, "vif-bridge", "online", "vif3.0", 3, 0)
		reason, _ := x.key(t, 3, 0, "hotplug-error")
		for _, want := range []string{"vif3.0", "as-vif-bridge", "nobr0", "this host has xenbr7", "create it"} {
			if code != exitFailed || !strings.Contains(errs, want) || !strings.Contains(reason, want) {
				t.Errorf("a bridge that is not there: exit %d, %q and %q; want both to say %q", code, errs, reason, want)
			}
		}
		x.wantStatus(t, 3, 0, "error")
		x.wantLink(t, "vif3.0", "state DOWN")
		// As soon as what was missing is there, all is well, and no old reason stays.
		x.Run(t, "ip", "link", "add", "nobr0", "type", "bridge")
		x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
		x.wantStatus(t, 3, 0, "connected")
		if reason, there := x.key(t, 3, 0, "hotplug-error"); there {
			t.Errorf("hotplug-error stays: %q", reason)
		}
		// A vif that no rule is about is nobody's to let through, unless vifd stands in for a script.
		x.plug(t, 4, 0, nil)
		errs, code = x.call(t, "vif-vifd", "online", "vif4.0", 4, 0)
		if reason, _ := x.key(t, 4, 0, "hotplug-error"); code != exitFailed || !strings.Contains(errs, "no rule matches") || !strings.Contains(reason, "no rule matches") {
			t.Errorf("no rule: exit %d, %q and %q", code, errs, reason)
		}
		// Values of xenstore are another program's, and no name is too strange to be tried.
		for key, value := range map[string]string{
			"mac": "01:00:5e:00:00:01", "bridge": "../../etc", "ip": "192.0.2.7; reboot", "mtu": "1500 1501", "vlan": "10p/20p", "vifname": "a/b",
		} {
			x.plug(t, 5, 0, map[string]string{key: value})
			errs, code = x.call(t, "vif-bridge", "online", "vif5.0", 5, 0)
			if reason, _ := x.key(t, 5, 0, "hotplug-error"); code != exitFailed || reason == "" || strings.Contains(reason, "\n") {
				t.Errorf("%s=%q: exit %d, %q and %q", key, value, code, errs, reason)
			}
			x.Unplug(t, "vif5.0")
			x.mustCall(t, "vif-bridge", "offline", "vif5.0", 5, 0)
			x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/5")
		}
	})
}

// TestHotplugRefuses is about calls that are none.
func TestHotplugRefuses(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, noRules)
	x.plug(t, 3, 0, nil)
	const path = "XENBUS_PATH=backend/vif/3/0"
	for _, c := range []struct {
		args, environ []string
		code          int
		say           string
	}{
		{[]string{"start"}, nil, exitFailed, "unknown command"},
		{[]string{"online", "type_if=tun"}, nil, exitFailed, "neither vif nor tap"},
		{[]string{"online", "type_if=tap"}, nil, exitDone, ""},
		{[]string{"add", "type_if=vif"}, nil, exitDone, ""},
		{[]string{"online"}, []string{"vif=vif3.0"}, exitFailed, "XENBUS_PATH is not set"},
		{[]string{"online"}, []string{path, "vif=vif4.0"}, exitFailed, "two devices"},
		{[]string{"online"}, []string{path, "vif=vif3.0"}, exitFailed, "no rule matches"},
		{[]string{"online"}, []string{path, "vif=a b"}, exitFailed, "the kernel refuses"},
	} {
		if errs, code := x.script(t, "vif-vifd", c.args, c.environ...); code != c.code || !strings.Contains(errs, c.say) {
			t.Errorf("%v %v: exit %d, %q; want %d, %q", c.args, c.environ, code, errs, c.code, c.say)
		}
	}
	if _, _, code := x.run(t, "hotplug", "start"); code != exitUsage {
		t.Errorf("vifd hotplug start: exit %d, want %d", code, exitUsage)
	}
	// Xen 4.2 to 4.5 said there that udev's call is not wanted.
	x.tool(t, "xenstore-write", "/local/domain/0/libxl/disable_udev", "1")
	if errs, code := x.script(t, "vif-vifd", []string{"online"}, path, "vif=vif3.0", "UDEV_CALL=1"); code != exitDone {
		t.Errorf("udev's call, switched off: exit %d: %s", code, errs)
	}
	x.wantStatus(t, 3, 0, "error") // of the calls before
}

// TestHotplugName: vifname renames before anything else, and never takes another interface's name.
func TestHotplugName(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "vifname": "web0"})
		index := x.ifindex(t, "vif3.0")
		for range 2 { // libxl goes on calling it vif3.0
			x.mustCall(t, "vif-bridge", "online", "vif3.0", 3, 0)
			x.wantLink(t, "web0", "master xenbr0", "UP")
			x.wantStatus(t, 3, 0, "connected")
		}
		if x.ifindex(t, "web0") != index {
			t.Error("web0 is another interface")
		}
		if mtu, ok := x.node(t, "/local/domain/3/device/vif/0/mtu"); !ok {
			t.Errorf("the guest was not told its MTU: %q", mtu)
		}

		x.plug(t, 4, 0, map[string]string{"ip": "192.0.2.8", "vifname": "web0"})
		other := x.Run(t, "ip", "-d", "link", "show", "dev", "web0")
		errs, code := x.call(t, "vif-bridge", "online", "vif4.0", 4, 0)
		if code != exitFailed || !strings.Contains(errs, "cannot rename vif4.0 to web0") {
			t.Errorf("a name that is taken: exit %d, %s", code, errs)
		}
		x.wantLink(t, "vif4.0", "state DOWN")
		if now := x.Run(t, "ip", "-d", "link", "show", "dev", "web0"); now != other {
			t.Errorf("the interface of that name was touched:\n%s\nbefore:\n%s", now, other)
		}
		x.wantStatus(t, 3, 0, "connected")

		// The tap has the same name with -emu behind, which has to fit.
		x.plug(t, 5, 0, map[string]string{"ip": "192.0.2.9", "vifname": "twelve-bytes"})
		x.Run(t, "ip", "tuntap", "add", "vif5.0-emu", "mode", "tap")
		if errs, code = x.call(t, "vif-bridge", "add", "vif5.0-emu", 5, 0); code != exitFailed || !strings.Contains(errs, "16 bytes") {
			t.Errorf("a long name: exit %d, %s", code, errs)
		}

		for range 2 {
			x.mustCall(t, "vif-bridge", "offline", "vif3.0", 3, 0)
		}
		x.wantLink(t, "web0", "state DOWN")
		x.Unplug(t, "web0")
		x.mustCall(t, "vif-bridge", "offline", "vif3.0", 3, 0)
	})
}

// TestHotplugTap is an emulated card's: it stands beside the vif, and the backend is not told of it.
func TestHotplugTap(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
		x.plug(t, 1, 0, map[string]string{"ip": "192.0.2.7", "type": "vif_ioemu", "vifname": "win", "rate": "62500,50000"})
		x.Run(t, "ip", "tuntap", "add", "vif1.0-emu", "mode", "tap")
		x.mustCall(t, "vif-bridge", "online", "vif1.0", 1, 0)
		x.wantLink(t, "win", "master xenbr0", "UP")
		x.set(t, 1, 0, map[string]string{"hotplug-status": ""})
		for range 2 {
			x.mustCall(t, "vif-bridge", "add", "vif1.0-emu", 1, 0)
			x.wantLink(t, "win-emu", "master xenbr0", "UP")
			x.wantLink(t, "win", "master xenbr0", "UP")
		}
		x.wantStatus(t, 1, 0, "")
		// What the backend limits on the vif, somebody has to limit on the tap.
		if police := x.Run(t, "tc", "-s", "qdisc", "show"); !strings.Contains(police, "10Mbit") {
			t.Errorf("the tap's rate:\n%s", police)
		}
		x.mustCall(t, "vif-bridge", "remove", "win-emu", 1, 0)
		x.wantLink(t, "win-emu", "state DOWN")
		x.wantLink(t, "win", "master xenbr0", "UP")
		x.Run(t, "ip", "link", "del", "win-emu")
		x.mustCall(t, "vif-bridge", "remove", "vif1.0-emu", 1, 0)
		x.wantLink(t, "win", "master xenbr0", "UP")
	})
}

// TestHotplugRoute is vif-route's, with what it never could: several addresses, prefixes, IPv6, leftovers in the way.
func TestHotplugRoute(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.uplink(t)
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.77 198.51.100.0/28 2001:db8:7::7"})
		x.Run(t, "ip", "route", "add", "blackhole", "192.0.2.77", "metric", "9")
		for range 2 {
			x.mustCall(t, "vif-route", "online", "vif3.0", 3, 0)
			x.wantStatus(t, 3, 0, "connected")
		}
		routes := x.Run(t, "ip", "route") + x.Run(t, "ip", "-6", "route")
		for _, want := range []string{"192.0.2.77 dev vif3.0", "198.51.100.0/28 dev vif3.0", "2001:db8:7::7 dev vif3.0", "src 192.0.2.1"} {
			if !strings.Contains(routes, want) {
				t.Errorf("no route %q among\n%s", want, routes)
			}
		}
		if addrs := x.Run(t, "ip", "addr", "show", "dev", "vif3.0"); !strings.Contains(addrs, "192.0.2.1/32") {
			t.Errorf("the host's address is not on the vif:\n%s", addrs)
		}
		x.mustCall(t, "vif-route", "offline", "vif3.0", 3, 0)
		if left := x.Run(t, "ip", "route", "show", "dev", "vif3.0") + x.Run(t, "ip", "-br", "addr", "show", "dev", "vif3.0"); strings.Contains(left, "192.0.2") {
			t.Errorf("after offline: %s", left)
		}
	})
}

// uplink gives the host an eth0, as Xen's scripts expect one.
func (x *xenHost) uplink(t *testing.T) {
	t.Helper()
	x.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire")
	x.Run(t, "ip", "addr", "add", "192.0.2.1/24", "dev", "eth0")
	x.Run(t, "ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
	for _, name := range []string{"eth0", "wire"} {
		x.Run(t, "ip", "link", "set", name, "up")
	}
}

// TestHotplugNAT is vif-nat's: the addresses are those that the script derives.
func TestHotplugNAT(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.uplink(t)
		for _, c := range []struct {
			domid, vifid int
			name         string
			guest, host  string
		}{
			{6, 0, "", "10.0.6.1", "10.0.6.128"},
			{300, 1, "", "10.1.44.2", "10.1.44.129"},
			{7, 0, "natted", "10.0.7.1", "10.0.7.128"}, // the number is the domain's, whatever the interface is called
		} {
			iface := testVif(c.domid, c.vifid)
			x.plug(t, c.domid, c.vifid, map[string]string{"vifname": c.name, "mac": "00:16:3e:00:00:77"})
			x.mustCall(t, "vif-nat", "online", iface, c.domid, c.vifid)
			x.wantStatus(t, c.domid, c.vifid, "connected")
			dev := iface
			if c.name != "" {
				dev = c.name
			}
			if routes := x.Run(t, "ip", "route", "show", "dev", dev); !strings.Contains(routes, c.guest+" ") {
				t.Errorf("%s: no route to %s:\n%s", dev, c.guest, routes)
			}
			if addrs := x.Run(t, "ip", "addr", "show", "dev", dev); !strings.Contains(addrs, c.host+"/32") {
				t.Errorf("%s: the host is not %s:\n%s", dev, c.host, addrs)
			}
		}
		// A script's name is a matter of the guest that has it: rules of the administrator's come first.
		x.write(t, "rules:\n  - {name: own, match: {interface: \"vif9.*\"}, bridge: xenbr0, firewall: source-guard}\n")
		x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
		if _, _, code := x.run(t, "reload"); code != exitDone && code != exitCannot {
			t.Fatalf("reload: exit %d", code)
		}
		x.plug(t, 9, 0, nil)
		x.mustCall(t, "vif-nat", "online", "vif9.0", 9, 0)
		x.wantLink(t, "vif9.0", "master xenbr0")
	})
}

func testVif(domid, vifid int) string { return "vif" + strconv.Itoa(domid) + "." + strconv.Itoa(vifid) }

// TestHotplugFacts: rules ask for what xenstore knows, and guests are found by their domain's name and UUID.
func TestHotplugFacts(t *testing.T) {
	t.Parallel()
	const rules = `guests:
  - {uuid: 00000000-0000-4000-8000-000000000003, ip: 192.0.2.3}
  - {domain: guest4, vif: 1, ip: 192.0.2.4}
rules:
  - {name: by-uuid, match: {uuid: 00000000-0000-4000-8000-000000000003}, bridge: "${xen.bridge}", firewall: source-guard}
  - {name: by-domain, match: {domain: "guest[45]", type: vif, script: "*/vif-vifd", bridge: xenbr*}, bridge: "${bridge}", firewall: source-guard}
  - {name: by-key, match: {interface: "vif6.*"}, bridge: "${xen.backend-bridge:-xenbr0}", firewall: source-guard}
  - {name: own-name, match: {interface: "vif8.0"}, bridge: xenbr0, firewall: source-guard}
  - {name: left-alone, match: {domid: 7}, ignore: true}
`
	bothWays(t, rules, func(t *testing.T, x *xenHost) {
		for _, name := range []string{"xenbr0", "xenbr1"} {
			x.Run(t, "ip", "link", "add", name, "type", "bridge")
		}
		for _, c := range []struct {
			domid, vifid int
			keys         map[string]string
			master, ip   string
		}{
			{3, 0, map[string]string{"bridge": "xenbr1"}, "xenbr1", "192.0.2.3"},
			{4, 1, map[string]string{"ip": "192.0.2.99"}, "xenbr0", "192.0.2.4"}, // an administrator's word goes before xl's
			{5, 0, map[string]string{"ip": "192.0.2.5"}, "xenbr0", "192.0.2.5"},
			{6, 0, map[string]string{"backend-bridge": "xenbr1", "ip": "192.0.2.6"}, "xenbr1", "192.0.2.6"},
			{8, 0, map[string]string{"ip": "192.0.2.8", "vifname": "other"}, "xenbr0", "192.0.2.8"},
		} {
			iface := testVif(c.domid, c.vifid)
			x.plug(t, c.domid, c.vifid, c.keys)
			x.mustCall(t, "vif-vifd", "online", iface, c.domid, c.vifid)
			if name := c.keys["vifname"]; name != "" {
				iface = name
			}
			x.wantLink(t, iface, "master "+c.master)
			if set := x.Run(t, "nft", "list", "set", "bridge", "vifd", "guest-ip"); !strings.Contains(set, `"`+iface+`" . `+c.ip) {
				t.Errorf("%s is not guarded with %s:\n%s", iface, c.ip, set)
			}
		}
		// explain asks whom the handler asks.
		cmd := x.vifd("explain", "other")
		cmd.Env = append(cmd.Env, "XENSTORED_PATH="+x.store.Socket)
		out, err := cmd.CombinedOutput()
		for _, want := range []string{"rule own-name", "matches", "192.0.2.8", "domain must be", "it is guest8"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("explain: %v, want %q in\n%s", err, want, out)
			}
		}
		// Left alone is what the rule wants, and the guest must not wait for a word that nobody says.
		x.plug(t, 7, 0, nil)
		x.mustCall(t, "vif-vifd", "online", "vif7.0", 7, 0)
		x.wantStatus(t, 7, 0, "connected")
	})
}

// TestHotplugStubdom: the stub domain's interface and its guest's have one address, and one name to match.
func TestHotplugStubdom(t *testing.T) {
	t.Parallel()
	bothWays(t, "rules:\n  - {name: win, match: {domain: guest3}, route: {uplink: eth0}, firewall: source-guard}\n", func(t *testing.T, x *xenHost) {
		x.uplink(t)
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
		x.plug(t, 4, 0, map[string]string{"ip": "192.0.2.7"})
		x.tool(t, "xenstore-write", "/local/domain/4/name", "guest3-dm", "/local/domain/4/target", "3")
		x.mustCall(t, "vif-vifd", "online", "vif4.0", 4, 0)
		x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
		for _, domid := range []int{3, 4} {
			x.wantStatus(t, domid, 0, "connected")
		}
		x.plug(t, 5, 0, map[string]string{"ip": "192.0.2.7"})
		x.tool(t, "xenstore-write", "/local/domain/5/name", "guest3")
		if errs, code := x.call(t, "vif-vifd", "online", "vif5.0", 5, 0); code != exitFailed || !strings.Contains(errs, "192.0.2.7 is vif") {
			t.Errorf("a stranger with the address: exit %d, %s", code, errs)
		}
	})
}

// TestHotplugMany: libxl calls for all vifs of a host at once.
func TestHotplugMany(t *testing.T) {
	t.Parallel()
	bothWays(t, noRules, func(t *testing.T, x *xenHost) {
		x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
		const n = 12
		for i := 1; i <= n; i++ {
			x.plug(t, i, 0, map[string]string{"ip": "192.0.2." + strconv.Itoa(i)})
		}
		codes := make(chan int, n)
		for i := 1; i <= n; i++ {
			go func() {
				_, code := x.call(t, "vif-bridge", "online", testVif(i, 0), i, 0)
				codes <- code
			}()
		}
		for range n {
			if code := <-codes; code != exitDone {
				t.Errorf("exit %d", code)
			}
		}
		for i := 1; i <= n; i++ {
			x.wantLink(t, testVif(i, 0), "master xenbr0")
			x.wantStatus(t, i, 0, "connected")
		}
	})
}
