package route

import (
	"fmt"
	"net/netip"
	"testing"

	"vifd/internal/rtnl"
)

// BenchmarkApply connects a guest with an address of each family, with 10 and with 1000 such guests there already.
func BenchmarkApply(b *testing.B) {
	for _, others := range []int{10, 1000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			w := newWorld(b)
			w.outside(b)
			w.host.Veths(b, w.host, "vif5.0", "vif6.0")
			uplink, other := w.link(b, "eth0"), w.link(b, "vif6.0").Ifindex
			must(b, w.Conn.Set(other, rtnl.Change{Up: new(true)}))
			for i := range others {
				for _, a := range []string{fmt.Sprintf("10.0.%d.%d", i/256, i%256), fmt.Sprintf("2001:db8::1:%x", i+1)} {
					addr := netip.MustParseAddr(a)
					must(b, w.Conn.AddProxy(uplink.Ifindex, addr, rtnl.Protocol))
					must(b, w.Conn.ReplaceRoute(rtnl.Route{
						Dst: netip.PrefixFrom(addr, addr.BitLen()), Protocol: rtnl.Protocol, OIF: other, Metric: 2,
					}))
				}
			}
			want := Route{
				Ifindex: w.link(b, "vif5.0").Ifindex, Interface: "vif5.0", Guest: prefixes("192.0.2.77/32", "2001:db8::77/128"),
				Host: prefixes("192.0.2.1/32", "2001:db8::1/128"), Proxy: true, Uplink: uplink, Forwarding: Families{IPv4: true, IPv6: true},
			}
			keeper := State{Ifindex: other, Forwarding: want.Forwarding, Uplink: uplink, Proxied: []Proxied{{Uplink: uplink.Ifindex, Addr: netip.MustParseAddr("2001:db8::1:1")}}}
			h := w.start(keeper)
			_, err := h.Shared.Use(b.Context(), h.Conn, h.Sysctls, keeper)
			must(b, err)
			b.ReportAllocs()
			w.host.Do(b, func() error { return applyAgain(b, h, want) }) // elsewhere the settings are slow to find: package sysctl
		})
	}
}

func applyAgain(b *testing.B, h Host, want Route) error {
	for b.Loop() {
		state, err := Prepare(h.Conn, h.Sysctls, want, State{})
		if err != nil {
			return err
		}
		result, err := Apply(b.Context(), h, want, state)
		if err != nil {
			return err
		}
		b.StopTimer()
		if _, err := Undo(b.Context(), h, result.State); err != nil {
			return err
		}
		b.StartTimer()
	}
	return nil
}
