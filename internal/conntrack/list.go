package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Flows lists the flows of which an end lies in one of the prefixes: source or destination, as it is or as it is translated.
// They are in the order of their addresses and ports, each once.
func (c *Conn) Flows(ctx context.Context, of []netip.Prefix) ([]Flow, error) {
	if len(of) == 0 {
		return nil, nil
	}
	set, err := newPrefixes(of)
	if err != nil {
		return nil, fmt.Errorf("list flows: %w", err)
	}
	var flows []Flow
	err = c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		return request(nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP, set.family())
	}, func() { flows = nil }, func(m nlconn.Message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := parseFlow(m.Payload)
		if err == nil && set.touch(&f) {
			flows = append(flows, f)
		}
		return err
	})
	if err != nil {
		return nil, nlconn.Describe(err, func() string { return "list flows" })
	}
	// A bucket of the kernel's table is told of again where the flow at which it left off has gone (ctnetlink_dump_table).
	slices.SortFunc(flows, Flow.compare)
	return slices.Compact(flows), nil
}

// Delete makes the kernel forget a flow, whose next packet is then judged like the first of a new one. False says that
// there is nothing to forget: the flow had gone, or its ends have another one by now.
func (c *Conn) Delete(f Flow) (bool, error) {
	// Without a tuple this would be a request to forget everything (ctnetlink_del_conntrack).
	if !f.Src.IsValid() || !f.Dst.IsValid() || f.Src.Is4() != f.Dst.Is4() {
		return false, fmt.Errorf("delete flow %s: %w: its addresses", f, unix.EINVAL)
	}
	family := uint8(unix.AF_INET6)
	if f.Src.Is4() {
		family = unix.AF_INET
	}
	req := request(nl.IPCTNL_MSG_CT_DELETE, 0, family)
	req.AddData(f.original().attribute(nl.CTA_TUPLE_ORIG))
	if f.Zone != 0 {
		req.AddData(nl.NewRtAttr(nl.CTA_ZONE, nl.BEUint16Attr(f.Zone)))
	}
	req.AddData(nl.NewRtAttr(nl.CTA_ID, nl.BEUint32Attr(f.ID)))
	switch err := c.conn.Ack(req); {
	case errors.Is(err, unix.ENOENT):
		return false, nil
	case err != nil:
		return false, nlconn.Describe(err, func() string { return fmt.Sprintf("delete flow %s", f) })
	}
	return true, nil
}

func (f Flow) original() *tuple {
	return &tuple{
		src: f.Src, dst: f.Dst, proto: f.Proto, srcPort: f.SrcPort, dstPort: f.DstPort,
		icmpType: f.ICMPType, icmpCode: f.ICMPCode, icmpID: f.ICMPID,
	}
}

func request(kind, flags int, family uint8) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_CTNETLINK<<8|kind, flags)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
	return req
}
