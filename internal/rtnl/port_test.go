package rtnl_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// bridgeLink asks bridge(8) for the flags of a port.
func bridgeLink(t testing.TB, h *testhost.Host, port string) map[string]bool {
	t.Helper()
	var ports []map[string]any
	decode(t, h.Run(t, "bridge", "-d", "-j", "link", "show", "dev", port), &ports)
	if len(ports) != 1 {
		t.Fatalf("bridge knows %d ports called %s", len(ports), port)
	}
	flags := map[string]bool{}
	for name := range allFlags(true).All() {
		v, ok := ports[0][name].(bool)
		if !ok {
			t.Fatalf("bridge does not say %s of %s: %v", name, port, ports[0])
		}
		flags[name] = v
	}
	return flags
}

func allFlags(on bool) rtnl.PortFlags {
	return rtnl.PortFlags{
		Isolated: &on, Hairpin: &on, Learning: &on, Flood: &on, McastFlood: &on, BcastFlood: &on, NeighSuppress: &on, Guard: &on, RootBlock: &on,
	}
}

// flagsOf says of a Port what bridge(8) does.
func flagsOf(t testing.TB, p *rtnl.Port) map[string]bool {
	t.Helper()
	if p == nil {
		t.Fatal("the link is no port")
	}
	flags := map[string]bool{}
	for name := range allFlags(true).All() {
		flags[name] = true
	}
	for name := range allFlags(true).Missing(*p).All() {
		flags[name] = false
	}
	return flags
}

// TestSetPort sets each flag alone and all together, both ways, and compares with bridge(8).
func TestSetPort(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Veths(t, h, "vif1.0")
	h.Run(t, "ip", "link", "set", "vif1.0", "master", "xenbr0")
	c := dial(t, h)
	vif := link(t, c, "vif1.0")
	if diff := cmp.Diff(rtnl.NewPort(), *vif.Port); diff != "" {
		t.Errorf("a new port (-want +got):\n%s", diff)
	}
	want := bridgeLink(t, h, "vif1.0")
	check := func(flags rtnl.PortFlags) {
		t.Helper()
		must(t, c.SetPort(vif.Index, flags))
		for name, on := range flags.All() {
			want[name] = on
		}
		if diff := cmp.Diff(want, bridgeLink(t, h, "vif1.0")); diff != "" {
			t.Errorf("port (-want +bridge):\n%s", diff)
		}
		got := link(t, c, "vif1.0")
		if diff := cmp.Diff(want, flagsOf(t, got.Port)); diff != "" {
			t.Errorf("port (-want +rtnl):\n%s", diff)
		}
		if missing := flags.Missing(*got.Port); missing != (rtnl.PortFlags{}) {
			t.Errorf("flags still missing: %+v", missing)
		}
	}
	check(allFlags(true))
	check(allFlags(false))
	for _, on := range []bool{true, false} {
		for _, one := range []rtnl.PortFlags{
			{Isolated: &on}, {Hairpin: &on}, {Learning: &on}, {Flood: &on}, {McastFlood: &on}, {BcastFlood: &on}, {NeighSuppress: &on}, {Guard: &on}, {RootBlock: &on},
		} {
			check(one)
		}
	}
}
