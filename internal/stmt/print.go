package stmt

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Print writes a value of the type, in network order, as nft does.
func (d *Datatype) Print(v []byte) string {
	if d.print != nil {
		return d.print(v)
	}
	n := uint64(0)
	for _, c := range v {
		if n>>56 != 0 {
			return fmt.Sprintf("0x%x", v) // longer than any number: raw payload
		}
		n = n<<8 | uint64(c)
	}
	if d.Bitmask {
		return d.printFlags(n)
	}
	if d != InetService { // whose names nft does not print either
		for _, s := range d.symbols {
			if s.value == n {
				return s.name
			}
		}
	}
	if d.hex {
		return fmt.Sprintf("0x%x", n)
	}
	return strconv.FormatUint(n, 10)
}

func (d *Datatype) printFlags(n uint64) string {
	var words []string
	rest := n
	for _, s := range d.symbols {
		if rest&s.value != 0 {
			words = append(words, s.name)
			rest &^= s.value
		}
	}
	if rest != 0 || len(words) == 0 {
		return fmt.Sprintf("0x%x", n)
	}
	return strings.Join(words, "|")
}

// Print writes e as nft does: one value, a prefix or a range.
func (e Elem) Print(d *Datatype) string {
	switch {
	case e.Prefix >= 0 && d == Ifname:
		return strconv.Quote(string(e.Lo[:e.Prefix/8]) + "*")
	case e.Prefix >= 0:
		addr, _ := netip.AddrFromSlice(e.Lo) // of an address type: nothing else has prefixes
		return netip.PrefixFrom(addr, e.Prefix).String()
	case e.Single():
		return d.Print(e.Lo)
	}
	return d.printEnd(e.Lo) + "-" + d.printEnd(e.Hi)
}

// printEnd writes one end of a range, which nft does without symbols: they have dashes themselves.
func (d *Datatype) printEnd(v []byte) string {
	if d.symbols == nil {
		return d.Print(v)
	}
	return (&Datatype{hex: d.hex}).Print(v)
}

func printMAC(v []byte) string { return net.HardwareAddr(v).String() }

func printIP(v []byte) string {
	addr, _ := netip.AddrFromSlice(v) // 4 or 16 bytes, as the field has
	return addr.String()
}

func printIfname(v []byte) string {
	return strconv.Quote(strings.TrimRight(string(v), "\x00"))
}

func printClass(v []byte) string {
	switch string(v) {
	case "\x00\x00\x00\x00":
		return "none"
	case "\xff\xff\xff\xff":
		return "root"
	}
	return fmt.Sprintf("%x:%x", uint16(v[0])<<8|uint16(v[1]), uint16(v[2])<<8|uint16(v[3]))
}
