package firewall

import (
	"slices"

	"vifd/internal/stmt"
)

// sees reports whether a field can be read where a family's packets of that direction are judged. A statement about one that
// cannot never holds, and is left out.
func sees(f Family, d direction, field *stmt.Field) bool {
	switch field.Base {
	case stmt.LinkHeader:
		// What is sent to a routed guest has no link header yet, and a tag is gone before inet's hooks.
		if f != Bridge && (d == toGuest || isOf(field, stmt.VLAN)) {
			return false
		}
	case stmt.NetworkHeader:
		return isOf(field, stmt.ARP) && f != Inet || len(field.Needs) == 0 || !isOf(field, stmt.ARP) && f != ARP
	case stmt.TransportHeader, stmt.Exthdr, stmt.ExthdrPresent, stmt.Ct:
		return f != ARP
	case stmt.Fib:
		return f != ARP && answers(d, field.Fib)
	case stmt.Meta:
		return seesMeta(f, d, field.Meta)
	}
	return true
}

// answers reports whether the kernel takes the question in the hooks of a direction (nft_fib_validate, net/netfilter/nft_fib.c):
// what a packet to a guest has come by is not known in output, nor what one from it goes out by in prerouting.
func answers(d direction, l stmt.Lookup) bool {
	if d == toGuest {
		return l.Result == stmt.FibAddrType && !l.Iif
	}
	return l.Result != stmt.FibAddrType || !l.Oif
}

func seesMeta(f Family, d direction, key stmt.MetaKey) bool {
	switch key {
	case stmt.MetaOifname, stmt.MetaOifgroup, stmt.MetaObrname:
		// Where a packet goes to is decided after prerouting and input.
		return d == toGuest && (key != stmt.MetaObrname || f == Bridge)
	case stmt.MetaIbrname:
		return f == Bridge && d == fromGuest
	case stmt.MetaIifname, stmt.MetaIifgroup:
		// A bridge's postrouting is not told by which port a frame came, and the host's own ARP comes in by none.
		return d == fromGuest || f == Inet
	case stmt.MetaNFProto:
		return f == Inet // as nft has it: elsewhere it is the table's own
	case stmt.MetaL4Proto:
		return f != ARP
	case stmt.MetaProtocol, stmt.MetaPktType, stmt.MetaMark, stmt.MetaPriority, stmt.MetaLength:
	}
	return true
}

// isOf reports whether a field is one of a protocol's, or of one that it carries.
func isOf(f *stmt.Field, p stmt.Proto) bool { return slices.Contains(f.Needs, p) }
