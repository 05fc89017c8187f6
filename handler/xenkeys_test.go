package handler

import (
	"maps"
	"slices"
	"testing"

	"vifd/internal/vif"
	"vifd/internal/xen"
)

// TestXenKeys: a key counts wherever a rule names it.
func TestXenKeys(t *testing.T) {
	t.Parallel()
	rs := testRuleset(t, `rules:
  - name: bridged
    match: {interface: a}
    bridge: {name: "${xen.a}", vlan: {untagged: "${xen.b}"}}
    guest: {mac: "${xen.c}", ip: ["${xen.d}", "${ip}"]}
    rate: {from-guest: "${xen.e:-1mbit}"}
    link: {alias: "${domain} ${xen.f}"}
    hooks: {up: [/bin/x, "${xen.g/h}"], down: [/bin/x, "${xen.i}"]}
  - {name: routed, match: {interface: b}, route: {uplink: "${xen.j}"}}
  - {name: network, match: {interface: c}, route: "${xen.k}"}
  - {name: translated, match: {interface: d}, nat: {uplink: "${xen.l}", subnet: 10.0.0.0/24}}
  - {name: translated-too, match: {interface: e}, nat: "${xen.m}"}
`)
	want := []string{"a", "b", "c", "d", "e", "f", "g/h", "i", "j", "k", "l", "m"}
	if got := slices.Sorted(maps.Keys(rs.asked)); !slices.Equal(got, want) {
		t.Errorf("named are %q, want %q", got, want)
	}
	for key, named := range map[string]bool{"a": true, "g/h": true, "g": true, "g/h/x": false, "": false, "state": false, "g/": false} {
		if rs.asked.names(key) != named {
			t.Errorf("%q is named: %v, want %v", key, !named, named)
		}
	}
	if rs := testRuleset(t, "rules: [{name: r, match: {interface: a}, bridge: b}]\n"); rs.asked.names("a") || rs.asked.names("") {
		t.Errorf("rules without facts name %v", rs.asked)
	}
}

// TestChanged: which vifs are looked at for a change in xenstore.
func TestChanged(t *testing.T) {
	t.Parallel()
	device := func(domid int) *xenState { return &xenState{Device: xen.DeviceOf(vif.XenName{Domid: domid})} }
	for path, want := range map[string][]int{
		"backend/vif":                           {7, 8},
		"backend/vif/3/0/ip":                    {7},
		"/local/domain/0/backend/vif/4/0/limit": {8},
		"backend/vif/3/0/state":                 nil,
		"backend/vif/3/0":                       nil,
		"backend/vif/5/0/limit":                 nil,
	} {
		h := &Handler{queue: newQueue(), asked: xenKeys{"limit": true}, known: map[int]*known{
			7: {own: own{Xen: device(3)}}, 8: {own: own{Xen: device(4)}}, 9: {},
		}}
		h.changed(path)
		if got := slices.Sorted(maps.Keys(h.queue.items)); !slices.Equal(got, want) {
			t.Errorf("%s: looked at are %v, want %v", path, got, want)
		}
	}
}
