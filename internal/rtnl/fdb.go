package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// PinFDB ties mac to a bridge's port: frames to it go there and nowhere else, it does not age, and seen on another port it is not
// learned there. It replaces what the bridge has learned (`bridge fdb replace MAC dev PORT master static sticky`).
//
// A permanent entry would be another thing: the bridge takes frames to it for the host's own. A static one without sticky
// is learned anew at the next port it is seen on (br_fdb_update, net/bridge/br_fdb.c).
func (c *Conn) PinFDB(port int, mac net.HardwareAddr) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	req.AddData(&netlink.Ndmsg{
		Family: unix.AF_BRIDGE, Index: uint32(port), State: netlink.NUD_NOARP, Flags: netlink.NTF_MASTER | netlink.NTF_STICKY,
	})
	req.AddData(nl.NewRtAttr(netlink.NDA_LLADDR, mac))
	return c.change(req, func() string { return fmt.Sprintf("pin %s to bridge port with ifindex %d", mac, port) })
}

// UnpinFDB takes the entry of mac at a bridge's port away. ErrNotFound when there is none.
func (c *Conn) UnpinFDB(port int, mac net.HardwareAddr) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELNEIGH, 0)
	req.AddData(&netlink.Ndmsg{Family: unix.AF_BRIDGE, Index: uint32(port), Flags: netlink.NTF_MASTER})
	req.AddData(nl.NewRtAttr(netlink.NDA_LLADDR, mac))
	return c.change(req, func() string { return fmt.Sprintf("unpin %s from bridge port with ifindex %d", mac, port) })
}

// PinnedFDB lists the addresses that are tied to a bridge's port as by PinFDB. It costs the kernel a walk through the
// bridge's whole table.
func (c *Conn) PinnedFDB(ctx context.Context, port int) ([]net.HardwareAddr, error) {
	var macs []net.HardwareAddr
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
		req.AddData(&netlink.Ndmsg{Family: unix.AF_BRIDGE, Index: uint32(port)})
		return req
	}, func() { macs = nil }, func(m nlconn.Message) error {
		mac, ok, err := parsePinned(m.Payload, port)
		if ok {
			macs = append(macs, mac)
		}
		return err
	})
	if err != nil {
		return nil, nlconn.Describe(err, func() string { return fmt.Sprintf("read FDB of bridge port with ifindex %d", port) })
	}
	return macs, nil
}

// parsePinned reads struct ndmsg (linux/neighbour.h): true for an entry of port that is static and sticky, in any VLAN but none.
func parsePinned(b []byte, port int) (net.HardwareAddr, bool, error) {
	if len(b) < unix.SizeofNdMsg {
		return nil, false, fmt.Errorf("FDB message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	index := int(int32(binary.NativeEndian.Uint32(b[4:])))
	state := binary.NativeEndian.Uint16(b[8:])
	flags := b[10]
	if index != port || state != netlink.NUD_NOARP || flags&netlink.NTF_STICKY == 0 {
		return nil, false, nil
	}
	var mac net.HardwareAddr
	a := nlconn.Attributes(b[unix.SizeofNdMsg:])
	for a.Next() {
		switch a.Type {
		case netlink.NDA_LLADDR:
			mac = net.HardwareAddr(slices.Clone(a.Value))
		case netlink.NDA_VLAN:
			return nil, false, nil // another's: PinFDB names no VLAN
		}
	}
	return mac, mac != nil, a.Err
}
