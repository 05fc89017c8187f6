package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

// xenRules are the shipped default rules' like.
const xenRules = `rules:
  - {name: xen, match: {interface: "vif*"}, bridge: "${bridge}", firewall: source-guard}
`

// waitKey waits until a key of a backend's folder is value.
func (x *xenHost) waitKey(t *testing.T, domid, vifid int, key, value string) {
	t.Helper()
	testhost.Wait(t, fmt.Sprintf("%s of %d/%d to be %q", key, domid, vifid, value), func() bool {
		got, _ := x.key(t, domid, vifid, key)
		return got == value
	})
}

func (x *xenHost) waitLink(t *testing.T, name, word string) {
	t.Helper()
	testhost.Wait(t, name+" to be "+word, func() bool {
		out, err := x.RunErr("ip", "-d", "link", "show", "dev", name)
		return err == nil && strings.Contains(out, word)
	})
}

func (x *xenHost) bridges(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		x.Run(t, "ip", "link", "add", name, "type", "bridge")
		x.Run(t, "ip", "link", "set", name, "up")
	}
}

// TestListenerAlone has no script at all (script=/bin/true): the listener brings a guest up, says so, follows what xl changes of
// it, and takes it down.
func TestListenerAlone(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0", "xenbr1")
	x.listenXen(t)
	x.tool(t, "xenstore-write", "/local/domain/0/backend/vif", "") // stays when the folders of vifs have gone
	before := x.traces(t)
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "script": "/bin/true"})
	x.waitKey(t, 3, 0, "hotplug-status", "connected")
	x.wantLink(t, "vif3.0", "master xenbr0", "UP")
	if mtu, _ := x.node(t, "/local/domain/3/device/vif/0/mtu"); mtu != "1500" {
		t.Errorf("the guest was told MTU %q", mtu)
	}

	// xl network-attach knows no change, xenstore-write does: each is reconciled while the guest runs.
	x.set(t, 3, 0, map[string]string{"bridge": "xenbr1"})
	x.waitLink(t, "vif3.0", "master xenbr1")
	guardedWith := func(set, value string) {
		t.Helper()
		testhost.Wait(t, value+" in "+set, func() bool {
			return strings.Contains(x.Run(t, "nft", "list", "set", "bridge", "vifd", set), `"vif3.0" . `+value)
		})
	}
	x.set(t, 3, 0, map[string]string{"ip": "192.0.2.8 2001:db8::8"})
	guardedWith("guest-ip", "192.0.2.8")
	guardedWith("guest-ip6", "2001:db8::8")
	x.set(t, 3, 0, map[string]string{"mac": "00:16:3e:00:00:99"})
	guardedWith("guest-mac", "00:16:3e:00:00:99")
	x.set(t, 3, 0, map[string]string{"mtu": "1280"})
	x.waitLink(t, "vif3.0", "mtu 1280")
	x.wantStatus(t, 3, 0, "connected")

	// The name comes first, whoever is there to give it.
	x.plug(t, 4, 0, map[string]string{"ip": "192.0.2.9", "vifname": "web0", "script": "/bin/true"})
	x.waitKey(t, 4, 0, "hotplug-status", "connected")
	x.wantLink(t, "web0", "master xenbr0", "UP")

	x.Unplug(t, "vif3.0")
	x.Unplug(t, "web0")
	for _, domid := range []string{"3", "4"} {
		x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/"+domid)
	}
	x.unchanged(t, before)
}

// TestAllWaysAtOnce: the listener hears of it, udev runs vifd, libxl calls it, each more than once: one result.
func TestAllWaysAtOnce(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0")
	x.listenXen(t)
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7 2001:db8::7"})
	index := x.ifindex(t, "vif3.0")
	all := func(calls ...func() int) {
		t.Helper()
		codes := make(chan int, len(calls))
		for _, call := range calls {
			go func() { codes <- call() }()
		}
		for range calls {
			if code := <-codes; code != exitDone {
				t.Errorf("exit %d", code)
			}
		}
	}
	libxl := func() int { _, code := x.call(t, "vif-vifd", "online", "vif3.0", 3, 0); return code }
	udev := func() int { _, code := x.event(t, "add", "vif3.0", index); return code }
	all(libxl, udev, libxl, udev)
	x.wantLink(t, "vif3.0", "master xenbr0", "UP")
	x.wantStatus(t, 3, 0, "connected")
	x.wantElements(t, 1)
	if vifs := x.vifs(t); len(vifs) != 1 || vifs[0].State != "configured" || vifs[0].Rule != "xen" {
		t.Errorf("status: %+v", vifs)
	}
	x.Unplug(t, "vif3.0")
	off := func() int { _, code := x.call(t, "vif-vifd", "offline", "vif3.0", 3, 0); return code }
	gone := func() int { _, code := x.event(t, "remove", "vif3.0", index); return code }
	all(off, gone, off, gone)
	x.waitEmpty(t)
	x.wantElements(t, 0)
	x.wantNoRecords(t)
}

// TestXenstoredAway: without it, those connected stay so, those that come fail with a word, and nothing hangs.
func TestXenstoredAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]struct {
		leave, come func(t testing.TB, d *xenstored.Daemon)
	}{
		"killed": {func(t testing.TB, d *xenstored.Daemon) { d.Kill(t) }, func(t testing.TB, d *xenstored.Daemon) { d.Run(t) }},
		"frozen": {func(t testing.TB, d *xenstored.Daemon) { d.Freeze(t) }, func(t testing.TB, d *xenstored.Daemon) { d.Thaw(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newXenHost(t, xenRules)
			x.bridges(t, "xenbr0")
			p := x.listenXen(t)
			guest := x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
			x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
			x.Run(t, "ip", "addr", "add", "192.0.2.1/24", "dev", "xenbr0")
			guest.Run(t, "ip", "addr", "add", "192.0.2.7/24", "dev", testhost.GuestIf)
			x.plug(t, 4, 0, map[string]string{"ip": "192.0.2.8"})
			x.waitKey(t, 4, 0, "hotplug-status", "connected")
			x.Unplug(t, "vif4.0")

			away.leave(t, x.store)
			begin := time.Now()
			x.Guest(t, "vif5.0", "00:16:3e:00:05:00")
			errs, code := x.call(t, "vif-vifd", "online", "vif5.0", 5, 0)
			if took := time.Since(begin); code != exitFailed || !strings.Contains(errs, "xenstore") || took > hotplugTimeout {
				t.Errorf("a guest that comes: exit %d after %v, %s", code, took, errs)
			}
			x.wantLink(t, "vif5.0", "state DOWN")
			// The listener starts anew, and has nobody to ask.
			stop(t, p)
			p = x.listenXen(t)
			x.wantLink(t, "vif3.0", "master xenbr0", "UP")
			guest.Run(t, "ping", "-c1", "-W2", "192.0.2.1")
			if state := x.status(t)["vif3.0"].State; state != "configured" {
				t.Errorf("vif3.0 is %s", state)
			}

			away.come(t, x.store)
			// One that was killed has forgotten everything, and vif3.0 is served by what it said before.
			x.folders(t, 5, 0, map[string]string{"ip": "192.0.2.9", "mac": "00:16:3e:00:05:00"})
			x.waitKey(t, 5, 0, "hotplug-status", "connected")
			guest.Run(t, "ping", "-c1", "-W2", "192.0.2.1")
			stop(t, p)
		})
	}
}
