package rtnl_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// TestListAddresses gives a link addresses of every sort, and compares with what ip(8) shows and with what is read back.
func TestListAddresses(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0", "vif2.0")
	c := dial(t, h)
	vif, other := link(t, c, "vif1.0").Index, link(t, c, "vif2.0").Index
	must(t, c.AddAddress(rtnl.Address{Index: other, Prefix: netip.MustParsePrefix("198.51.100.1/24")}))
	want := []rtnl.Address{
		{Index: vif, Prefix: netip.MustParsePrefix("10.0.0.1/32"), Peer: netip.MustParseAddr("10.0.0.2"), Scope: rtnl.ScopeLink},
		{Index: vif, Prefix: netip.MustParsePrefix("192.0.2.1/32"), Protocol: 118},
		{Index: vif, Prefix: netip.MustParsePrefix("203.0.113.1/24"), Broadcast: netip.MustParseAddr("203.0.113.255"), Label: "vif1.0:a", Metric: 7},
		{Index: vif, Prefix: netip.MustParsePrefix("203.0.113.2/24"), Flags: unix.IFA_F_NOPREFIXROUTE},
		{Index: vif, Prefix: netip.MustParsePrefix("2001:db8::1/128"), Flags: unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE, Protocol: 118},
	}
	for i, a := range want {
		must(t, c.AddAddress(a))
		mustBe(t, c.AddAddress(a), rtnl.ErrExists)
		must(t, c.ReplaceAddress(a))
		a.Flags |= unix.IFA_F_PERMANENT // what the kernel says of its own accord
		if i == 3 {
			a.Flags |= unix.IFA_F_SECONDARY
		}
		if a.Prefix.Addr().Is4() && a.Label == "" {
			a.Label = "vif1.0"
		}
		a.Valid, a.Preferred = rtnl.Forever, rtnl.Forever
		want[i] = a
	}
	got, err := c.ListAddresses(t.Context(), vif)
	must(t, err)
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	out := h.Run(t, "ip", "-o", "addr", "show", "dev", "vif1.0")
	for _, text := range []string{
		"inet 192.0.2.1/32 scope global", "inet 10.0.0.1 peer 10.0.0.2/32 scope link", "metric 7 brd 203.0.113.255 scope global vif1.0:a",
		"inet6 2001:db8::1/128 scope global nodad noprefixroute",
	} {
		if !strings.Contains(out, text) {
			t.Errorf("ip does not show %q:\n%s", text, out)
		}
	}

	must(t, c.ReplaceAddress(rtnl.Address{Index: vif, Prefix: want[4].Prefix, Valid: 1000, Preferred: 500}))
	got, err = c.ListAddresses(t.Context(), vif)
	must(t, err)
	if a := got[4]; a.Valid < 900 || a.Valid > 1000 || a.Preferred > 500 || a.Flags&unix.IFA_F_PERMANENT != 0 {
		t.Errorf("after a change of its lifetimes: %+v", a)
	}
	all, err := c.ListAddresses(t.Context(), 0)
	must(t, err)
	if len(all) != len(want)+3 { // 198.51.100.1, 127.0.0.1, ::1
		t.Errorf("all links have %+v", all)
	}
	for _, i := range []int{0, 1, 4} {
		must(t, c.DeleteAddress(want[i]))
		mustBe(t, c.DeleteAddress(want[i]), rtnl.ErrAddress)
	}
	must(t, c.DeleteAddress(want[2])) // and the secondary one with it
	got, err = c.ListAddresses(t.Context(), vif)
	must(t, err)
	if len(got) != 0 {
		t.Errorf("still there: %+v", got)
	}
	_, err = c.ListAddresses(t.Context(), 4711)
	mustBe(t, err, rtnl.ErrNotFound)
	mustBe(t, c.AddAddress(rtnl.Address{Index: 4711, Prefix: want[0].Prefix}), rtnl.ErrNotFound)
	h.Run(t, "sysctl", "-w", "net/ipv6/conf/vif1.0/disable_ipv6=1")
	mustBe(t, c.AddAddress(rtnl.Address{Index: vif, Prefix: netip.MustParsePrefix("2001:db8::1/128")}), rtnl.ErrPermission)
}
