package rtnl

import (
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Change is what is to become of a link; what is nil or zero is left as it is. All of it goes in one request, which the
// kernel works off in this order and stops at the first that is refused; what came before stays done (do_setlink).
//
// Up and Master do not go together: kernels before 6.1 bring a link up before they enslave it.
type Change struct {
	MAC    net.HardwareAddr
	MTU    int
	Group  *uint32
	Name   string // kernels before 6.3 rename no link that is up: ErrBusy
	Alias  string
	Master *int // ifindex; 0 leaves the master
	Up     *bool
}

// String names the changes: "address fe:ff:ff:ff:ff:ff, mtu 9000".
func (ch Change) String() string {
	var parts []string
	if ch.MAC != nil {
		parts = append(parts, "address "+ch.MAC.String())
	}
	if ch.MTU != 0 {
		parts = append(parts, fmt.Sprintf("mtu %d", ch.MTU))
	}
	if ch.Group != nil {
		parts = append(parts, fmt.Sprintf("group %d", *ch.Group))
	}
	if ch.Name != "" {
		parts = append(parts, fmt.Sprintf("name %q", ch.Name))
	}
	if ch.Alias != "" {
		parts = append(parts, fmt.Sprintf("alias %q", ch.Alias))
	}
	if ch.Master != nil {
		parts = append(parts, fmt.Sprintf("master %d", *ch.Master))
	}
	if ch.Up != nil && *ch.Up {
		parts = append(parts, "up")
	}
	if ch.Up != nil && !*ch.Up {
		parts = append(parts, "down")
	}
	return strings.Join(parts, ", ")
}

// Set changes a link. ErrNotFound when it has gone; ErrExists where another link has the name; ErrBusy where the driver wants it down for a new MAC; EINVAL for an MTU out of
// the driver's bounds, or for a master that has gone.
func (c *Conn) Set(index int, ch Change) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	if ch.Up != nil {
		msg.Change = unix.IFF_UP
		if *ch.Up {
			msg.Flags = unix.IFF_UP
		}
	}
	req.AddData(msg)
	if ch.MAC != nil {
		req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, ch.MAC))
	}
	if ch.MTU != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(ch.MTU))))
	}
	if ch.Group != nil {
		req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(*ch.Group)))
	}
	if ch.Name != "" {
		req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(ch.Name)))
	}
	if ch.Alias != "" {
		req.AddData(nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(ch.Alias)))
	}
	if ch.Master != nil {
		req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(*ch.Master))))
	}
	return c.change(req, func() string { return fmt.Sprintf("set %v of ifindex %d", ch, index) })
}

// SetPort changes flags of a bridge's port, all in one request. EOPNOTSUPP or EINVAL when the link is no port of a bridge.
func (c *Conn) SetPort(index int, flags PortFlags) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_PROTINFO|int(nl.NLA_F_NESTED), nil)
	for _, flag := range portFlags() {
		if v := *flags.field(flag.attr); v != nil {
			info.AddRtAttr(int(flag.attr), nl.Uint8Attr(onOff(*v)))
		}
	}
	req.AddData(info)
	return c.change(req, func() string {
		var parts []string
		for name, on := range flags.All() {
			parts = append(parts, fmt.Sprintf("%s %s", name, map[bool]string{true: "on", false: "off"}[on]))
		}
		return fmt.Sprintf("set bridge port's %s of ifindex %d", strings.Join(parts, ", "), index)
	})
}

// DeleteLink deletes a link: a bridge lets go of its ports. ErrNotFound when it has gone.
func (c *Conn) DeleteLink(index int) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	return c.change(req, func() string { return fmt.Sprintf("delete ifindex %d", index) })
}

// CreateBridge creates a bridge, down, in a device group that tells it apart until its alias is set: the kernel takes no
// alias in this request. ErrExists when there is a link of that name.
//
// The bridge has no spanning tree and does not make a new port wait. Frames to 01:80:c2:00:00:0X teach it nothing: it learns from them before
// any nftables hook has judged them.
func (c *Conn) CreateBridge(name string, group uint32) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(KindBridge))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	data.AddRtAttr(nl.IFLA_BR_FORWARD_DELAY, nl.Uint32Attr(0))
	data.AddRtAttr(unix.IFLA_BR_MULTI_BOOLOPT, noLinkLocalLearn())
	req.AddData(info)
	return c.change(req, func() string { return fmt.Sprintf("create bridge %q", name) })
}

// noLinkLocalLearn is struct br_boolopt_multi{optval, optmask} with BR_BOOLOPT_NO_LL_LEARN on (linux/if_bridge.h).
func noLinkLocalLearn() []byte {
	return append(nl.Uint32Attr(1), nl.Uint32Attr(1)...)
}

func onOff(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}
