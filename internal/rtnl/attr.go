package rtnl

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// SetTxQLen sets how many packets may wait in a link's queue, where its qdisc counts those. A qdisc that is there keeps the length that it
// was made with, but for the kernel's own pfifo_fast.
func (c *Conn) SetTxQLen(index int, packets uint32) error {
	return c.setAttr(index, nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(packets)), func() string {
		return fmt.Sprintf("set txqueuelen %d of ifindex %d", packets, index)
	})
}

// SetAlias sets a link's ifalias, of up to 255 bytes; an empty one takes it away, which Set cannot.
func (c *Conn) SetAlias(index int, alias string) error {
	return c.setAttr(index, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias)), func() string {
		return fmt.Sprintf("set alias %q of ifindex %d", alias, index)
	})
}

func (c *Conn) setAttr(index int, attr *nl.RtAttr, op func() string) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(attr)
	return c.change(req, op)
}
