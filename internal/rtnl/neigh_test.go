package rtnl_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func byAddr(list []rtnl.Neighbour) []rtnl.Neighbour {
	slices.SortFunc(list, func(a, b rtnl.Neighbour) int { return a.Addr.Compare(b.Addr) })
	return list
}

func TestNeighbours(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0", "vif2.0")
	h.Run(t, "ip", "link", "set", "dev", "vif1.0", "up")
	c := dial(t, h)
	vif1, vif2 := link(t, c, "vif1.0").Index, link(t, c, "vif2.0").Index
	a4, a6 := netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77")
	want := []rtnl.Neighbour{
		{Index: vif1, Addr: a4, MAC: mac(t, "00:16:3e:00:00:01"), State: unix.NUD_PERMANENT, Protocol: rtnl.Protocol},
		{Index: vif1, Addr: a6, MAC: mac(t, "00:16:3e:00:00:01"), State: unix.NUD_PERMANENT, Protocol: rtnl.Protocol},
	}
	for _, n := range want {
		first := n
		first.MAC = mac(t, "00:16:3e:00:00:99")
		must(t, c.SetNeighbour(first))
		must(t, c.SetNeighbour(n))
	}
	h.Run(t, "ip", "neigh", "add", "192.0.2.78", "lladdr", "00:16:3e:00:00:02", "dev", "vif2.0", "nud", "permanent")
	got, err := c.Neighbours(t.Context(), vif1)
	must(t, err)
	if diff := cmp.Diff(want, byAddr(got), compareAddrs); diff != "" {
		t.Errorf("neighbours (-want +got):\n%s", diff)
	}
	if !got[0].Permanent() {
		t.Errorf("%+v is not permanent", got[0])
	}
	all, err := c.Neighbours(t.Context(), 0)
	must(t, err)
	if !slices.ContainsFunc(all, func(n rtnl.Neighbour) bool {
		return n.Index == vif2 && n.Addr.String() == "192.0.2.78" && n.Protocol == 0
	}) {
		t.Errorf("all neighbours are %+v", all)
	}
	if out := h.Run(t, "ip", "neigh", "show", "dev", "vif1.0", "nud", "permanent"); strings.Count(out, "lladdr 00:16:3e:00:00:01 PERMANENT proto 118") != 2 {
		t.Errorf("ip shows %s", out)
	}
	for _, a := range []netip.Addr{a4, a6} {
		must(t, c.DeleteNeighbour(vif1, a))
		mustBe(t, c.DeleteNeighbour(vif1, a), rtnl.ErrNotFound)
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "eth0", "eth1")
	h.Run(t, "ip", "link", "set", "dev", "eth0", "up")
	c := dial(t, h)
	eth0, eth1 := link(t, c, "eth0").Index, link(t, c, "eth1").Index
	a4, a6 := netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77")
	h.Run(t, "ip", "neigh", "add", "proxy", "192.0.2.78", "dev", "eth0")
	for _, a := range []netip.Addr{a4, a6} {
		_, err := c.Proxy(eth0, a)
		mustBe(t, err, rtnl.ErrNotFound)
		must(t, c.AddProxy(eth0, a, rtnl.Protocol))
		must(t, c.AddProxy(eth0, a, rtnl.Protocol))
		n, err := c.Proxy(eth0, a)
		must(t, err)
		if n.Addr != a || n.Index != eth0 || n.Protocol != rtnl.Protocol {
			t.Errorf("got %+v", n)
		}
		_, err = c.Proxy(eth1, a)
		mustBe(t, err, rtnl.ErrNotFound)
	}
	list, err := c.Proxies(t.Context(), eth0)
	must(t, err)
	var got []string
	for _, n := range byAddr(list) {
		got = append(got, n.Addr.String())
	}
	if diff := cmp.Diff([]string{"192.0.2.77", "192.0.2.78", "2001:db8::77"}, got); diff != "" || list[1].Protocol != 0 {
		t.Errorf("answered for at eth0 (-want +got), %+v:\n%s", list, diff)
	}
	list, err = c.Proxies(t.Context(), eth1)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("answered for at eth1: %+v", list)
	}
	if neighbours, err := c.Neighbours(t.Context(), eth0); err != nil || slices.ContainsFunc(neighbours, func(n rtnl.Neighbour) bool { return n.Addr == a4 }) {
		t.Errorf("a proxied address is among the neighbours %+v, %v", neighbours, err)
	}
	if out := h.Run(t, "ip", "neigh", "show", "proxy"); strings.Count(out, "proto 118") != 2 {
		t.Errorf("ip shows %s", out)
	}
	for _, a := range []netip.Addr{a4, a6} {
		must(t, c.DeleteProxy(eth0, a))
		mustBe(t, c.DeleteProxy(eth0, a), rtnl.ErrNotFound)
		mustBe(t, c.DeleteProxy(4711, a), rtnl.ErrNotFound)
		mustBe(t, c.AddProxy(4711, a, rtnl.Protocol), rtnl.ErrNotFound)
	}
	must(t, c.AddProxy(eth0, a6, rtnl.Protocol))
	h.Run(t, "ip", "link", "set", "dev", "eth0", "down")
	if list, err := c.Proxies(t.Context(), 0); err != nil || len(list) != 0 {
		t.Errorf("after its link went down: %+v, %v", list, err)
	}
}
