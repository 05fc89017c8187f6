package takeover

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ifaProto       = 11 // IFA_PROTO, linux/if_addr.h, from Linux 5.18
	protoKernelLL  = 3  // IFAPROT_KERNEL_LL
	forever        = 0xffffffff
	addressesFlags = unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN
)

// address is RTM_NEWADDR.
type address struct{ object }

func (a address) family() byte { return a.header[0] }
func (a address) link() int    { return int(binary.NativeEndian.Uint32(a.header[4:])) }
func (a address) flags() uint32 {
	return a.uint32(unix.IFA_FLAGS, uint32(a.header[2]))
}

// prefix is the address with its prefix's length; on a point-to-point link the host's own end.
func (a address) prefix() netip.Prefix {
	v := a.get(unix.IFA_LOCAL)
	if v == nil {
		v = a.get(unix.IFA_ADDRESS)
	}
	ip, _ := netip.AddrFromSlice(v)
	return netip.PrefixFrom(ip, int(a.header[1]))
}

// id is what the kernel tells addresses of a link apart by.
func (a address) id() string {
	return fmt.Sprintf("%d/%x/%x/%d", a.family(), a.get(unix.IFA_LOCAL), a.get(unix.IFA_ADDRESS), a.header[1])
}

// ident is the same for addresses that are the same but for their link and how long they are valid.
func (a address) ident() string {
	o := a.without(unix.IFA_CACHEINFO).with(unix.IFA_FLAGS, u32(a.flags()&addressesFlags))
	if a.family() == unix.AF_INET {
		o = o.without(unix.IFA_LABEL) // follows the link's name
	}
	return o.withHeader(func(h []byte) { h[2] = 0; clear(h[4:8]) }).ident()
}

// String is what completes `ip addr add`.
func (a address) String() string {
	s := a.prefix().String()
	if peer := a.get(unix.IFA_ADDRESS); a.family() == unix.AF_INET && !bytes.Equal(peer, a.get(unix.IFA_LOCAL)) {
		ip, _ := netip.AddrFromSlice(peer)
		s = fmt.Sprintf("%v peer %v/%d", a.prefix().Addr(), ip, a.header[1])
	}
	return s
}

// on is the address on another link, of which its label must begin with the name.
func (a address) on(l Link, was string) address {
	o := a.withHeader(func(h []byte) { binary.NativeEndian.PutUint32(h[4:], uint32(l.Index)) })
	if label := a.text(unix.IFA_LABEL); label != "" {
		rest, ok := strings.CutPrefix(label, was)
		if label = l.Name + rest; !ok || len(label) >= unix.IFNAMSIZ {
			label = l.Name
		}
		o = o.with(unix.IFA_LABEL, zeroTerminated(label))
	}
	return address{o}
}

// lifetimes are the seconds for which it is preferred and valid.
func (a address) lifetimes() (preferred, valid uint32) {
	v := a.get(unix.IFA_CACHEINFO) // struct ifa_cacheinfo
	if len(v) < 8 {
		return forever, forever
	}
	return binary.NativeEndian.Uint32(v), binary.NativeEndian.Uint32(v[4:])
}

// leased reports an address that ends by itself: DHCP's, or a router advertisement's.
func (a address) leased() bool {
	_, valid := a.lifetimes()
	return valid != forever
}

// after is the address when some time has gone by; false when it would have ended.
func (a address) after(elapsed time.Duration) (address, bool) {
	if !a.leased() {
		return a, true
	}
	preferred, valid := a.lifetimes()
	gone := uint32(max(elapsed, 0) / time.Second)
	if valid <= gone {
		return a, false
	}
	info := slices.Clone(a.get(unix.IFA_CACHEINFO))
	if preferred != forever {
		binary.NativeEndian.PutUint32(info, preferred-min(preferred, gone))
	}
	binary.NativeEndian.PutUint32(info[4:], valid-gone)
	return address{a.with(unix.IFA_CACHEINFO, info)}, true
}

// kernelMade reports an IPv6 link-local address that every link gets from the kernel: it stays, and the bridge has its own.
func (a address) kernelMade(mac net.HardwareAddr) bool {
	ip := a.prefix().Addr()
	if a.family() != unix.AF_INET6 || !ip.IsLinkLocalUnicast() {
		return false
	}
	if proto := a.get(ifaProto); len(proto) > 0 {
		return proto[0] == protoKernelLL
	}
	return a.flags()&unix.IFA_F_STABLE_PRIVACY != 0 || ip == eui64(mac)
}

// eui64 is the link-local address that a MAC makes (RFC 4291, appendix A).
func eui64(mac net.HardwareAddr) netip.Addr {
	if len(mac) != 6 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// addressesOf picks the addresses of a link that are not the kernel's own.
func addressesOf(all []address, l Link) []address {
	return slices.DeleteFunc(slices.Clone(all), func(a address) bool { return a.link() != l.Index || a.kernelMade(l.mac()) })
}

// order says what to take away, and then what to add, for a link to have the wanted addresses of one family in the wanted order. have is
// what of them it has.
//
// The kernel puts a new IPv4 address behind the others, which makes it a secondary one (__inet_insert_ifa, net/ipv4/devinet.c),
// and a new IPv6 address before those of its scope (ipv6_link_dev_addr, net/ipv6/addrconf.c). So what is there is kept as far
// as it agrees from the end that is never added to, and no address is taken away that need not be.
func order(family byte, have, want []address) (remove, add []address) {
	have, want = slices.Clone(have), slices.Clone(want)
	if family == unix.AF_INET6 {
		slices.Reverse(have)
		slices.Reverse(want)
	}
	n := 0
	for n < len(have) && n < len(want) && have[n].ident() == want[n].ident() {
		n++
	}
	remove, add = have[n:], want[n:]
	slices.Reverse(remove) // a primary address would take its secondary ones along
	return remove, add
}
