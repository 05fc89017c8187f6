package takeover

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	nudPermanent  = 0x80
	nudNoARP      = 0x40
	nudValid      = nudPermanent | nudNoARP | nudReachable | nudStale | nudDelay | nudProbe
	nudReachable  = 0x02
	nudStale      = 0x04
	nudDelay      = 0x08
	nudProbe      = 0x10
	nudIncomplete = 0x01
	nudFailed     = 0x20
)

// neighbour is RTM_NEWNEIGH: an entry of the ARP or neighbour discovery table, or an address that is answered for (proxy).
type neighbour struct{ object }

func (n neighbour) link() int     { return int(binary.NativeEndian.Uint32(n.header[4:])) }
func (n neighbour) state() uint16 { return binary.NativeEndian.Uint16(n.header[8:]) }
func (n neighbour) proxy() bool   { return n.header[10]&unix.NTF_PROXY != 0 }

func (n neighbour) ip() netip.Addr {
	ip, _ := netip.AddrFromSlice(n.get(unix.NDA_DST))
	return ip
}

// matters reports an entry that a person made. The others the kernel learns again, and what it has without ARP is multicast.
func (n neighbour) matters() bool {
	if n.proxy() || n.state()&nudPermanent != 0 {
		return true
	}
	mac := n.get(unix.NDA_LLADDR)
	return n.state() == nudNoARP && len(mac) > 0 && mac[0]&1 == 0
}

// on is the entry on another link.
func (n neighbour) on(link int) neighbour {
	return neighbour{n.withHeader(func(h []byte) { binary.NativeEndian.PutUint32(h[4:], uint32(link)) })}
}

// clean is the entry without what the kernel says of its use.
func (n neighbour) clean() neighbour {
	return neighbour{n.without(unix.NDA_CACHEINFO, unix.NDA_PROBES)}
}

func (n neighbour) ident() string { return n.clean().object.ident() }

// String is what completes `ip neigh add`.
func (n neighbour) String() string {
	switch {
	case n.proxy():
		return fmt.Sprintf("proxy %v", n.ip())
	case n.state() == nudNoARP:
		return fmt.Sprintf("%v lladdr %v nud noarp", n.ip(), net.HardwareAddr(n.get(unix.NDA_LLADDR)))
	default:
		return fmt.Sprintf("%v lladdr %v nud permanent", n.ip(), net.HardwareAddr(n.get(unix.NDA_LLADDR)))
	}
}
