package rtnl

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Protocol is how vifd marks the routes and neighbour entries that it makes (rtm_protocol, NDA_PROTOCOL). Nobody else's number: see
// linux/rtnetlink.h and iproute2's rt_protos.
const Protocol = 118

// TableMain is the routing table for everybody (RT_TABLE_MAIN).
const TableMain = unix.RT_TABLE_MAIN

// Route is one route (struct rtmsg and its attributes, linux/rtnetlink.h).
type Route struct {
	Dst       netip.Prefix // 0.0.0.0/0 and ::/0 are the default routes
	Table     uint32       // 0 in a request: TableMain
	Protocol  uint8        // who made it
	Scope     uint8        // IPv4 only
	Type      uint8        // RTN_*; 0 in a request: RTN_UNICAST
	Metric    uint32       // the lowest wins; 0 in an IPv6 request: 1024
	TOS       uint8        // IPv4 only
	Source    netip.Addr   // what the host calls itself on this way (RTA_PREFSRC); not valid: the kernel chooses
	Gateway   netip.Addr   // not valid: the destination is on the link
	OIF       int          // ifindex of the link; 0: none, or several
	Multipath bool         // there are several next hops, which are not told
}

// RouteFilter says which routes to read; what is 0 is not asked about.
type RouteFilter struct {
	Family   int // unix.AF_INET, unix.AF_INET6; 0: both
	Table    uint32
	Protocol uint8
	OIF      int // a route with several next hops is on no list of one link
}

// Routes reads routes, in the kernel's order. A table that nobody has put a route into is empty. ErrNotFound when the link asked
// about has gone. The kernel walks through the whole table, or all of them, whatever the filter.
func (c *Conn) Routes(ctx context.Context, f RouteFilter) ([]Route, error) {
	families := []int{unix.AF_INET, unix.AF_INET6}
	if f.Family != 0 {
		families = []int{f.Family}
	}
	var list []Route
	for _, family := range families {
		some, err := c.routes(ctx, family, f)
		if err != nil {
			return nil, nlconn.Describe(err, func() string { return fmt.Sprintf("read routes %+v", f) })
		}
		list = append(list, some...)
	}
	return list, nil
}

func (c *Conn) routes(ctx context.Context, family int, f RouteFilter) ([]Route, error) {
	var list []Route
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family), Protocol: f.Protocol}})
		if f.Table != 0 {
			req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(f.Table)))
		}
		if f.OIF != 0 {
			req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(f.OIF))))
		}
		return req
	}, func() { list = nil }, func(m nlconn.Message) error {
		// Where the kernel has no IPv6 it answers for the families that it has.
		if len(m.Payload) > 0 && int(m.Payload[0]) != family {
			return nil
		}
		r, cached, err := parseRoute(m.Payload)
		if err == nil && !cached && f.wants(&r) {
			list = append(list, r)
		}
		return err
	})
	if errors.Is(err, unix.ENOENT) && f.Table != 0 {
		return nil, nil
	}
	return list, err
}

// wants is for kernels that do not filter, those before 4.20.
func (f *RouteFilter) wants(r *Route) bool {
	return (f.Table == 0 || r.Table == f.Table) && (f.Protocol == 0 || r.Protocol == f.Protocol) && (f.OIF == 0 || r.OIF == f.OIF)
}

// AddRoute makes a route. ErrExists when there is one to the same destination, of the same table, TOS and metric; ENETDOWN when its
// link is not up; EINVAL when its source is no address of the host.
func (c *Conn) AddRoute(r Route) error {
	return c.routeRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add", r)
}

// ReplaceRoute is AddRoute, but takes the place of a route to the same destination, of the same table, TOS and metric, whoever
// made that and whatever link it goes by.
func (c *Conn) ReplaceRoute(r Route) error {
	return c.routeRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "replace", r)
}

// DeleteRoute deletes just this route: of its protocol, metric, link and so on, as far as they are given. ErrNotFound when there is none such.
func (c *Conn) DeleteRoute(r Route) error {
	err := c.routeRequest(unix.RTM_DELROUTE, 0, "delete", r)
	if errors.Is(err, unix.ESRCH) { // which nobody else says of what is not there
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

func (c *Conn) routeRequest(kind, flags int, verb string, r Route) error {
	dst := r.Dst.Masked()
	req := nl.NewNetlinkRequest(kind, flags)
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: uint8(family(dst.Addr())), Dst_len: uint8(dst.Bits()), Tos: r.TOS, Protocol: r.Protocol, Scope: r.Scope, Type: r.Type,
	}}
	if kind == unix.RTM_NEWROUTE && r.Type == 0 {
		msg.Type = unix.RTN_UNICAST
	}
	req.AddData(msg)
	table := r.Table
	if table == 0 {
		table = TableMain
	}
	req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(table)))
	req.AddData(nl.NewRtAttr(unix.RTA_DST, dst.Addr().AsSlice()))
	if r.OIF != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(r.OIF))))
	}
	if r.Gateway.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, r.Gateway.AsSlice()))
	}
	if r.Source.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, r.Source.AsSlice()))
	}
	if r.Metric != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(r.Metric)))
	}
	return c.change(req, func() string {
		return fmt.Sprintf("%s route to %v by ifindex %d in table %d", verb, dst, r.OIF, table)
	})
}

// parseRoute reads struct rtmsg and its attributes; true for what is no route but the memory of one (RTM_F_CLONED).
func parseRoute(b []byte) (Route, bool, error) {
	if len(b) < unix.SizeofRtMsg {
		return Route{}, false, fmt.Errorf("route message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	r := Route{TOS: b[3], Table: uint32(b[4]), Protocol: b[5], Scope: b[6], Type: b[7]}
	any := netip.IPv4Unspecified()
	if b[0] == unix.AF_INET6 {
		any = netip.IPv6Unspecified()
	}
	dst := any
	a := nlconn.Attributes(b[unix.SizeofRtMsg:])
	for a.Next() {
		switch a.Type {
		case unix.RTA_DST:
			dst = address(&a)
		case unix.RTA_TABLE:
			r.Table = a.Uint32() // the header has room for 255 only
		case unix.RTA_OIF:
			r.OIF = int(int32(a.Uint32()))
		case unix.RTA_GATEWAY:
			r.Gateway = address(&a)
		case unix.RTA_PREFSRC:
			r.Source = address(&a)
		case unix.RTA_PRIORITY:
			r.Metric = a.Uint32()
		case unix.RTA_MULTIPATH:
			r.Multipath = true
		}
	}
	r.Dst = netip.PrefixFrom(dst, int(b[1]))
	if a.Err == nil && (!r.Dst.IsValid() || dst.Is4() != any.Is4()) {
		a.Err = nlconn.ErrMalformed
	}
	if a.Err != nil {
		return Route{}, false, fmt.Errorf("route message: %w", a.Err)
	}
	return r, binary.NativeEndian.Uint32(b[8:])&unix.RTM_F_CLONED != 0, nil
}
