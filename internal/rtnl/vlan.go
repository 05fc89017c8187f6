package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// VLANs is a range of VLANs that a bridge's port is in.
type VLANs struct {
	First, Last uint16 // both included; the same for a single one
	PVID        bool   // frames that come in without a tag are in it; of one VLAN only
	Untagged    bool   // frames of it go out without a tag
}

// String is as bridge(8) takes it: "vid 10 pvid untagged", "vid 30-40".
func (v VLANs) String() string {
	s := fmt.Sprintf("vid %d", v.First)
	if v.Last != v.First {
		s += fmt.Sprintf("-%d", v.Last)
	}
	if v.PVID {
		s += " pvid"
	}
	if v.Untagged {
		s += " untagged"
	}
	return s
}

// Filtering is how a bridge treats VLANs.
type Filtering struct {
	Supported   bool   // by the kernel (CONFIG_BRIDGE_VLAN_FILTERING)
	On          bool   // else ports are in all VLANs
	DefaultPVID uint16 // the VLAN that a new port is in, untagged; 0: none
}

// Filtering reads how a bridge treats VLANs. ErrNotFound when it has gone.
func (c *Conn) Filtering(bridge int) (Filtering, error) {
	var f Filtering
	err := c.conn.Exchange(getRequest(0, bridge), func(m nlconn.Message) (err error) {
		f, err = parseFiltering(m.Payload)
		return err
	})
	return f, nlconn.Describe(err, func() string { return fmt.Sprintf("read VLAN filtering of the bridge with ifindex %d", bridge) })
}

// SetFiltering has a bridge tell VLANs apart (`ip link set dev BRIDGE type bridge vlan_filtering 1`). ErrUnsupported when the kernel cannot.
func (c *Conn) SetFiltering(bridge int) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(bridge)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(KindBridge))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BR_VLAN_FILTERING, nl.Uint8Attr(1))
	req.AddData(info)
	return c.change(req, func() string { return fmt.Sprintf("turn on VLAN filtering of the bridge with ifindex %d", bridge) })
}

// AddVLANs puts a bridge's port into a range of VLANs; where it is in them it changes how. ErrUnsupported when the kernel has no VLAN
// filtering, or the link is no port of a bridge.
func (c *Conn) AddVLANs(port int, v VLANs) error {
	return c.change(vlanRequest(unix.RTM_SETLINK, port, v), func() string { return fmt.Sprintf("add %v to bridge port with ifindex %d", v, port) })
}

// DeleteVLANs takes a bridge's port out of a range of VLANs, those it is in; the kernel does not say whether it was (br_vlan_info).
func (c *Conn) DeleteVLANs(port int, v VLANs) error {
	v.PVID, v.Untagged = false, false
	return c.change(vlanRequest(unix.RTM_DELLINK, port, v), func() string { return fmt.Sprintf("delete %v of bridge port with ifindex %d", v, port) })
}

// vlanRequest is struct bridge_vlan_info, twice for a range (linux/if_bridge.h).
func vlanRequest(typ, port int, v VLANs) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(typ, 0)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(port)
	req.AddData(msg)
	var flags uint16
	if v.PVID {
		flags |= nl.BRIDGE_VLAN_INFO_PVID
	}
	if v.Untagged {
		flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
	}
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC|int(nl.NLA_F_NESTED), nil)
	if v.First == v.Last {
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, vlanInfo(flags, v.First))
	} else {
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, vlanInfo(flags|nl.BRIDGE_VLAN_INFO_RANGE_BEGIN, v.First))
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, vlanInfo(flags|nl.BRIDGE_VLAN_INFO_RANGE_END, v.Last))
	}
	req.AddData(spec)
	return req
}

func vlanInfo(flags, vid uint16) []byte {
	return binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, flags), vid)
}

