package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Forever is the lifetime of an address that does not age (INFINITY_LIFE_TIME).
const Forever = 0xffffffff

// ifaProto is IFA_PROTO (linux/if_addr.h).
const ifaProto = 11

// Scopes of addresses and IPv4 routes (rtnetlink(7)): how far away what they name may be.
const (
	ScopeGlobal = unix.RT_SCOPE_UNIVERSE
	ScopeLink   = unix.RT_SCOPE_LINK
	ScopeHost   = unix.RT_SCOPE_HOST
)

// Address is one address of a link (struct ifaddrmsg and its attributes, linux/if_addr.h).
type Address struct {
	Index     int          // of the link
	Prefix    netip.Prefix // the link's own address, and how much of it the link's network has in common
	Peer      netip.Addr   // the far end of a point-to-point link; not valid: there is none
	Broadcast netip.Addr   // IPv4 only; not valid: there is none
	Label     string       // IPv4 only; empty: the link's name
	Scope     uint8        // ScopeGlobal, …
	Flags     uint32       // IFA_F_*: what is asked for, and in a list also what the kernel says
	Protocol  uint8        // IFA_PROTO; kernels before 5.18 neither take it nor tell it
	Metric    uint32       // of the route to the prefix (IFA_RT_PRIORITY); 0: the kernel's default
	Valid     uint32       // seconds until it goes; Forever. To be set, 0 is Forever, too
	Preferred uint32       // seconds until no new connection takes it; likewise
}

// ListAddresses reads the addresses of a link, or with index 0 those of every link, IPv4 and IPv6, link-local ones as well, in the
// kernel's order. ErrNotFound when the link has gone.
func (c *Conn) ListAddresses(ctx context.Context, index int) ([]Address, error) {
	var list []Address
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		msg.Index = uint32(index)
		req.AddData(msg)
		return req
	}, func() { list = nil }, func(m nlconn.Message) error {
		a, err := parseWholeAddress(m.Payload)
		if err == nil && (index == 0 || a.Index == index) {
			list = append(list, a)
		}
		return err
	})
	if err != nil {
		return nil, nlconn.Describe(err, func() string { return fmt.Sprintf("read addresses of ifindex %d", index) })
	}
	return list, nil
}

// AddAddress gives a link an address. ErrExists when it has it; ErrNotFound when the link has gone; ErrPermission also where IPv6 is
// off on the link (disable_ipv6).
func (c *Conn) AddAddress(a Address) error {
	return c.addressRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add", a)
}

// ReplaceAddress gives a link an address, or changes the flags, metric and lifetimes of one that it has.
func (c *Conn) ReplaceAddress(a Address) error {
	return c.addressRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "replace", a)
}

// DeleteAddress takes an address from a link: the one of just this prefix (and peer and label, where given). ErrAddress when the link does not
// have it. Where it is the first of its IPv4 network the others of that network go too, unless promote_secondaries is on.
func (c *Conn) DeleteAddress(a Address) error {
	return c.addressRequest(unix.RTM_DELADDR, 0, "delete", a)
}

func (c *Conn) addressRequest(kind, flags int, verb string, a Address) error {
	req := nl.NewNetlinkRequest(kind, flags)
	local := a.Prefix.Addr()
	msg := nl.NewIfAddrmsg(family(local))
	msg.Index, msg.Prefixlen, msg.Scope = uint32(a.Index), uint8(a.Prefix.Bits()), a.Scope
	msg.Flags = uint8(a.Flags) // the rest is in IFA_FLAGS
	req.AddData(msg)
	far := local
	if a.Peer.IsValid() {
		far = a.Peer
	}
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, local.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, far.AsSlice()))
	if a.Label != "" {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(a.Label)))
	}
	if kind == unix.RTM_NEWADDR {
		addAddressDetails(req, a)
	}
	return c.change(req, func() string {
		return fmt.Sprintf("%s address %v of ifindex %d", verb, a.Prefix, a.Index)
	})
}

// addAddressDetails adds what does not tell one address from another.
func addAddressDetails(req *nl.NetlinkRequest, a Address) {
	req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(a.Flags)))
	if a.Broadcast.IsValid() {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
	}
	if a.Protocol != 0 {
		req.AddData(nl.NewRtAttr(ifaProto, nl.Uint8Attr(a.Protocol)))
	}
	if a.Metric != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(a.Metric)))
	}
	if a.Valid != 0 || a.Preferred != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, cacheInfo(a)))
	}
}

// cacheInfo is struct ifa_cacheinfo{prefered, valid, cstamp, tstamp}.
func cacheInfo(a Address) []byte {
	valid := a.Valid
	if valid == 0 {
		valid = Forever
	}
	b := binary.NativeEndian.AppendUint32(nil, a.Preferred)
	b = binary.NativeEndian.AppendUint32(b, valid)
	return append(b, make([]byte, 8)...)
}

// parseWholeAddress reads struct ifaddrmsg and its attributes.
func parseWholeAddress(b []byte) (Address, error) {
	if len(b) < unix.SizeofIfAddrmsg {
		return Address{}, fmt.Errorf("address message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	bits := int(b[1])
	out := Address{Index: int(int32(binary.NativeEndian.Uint32(b[4:]))), Flags: uint32(b[2]), Scope: b[3]}
	var local, far netip.Addr
	a := nlconn.Attributes(b[unix.SizeofIfAddrmsg:])
	for a.Next() {
		switch a.Type {
		case unix.IFA_ADDRESS:
			far = address(&a)
		case unix.IFA_LOCAL:
			local = address(&a)
		case unix.IFA_BROADCAST:
			out.Broadcast = address(&a)
		case unix.IFA_LABEL:
			out.Label = string(a.Text())
		case unix.IFA_FLAGS:
			out.Flags = a.Uint32()
		case ifaProto:
			out.Protocol = a.Uint8()
		case unix.IFA_RT_PRIORITY:
			out.Metric = a.Uint32()
		case unix.IFA_CACHEINFO:
			if len(a.Value) < 8 {
				a.Err = nlconn.ErrMalformed
				continue
			}
			out.Preferred, out.Valid = binary.NativeEndian.Uint32(a.Value), binary.NativeEndian.Uint32(a.Value[4:])
		}
	}
	switch {
	case !local.IsValid(): // IPv6 has it where there is a peer only
		local = far
	case far.IsValid() && far != local:
		out.Peer = far
	}
	out.Prefix = netip.PrefixFrom(local, bits)
	if a.Err == nil && !out.Prefix.IsValid() {
		a.Err = nlconn.ErrMalformed
	}
	if a.Err != nil {
		return Address{}, fmt.Errorf("address message for ifindex %d: %w", out.Index, a.Err)
	}
	return out, nil
}

// address reads an attribute that is an IPv4 or IPv6 address.
func address(a *nlconn.Attrs) netip.Addr {
	addr, ok := netip.AddrFromSlice(a.Value)
	if !ok {
		a.Err = nlconn.ErrMalformed
	}
	return addr
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
