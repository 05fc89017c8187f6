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

// Addresses lists the addresses of a link, IPv4 and IPv6, but not the IPv6 link-local ones, which the kernel makes up for every link.
func (c *Conn) Addresses(ctx context.Context, index int) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		msg.Index = uint32(index)
		req.AddData(msg)
		return req
	}, func() { prefixes = nil }, func(m nlconn.Message) error {
		p, ok, err := parseAddress(m.Payload, index)
		if ok && !(p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()) {
			prefixes = append(prefixes, p)
		}
		return err
	})
	if err != nil {
		return nil, nlconn.Describe(err, func() string { return fmt.Sprintf("read addresses of ifindex %d", index) })
	}
	return prefixes, nil
}

// parseAddress reads struct ifaddrmsg (linux/if_addr.h): false for another link's address.
func parseAddress(b []byte, index int) (netip.Prefix, bool, error) {
	if len(b) < unix.SizeofIfAddrmsg {
		return netip.Prefix{}, false, fmt.Errorf("address message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	if int(binary.NativeEndian.Uint32(b[4:])) != index {
		return netip.Prefix{}, false, nil
	}
	var peer, local netip.Addr
	a := nlconn.Attributes(b[unix.SizeofIfAddrmsg:])
	for a.Next() {
		switch a.Type {
		case unix.IFA_ADDRESS: // on a point-to-point link the far end's
			peer, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(a.Value)
		}
	}
	if !local.IsValid() {
		local = peer
	}
	return netip.PrefixFrom(local, int(b[1])), local.IsValid(), a.Err
}