// PortVLANs lists the VLANs that a bridge's port is in, as ranges in ascending order; none where the kernel has no VLAN filtering. It
// costs a dump of all ports of all bridges: the kernel refuses to be asked for one (valid_bridge_getlink_req, net/core/rtnetlink.c).
func (c *Conn) PortVLANs(ctx context.Context, port int) ([]VLANs, error) {
	var list []VLANs
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_BRIDGE))
		req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(nl.RTEXT_FILTER_BRVLAN_COMPRESSED)))
		return req
	}, func() { list = nil }, func(m nlconn.Message) error {
		some, err := parseVLANs(m.Payload, port)
		list = append(list, some...)
		return err
	})
	if err != nil {
		return nil, nlconn.Describe(err, func() string { return fmt.Sprintf("read VLANs of bridge port with ifindex %d", port) })
	}
	return list, nil
}

// parseVLANs reads what family AF_BRIDGE says of a link: nothing of another than port.
func parseVLANs(b []byte, port int) ([]VLANs, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return nil, fmt.Errorf("link message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	if int(int32(binary.NativeEndian.Uint32(b[4:]))) != port {
		return nil, nil
	}
	var list []VLANs
	a := nlconn.Attributes(b[unix.SizeofIfInfomsg:])
	for a.Next() {
		if a.Type == unix.IFLA_AF_SPEC {
			list, a.Err = parseVLANInfo(a.Value)
		}
	}
	if a.Err != nil {
		return nil, fmt.Errorf("VLANs of ifindex %d: %w", port, a.Err)
	}
	return list, nil
}

func parseVLANInfo(b []byte) ([]VLANs, error) {
	var list []VLANs
	var begin *VLANs
	a := nlconn.Attributes(b)
	for a.Next() {
		if a.Type != nl.IFLA_BRIDGE_VLAN_INFO {
			continue
		}
		if len(a.Value) < 4 {
			return nil, nlconn.ErrMalformed
		}
		flags, vid := binary.NativeEndian.Uint16(a.Value), binary.NativeEndian.Uint16(a.Value[2:])
		v := VLANs{First: vid, Last: vid, PVID: flags&nl.BRIDGE_VLAN_INFO_PVID != 0, Untagged: flags&nl.BRIDGE_VLAN_INFO_UNTAGGED != 0}
		switch {
		case flags&nl.BRIDGE_VLAN_INFO_RANGE_BEGIN != 0:
			begin = &v
			continue
		case flags&nl.BRIDGE_VLAN_INFO_RANGE_END != 0 && (begin == nil || begin.First > vid):
			return nil, nlconn.ErrMalformed
		case flags&nl.BRIDGE_VLAN_INFO_RANGE_END != 0:
			v.First, begin = begin.First, nil
		}
		list = append(list, v)
	}
	if begin != nil {
		return nil, nlconn.ErrMalformed
	}
	return list, a.Err
}

// parseFiltering reads IFLA_BR_VLAN_* of a bridge. Every kernel says that filtering is off; only one that can turn it on says of
// which protocol the tags are (br_fill_info, net/bridge/br_netlink.c).
func parseFiltering(b []byte) (Filtering, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return Filtering{}, fmt.Errorf("link message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	var f Filtering
	a := nlconn.Attributes(b[unix.SizeofIfInfomsg:])
	for a.Next() {
		if a.Type != unix.IFLA_LINKINFO {
			continue
		}
		info := nlconn.Attributes(a.Value)
		for info.Next() {
			if info.Type == nl.IFLA_INFO_DATA {
				info.Err = parseBridgeVLAN(&f, info.Value)
			}
		}
		a.Err = info.Err
	}
	return f, a.Err
}

func parseBridgeVLAN(f *Filtering, b []byte) error {
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case nl.IFLA_BR_VLAN_FILTERING:
			f.On = a.Uint8() != 0
		case nl.IFLA_BR_VLAN_PROTOCOL:
			f.Supported = true
		case nl.IFLA_BR_VLAN_DEFAULT_PVID:
			if len(a.Value) >= 2 {
				f.DefaultPVID = binary.NativeEndian.Uint16(a.Value)
			}
		}
	}
	return a.Err
}
