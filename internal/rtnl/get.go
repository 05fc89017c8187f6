package rtnl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// skipStats is RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h): counters, which the kernel sums over all CPUs, are not wanted. Nor are virtual
// functions, which would have to be asked for.
const skipStats = 1 << 3

// A dump is repeated when the kernel says that links came or went meanwhile, at first at once, then with pauses that
// double from dumpPause on; together a quarter of a second.
const (
	dumpTries = 10
	dumpPause = time.Millisecond
)

// LinkByIndex reads one link. ErrNotFound when it has gone.
func (c *Conn) LinkByIndex(index int) (Link, error) {
	l, err := c.getLink(getRequest(0, index))
	return l, describe(err, func() string { return fmt.Sprintf("read link with ifindex %d", index) })
}

// LinkByName reads one link by its name or one of its alternative names. ErrNotFound when there is none.
func (c *Conn) LinkByName(name string) (Link, error) {
	req := getRequest(0, 0)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	l, err := c.getLink(req)
	return l, describe(err, func() string { return fmt.Sprintf("read link %q", name) })
}

// Links reads all links of the namespace.
func (c *Conn) Links(ctx context.Context) ([]Link, error) {
	links, err := c.dumpLinks(ctx, func() *nl.NetlinkRequest { return getRequest(unix.NLM_F_DUMP, 0) }, func(*Link) bool { return true })
	return links, describe(err, func() string { return "read all links" })
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
	return links, describe(err, func() string { return "read all bridges" })
}

// Ports reads the links whose master is the bridge with the given ifindex.
func (c *Conn) Ports(ctx context.Context, bridge int) ([]Link, error) {
	links, err := c.dumpLinks(ctx, func() *nl.NetlinkRequest {
		req := getRequest(unix.NLM_F_DUMP, 0)
		req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge))))
		return req
	}, func(l *Link) bool { return l.Master == bridge })
	return links, describe(err, func() string { return fmt.Sprintf("read ports of the bridge with ifindex %d", bridge) })
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
	err = c.exchange(req, func(m message) (err error) {
		l, err = parseLink(m.payload)
		return err
	})
	return l, err
}

// dumpLinks reads links until that succeeds in one piece. The kernel filters as request says; wanted is for those that cannot.
func (c *Conn) dumpLinks(ctx context.Context, request func() *nl.NetlinkRequest, wanted func(*Link) bool) ([]Link, error) {
	var links []Link
	err := c.dump(ctx, request, func() { links = links[:0] }, func(m message) error {
		l, err := parseLink(m.payload)
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

// dump makes a request until its answer was not interrupted: what an interrupted one gave is thrown away by restart, for it may
// lack objects that were there all the time.
func (c *Conn) dump(ctx context.Context, request func() *nl.NetlinkRequest, restart func(), each func(message) error) error {
	for try := range dumpTries {
		if err := pause(ctx, dumpPause<<try>>1); err != nil {
			return err
		}
		restart()
		if err := c.exchange(request(), each); !errors.Is(err, ErrInterrupted) {
			return err
		}
	}
	return fmt.Errorf("%w %d times", ErrInterrupted, dumpTries)
}

// pause waits before a try: not before the first.
func pause(ctx context.Context, d time.Duration) error {
	if d < dumpPause {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
