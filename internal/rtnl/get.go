package rtnl

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// skipStats is RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h): counters, which the kernel sums over all CPUs, are not wanted. Nor are virtual
// functions, which would have to be asked for.
const skipStats = 1 << 3

// LinkByIndex reads one link. ErrNotFound when it has gone.
func (c *Conn) LinkByIndex(index int) (Link, error) {
	l, err := c.getLink(getRequest(0, index))
	return l, nlconn.Describe(err, func() string { return fmt.Sprintf("read link with ifindex %d", index) })
}

// LinkByName reads one link by its name or one of its alternative names. ErrNotFound when there is none.
func (c *Conn) LinkByName(name string) (Link, error) {
	req := getRequest(0, 0)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	l, err := c.getLink(req)
	return l, nlconn.Describe(err, func() string { return fmt.Sprintf("read link %q", name) })
}

// Links reads all links of the namespace.
func (c *Conn) Links(ctx context.Context) ([]Link, error) {
	links, err := c.dumpLinks(ctx, func() *nl.NetlinkRequest { return getRequest(unix.NLM_F_DUMP, 0) }, func(*Link) bool { return true })
	return links, nlconn.Describe(err, func() string { return "read all links" })
}

// Bridges reads all links that are bridges.
func (c *Conn) Bridges(ctx context.Context) ([]Link, error) {
	links, err := c.dumpLinks(ctx, func() *nl.NetlinkRequest {
		req := getRequest(unix.NLM_F_DUMP, 0)
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(KindBridge))
		req.AddData(info)
		return req
	}, func(l *Link) bool { return l.Kind == KindBridge })
	return links, nlconn.Describe(err, func() string { return "read all bridges" })
}

// Ports reads the links whose master is the bridge with the given ifindex.
func (c *Conn) Ports(ctx context.Context, bridge int) ([]Link, error) {
	links, err := c.dumpLinks(ctx, func() *nl.NetlinkRequest {
		req := getRequest(unix.NLM_F_DUMP, 0)
		req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge))))
		return req
	}, func(l *Link) bool { return l.Master == bridge })
	return links, nlconn.Describe(err, func() string { return fmt.Sprintf("read ports of the bridge with ifindex %d", bridge) })
}

func getRequest(flags, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, flags)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	return req
}

func (c *Conn) getLink(req *nl.NetlinkRequest) (l Link, err error) {
	err = c.conn.Exchange(req, func(m nlconn.Message) (err error) {
		l, err = parseLink(m.Payload)
		return err
	})
	return l, err
}

// dumpLinks reads links until that succeeds in one piece. The kernel filters as request says; wanted is for those that cannot.
func (c *Conn) dumpLinks(ctx context.Context, request func() *nl.NetlinkRequest, wanted func(*Link) bool) ([]Link, error) {
	var links []Link
	err := c.conn.Dump(ctx, request, func() { links = links[:0] }, func(m nlconn.Message) error {
		l, err := parseLink(m.Payload)
		if err == nil && wanted(&l) {
			links = append(links, l)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return links, nil
}
