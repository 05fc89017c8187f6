package handler

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAnAddressLeadsToOneGuest(t *testing.T) {
	t.Parallel()
	of := func(texts ...string) []netip.Prefix {
		var list []netip.Prefix
		for _, s := range texts {
			list = append(list, netip.MustParsePrefix(s))
		}
		return list
	}
	p := newPlaces()
	take := func(ifindex int, name string, addresses []netip.Prefix, refusal string) {
		t.Helper()
		switch err := p.take(ifindex, holder{name, seatOf(name)}, addresses); {
		case refusal == "" && err != nil:
			t.Errorf("%s (%d): %v", name, ifindex, err)
		case refusal != "" && (err == nil || !strings.Contains(err.Error(), refusal)):
			t.Errorf("%s (%d): %v, want %s", name, ifindex, err, refusal)
		}
	}
	take(1, "vif1.0", of("192.0.2.1/32", "2001:db8:1::/64"), "")
	take(1, "vif1.0", of("192.0.2.1/32", "2001:db8:1::/64"), "")
	take(2, "vif1.0-emu", of("192.0.2.1/32"), "")
	take(3, "vif3.0", of("192.0.2.3/32", "192.0.2.1/32"), "192.0.2.1 is vif1.0")
	take(4, "tap4", of("2001:db8:1::/64"), "2001:db8:1::/64 is vif1.0's")
	take(5, "vif5.0", of("192.0.2.3/32"), "") // who was refused one address has none
	take(6, "vif1.0", of("192.0.2.1/32"), "") // the same name again, before the old one is forgotten
	for _, ifindex := range []int{1, 2, 6} {
		take(3, "vif3.0", of("192.0.2.1/32"), "192.0.2.1 is vif1.0")
		p.drop(ifindex)
	}
	if err := p.take(3, holder{"vif3.0", "3.0"}, of("192.0.2.1/32", "2001:db8:1::/64")); err != nil {
		t.Errorf("after all others have gone: %v", err)
	}
	p.drop(3)
	p.drop(5)
	if len(p.users)+len(p.has) != 0 {
		t.Errorf("left: %v, %v", p.users, p.has)
	}
}
