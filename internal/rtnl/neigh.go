package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// ndaProtocol is NDA_PROTOCOL (linux/neighbour.h).
const ndaProtocol = 12

// Neighbour is one entry of the ARP or neighbour discovery table (struct ndmsg and its attributes, linux/neighbour.h), or one address that
// the host answers for (Proxies).
type Neighbour struct {
	Index    int // of the link
	Addr     netip.Addr
	MAC      net.HardwareAddr // nil for an address that is answered for, and one that is asked about
	State    uint16           // NUD_*
	Flags    uint8            // NTF_*
	Protocol uint8            // NDA_PROTOCOL, who made it; kernels before 5.1 neither take it nor tell it
}

// Permanent reports whether the entry neither ages nor is ever asked about.
func (n *Neighbour) Permanent() bool { return n.State&unix.NUD_PERMANENT != 0 }

// Neighbours reads the neighbours of a link, or with index 0 those of every link, of both families, in no order. The kernel walks through
// both tables.
func (c *Conn) Neighbours(ctx context.Context, index int) ([]Neighbour, error) {
	list, err := c.neighbours(ctx, index, 0)
	return list, nlconn.Describe(err, func() string { return fmt.Sprintf("read neighbours of ifindex %d", index) })
}

// Proxies reads the addresses that are answered for on a link, or with index 0 on every link (`ip neigh show proxy`).
func (c *Conn) Proxies(ctx context.Context, index int) ([]Neighbour, error) {
	list, err := c.neighbours(ctx, index, unix.NTF_PROXY)
	return list, nlconn.Describe(err, func() string { return fmt.Sprintf("read proxied addresses of ifindex %d", index) })
}

func (c *Conn) neighbours(ctx context.Context, index int, flags uint8) ([]Neighbour, error) {
	var list []Neighbour
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
		req.AddData(&netlink.Ndmsg{Family: unix.AF_UNSPEC, Flags: flags})
		if index != 0 {
			req.AddData(nl.NewRtAttr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(index))))
		}
		return req
	}, func() { list = nil }, func(m nlconn.Message) error {
		// A bridge's FDB is a table of neighbours too.
		if len(m.Payload) > 0 && m.Payload[0] != unix.AF_INET && m.Payload[0] != unix.AF_INET6 {
			return nil
		}
		n, err := parseNeighbour(m.Payload)
		if err == nil && (index == 0 || n.Index == index) && n.Flags&unix.NTF_PROXY == flags {
			list = append(list, n)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Proxy reads one address that is answered for on a link. ErrNotFound when it is not, or the link has gone.
func (c *Conn) Proxy(index int, addr netip.Addr) (n Neighbour, err error) {
	req := neighbourRequest(unix.RTM_GETNEIGH, 0, Neighbour{Index: index, Addr: addr, Flags: unix.NTF_PROXY})
	err = c.conn.Exchange(req, func(m nlconn.Message) (err error) {
		n, err = parseNeighbour(m.Payload)
		return err
	})
	return n, nlconn.Describe(err, func() string { return fmt.Sprintf("read whether %v is answered for on ifindex %d", addr, index) })
}

// SetNeighbour makes an entry or changes it, in the state given. One that is permanent goes when its link goes down, or gets another MAC.
func (c *Conn) SetNeighbour(n Neighbour) error {
	req := neighbourRequest(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, n)
	return c.change(req, func() string {
		return fmt.Sprintf("set neighbour %v to %s on ifindex %d", n.Addr, n.MAC, n.Index)
	})
}

// DeleteNeighbour forgets the entry of an address. ErrNotFound when there is none.
func (c *Conn) DeleteNeighbour(index int, addr netip.Addr) error {
	req := neighbourRequest(unix.RTM_DELNEIGH, 0, Neighbour{Index: index, Addr: addr})
	return c.change(req, func() string { return fmt.Sprintf("delete neighbour %v of ifindex %d", addr, index) })
}

// AddProxy has the host answer for an address on a link (`ip neigh add proxy`); where it does already, the entry becomes this protocol's.
// It does answer where it forwards, the address is reached by another link, and, in IPv6, proxy_ndp is on. Entries go when their
// link goes down.
func (c *Conn) AddProxy(index int, addr netip.Addr, protocol uint8) error {
	req := neighbourRequest(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE,
		Neighbour{Index: index, Addr: addr, Flags: unix.NTF_PROXY, State: unix.NUD_PERMANENT, Protocol: protocol})
	return c.change(req, func() string { return fmt.Sprintf("answer for %v on ifindex %d", addr, index) })
}

// DeleteProxy ends that. ErrNotFound when the host does not answer for the address there, or the link has gone.
func (c *Conn) DeleteProxy(index int, addr netip.Addr) error {
	req := neighbourRequest(unix.RTM_DELNEIGH, 0, Neighbour{Index: index, Addr: addr, Flags: unix.NTF_PROXY})
	return c.change(req, func() string { return fmt.Sprintf("stop answering for %v on ifindex %d", addr, index) })
}

func neighbourRequest(kind, flags int, n Neighbour) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.AddData(&netlink.Ndmsg{Family: uint8(family(n.Addr)), Index: uint32(n.Index), State: n.State, Flags: n.Flags})
	req.AddData(nl.NewRtAttr(unix.NDA_DST, n.Addr.AsSlice()))
	if n.MAC != nil {
		req.AddData(nl.NewRtAttr(unix.NDA_LLADDR, n.MAC))
	}
	if n.Protocol != 0 {
		req.AddData(nl.NewRtAttr(ndaProtocol, nl.Uint8Attr(n.Protocol)))
	}
	return req
}

// parseNeighbour reads struct ndmsg and its attributes, of the families IPv4 and IPv6.
func parseNeighbour(b []byte) (Neighbour, error) {
	if len(b) < unix.SizeofNdMsg {
		return Neighbour{}, fmt.Errorf("neighbour message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	n := Neighbour{Index: int(int32(binary.NativeEndian.Uint32(b[4:]))), State: binary.NativeEndian.Uint16(b[8:]), Flags: b[10]}
	a := nlconn.Attributes(b[unix.SizeofNdMsg:])
	for a.Next() {
		switch a.Type {
		case unix.NDA_DST:
			n.Addr = address(&a)
		case unix.NDA_LLADDR:
			n.MAC = net.HardwareAddr(slices.Clone(a.Value))
		case ndaProtocol:
			n.Protocol = a.Uint8()
		}
	}
	if a.Err == nil && !n.Addr.IsValid() {
		a.Err = nlconn.ErrMalformed
	}
	if a.Err != nil {
		return Neighbour{}, fmt.Errorf("neighbour message for ifindex %d: %w", n.Index, a.Err)
	}
	return n, nil
}
