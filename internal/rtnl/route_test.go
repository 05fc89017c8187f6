package rtnl_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func v4Route(oif int, dst string) rtnl.Route {
	return rtnl.Route{
		Dst: netip.MustParsePrefix(dst), Table: rtnl.TableMain, Protocol: rtnl.Protocol, Type: unix.RTN_UNICAST, Scope: rtnl.ScopeLink, Metric: 2, OIF: oif,
	}
}

func v6Route(oif int, dst string) rtnl.Route {
	r := v4Route(oif, dst)
	r.Scope = rtnl.ScopeGlobal
	return r
}

func wantRoutes(t *testing.T, c *rtnl.Conn, f rtnl.RouteFilter, want ...rtnl.Route) {
	t.Helper()
	got, err := c.Routes(t.Context(), f)
	must(t, err)
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("routes %+v (-want +got):\n%s", f, diff)
	}
}

// TestRoutes makes, lists, replaces and deletes routes of both families among those of others.
func TestRoutes(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0", "vif2.0")
	for _, name := range []string{"vif1.0", "vif2.0", "pvif1.0", "pvif2.0"} {
		h.Run(t, "ip", "link", "set", "dev", name, "addrgenmode", "none", "up")
	}
	h.Run(t, "ip", "addr", "add", "192.0.2.1/32", "dev", "vif1.0")
	h.Run(t, "ip", "addr", "add", "2001:db8::1/128", "dev", "vif1.0", "nodad")
	c := dial(t, h)
	vif1, vif2 := link(t, c, "vif1.0").Index, link(t, c, "vif2.0").Index
	host, net4, host6, far := v4Route(vif1, "192.0.2.77/32"), v4Route(vif1, "198.51.100.0/28"), v6Route(vif1, "2001:db8::77/128"), v6Route(vif2, "2001:db8:1::/64")
	host.Source, host6.Source = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	net4.Table, far.Table = 1000, 1000 // more than the header has room for
	for _, r := range []rtnl.Route{host, net4, host6, far} {
		must(t, c.AddRoute(r))
		mustBe(t, c.AddRoute(r), rtnl.ErrExists)
		must(t, c.ReplaceRoute(r))
	}
	// Those of others.
	h.Run(t, "ip", "route", "add", "192.0.2.77", "dev", "vif1.0", "metric", "3")
	h.Run(t, "ip", "-6", "route", "add", "2001:db8::77", "dev", "vif1.0", "metric", "3")
	h.Run(t, "ip", "route", "add", "default", "nexthop", "dev", "vif1.0", "nexthop", "dev", "vif2.0")
	theirs := h.Run(t, "ip", "-4", "route", "show") + h.Run(t, "ip", "-6", "route", "show")

	ours := rtnl.RouteFilter{Protocol: rtnl.Protocol}
	wantRoutes(t, c, ours, net4, host, far, host6)
	wantRoutes(t, c, rtnl.RouteFilter{Protocol: rtnl.Protocol, OIF: vif1}, net4, host, host6)
	wantRoutes(t, c, rtnl.RouteFilter{Table: 1000}, net4, far)
	wantRoutes(t, c, rtnl.RouteFilter{Table: 1000, Family: unix.AF_INET6}, far)
	wantRoutes(t, c, rtnl.RouteFilter{Table: 4711})
	_, err := c.Routes(t.Context(), rtnl.RouteFilter{OIF: 4711})
	mustBe(t, err, rtnl.ErrNotFound)
	all, err := c.Routes(t.Context(), rtnl.RouteFilter{Family: unix.AF_INET, Table: rtnl.TableMain})
	must(t, err)
	if len(all) != 3 || !all[0].Multipath || all[0].OIF != 0 || all[0].Dst.String() != "0.0.0.0/0" {
		t.Errorf("the main table has %+v", all)
	}
	if out := h.Run(t, "ip", "route", "show", "table", "1000"); !strings.Contains(out, "198.51.100.0/28 dev vif1.0 proto 118 scope link metric 2") {
		t.Errorf("ip shows %s", out)
	}

	// A leftover with the same metric is replaced, by whatever link it goes.
	moved, moved6 := host, host6
	moved.OIF, moved6.OIF, moved.Source = vif2, vif2, netip.Addr{}
	moved6.Source = netip.Addr{}
	must(t, c.ReplaceRoute(moved))
	must(t, c.ReplaceRoute(moved6))
	wantRoutes(t, c, rtnl.RouteFilter{Protocol: rtnl.Protocol, OIF: vif2}, moved, far, moved6)
	must(t, c.ReplaceRoute(host))
	must(t, c.ReplaceRoute(host6))
	if now := h.Run(t, "ip", "-4", "route", "show") + h.Run(t, "ip", "-6", "route", "show"); now != theirs {
		t.Errorf("routes were\n%s\nand are\n%s", theirs, now)
	}

	// Only what is just the same is deleted.
	for _, r := range []rtnl.Route{host, host6} {
		for _, change := range []func(*rtnl.Route){
			func(r *rtnl.Route) { r.Metric = 4 }, func(r *rtnl.Route) { r.OIF = vif2 }, func(r *rtnl.Route) { r.Protocol = 119 }, func(r *rtnl.Route) { r.Table = 1000 },
		} {
			wrong := r
			change(&wrong)
			mustBe(t, c.DeleteRoute(wrong), rtnl.ErrNotFound)
		}
	}
	for _, r := range []rtnl.Route{host, net4, host6, far} {
		must(t, c.DeleteRoute(r))
		mustBe(t, c.DeleteRoute(r), rtnl.ErrNotFound)
	}
	wantRoutes(t, c, ours)
	for _, family := range []string{"-4", "-6"} {
		if out := h.Run(t, "ip", family, "route", "show"); !strings.Contains(out, "metric 3") {
			t.Errorf("the route of somebody else is gone: %s", out)
		}
	}

	h.Run(t, "ip", "link", "set", "dev", "vif2.0", "down")
	mustBe(t, c.AddRoute(v4Route(vif2, "192.0.2.99/32")), unix.ENETDOWN)
	mustBe(t, c.AddRoute(v6Route(vif2, "2001:db8::99/128")), unix.ENETDOWN)
	wrong := host
	wrong.Source = netip.MustParseAddr("192.0.2.200")
	mustBe(t, c.AddRoute(wrong), unix.EINVAL)
}

// TestManyRoutes lists more than fit into one datagram.
func TestManyRoutes(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	h.Run(t, "ip", "link", "set", "dev", "vif1.0", "up")
	c := dial(t, h)
	vif := link(t, c, "vif1.0").Index
	const many = 2000
	for i := range many {
		must(t, c.ReplaceRoute(v4Route(vif, fmt.Sprintf("10.0.%d.%d/32", i/256, i%256))))
		must(t, c.ReplaceRoute(v6Route(vif, fmt.Sprintf("2001:db8::%x/128", i+1))))
	}
	got, err := c.Routes(t.Context(), rtnl.RouteFilter{Protocol: rtnl.Protocol, OIF: vif})
	must(t, err)
	if len(got) != 2*many {
		t.Errorf("%d routes are listed, want %d", len(got), 2*many)
	}
}

// BenchmarkRoutesOfOneLink reads the one route of a link, with 10 and with 1000 of other links.
func BenchmarkRoutesOfOneLink(b *testing.B) {
	for _, others := range []int{10, 1000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			h := testhost.New(b)
			h.Veths(b, h, "vif1.0", "vif2.0")
			c := dial(b, h)
			vif1, vif2 := link(b, c, "vif1.0").Index, link(b, c, "vif2.0").Index
			must(b, c.Set(vif1, rtnl.Change{Up: new(true)}))
			must(b, c.Set(vif2, rtnl.Change{Up: new(true)}))
			for i := range others {
				must(b, c.ReplaceRoute(v4Route(vif2, fmt.Sprintf("10.0.%d.%d/32", i/256, i%256))))
				must(b, c.ReplaceRoute(v6Route(vif2, fmt.Sprintf("2001:db8::%x/128", i+1))))
			}
			must(b, c.ReplaceRoute(v4Route(vif1, "192.0.2.77/32")))
			b.ReportAllocs()
			for b.Loop() {
				got, err := c.Routes(b.Context(), rtnl.RouteFilter{Protocol: rtnl.Protocol, OIF: vif1})
				if err != nil || len(got) != 1 {
					b.Fatal(got, err)
				}
			}
		})
	}
}
