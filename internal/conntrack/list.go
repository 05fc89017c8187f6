package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A dump is repeated when the kernel says that something is missing, at first at once, then with pauses that double from
// dumpPause on; together half a second.
const (
	dumpTries = 10
	dumpPause = time.Millisecond
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
	for try := range dumpTries {
		if err := pause(ctx, dumpPause<<try>>1); err != nil {
			return nil, fmt.Errorf("list flows: %w", err)
		}
		var flows []Flow
		err = c.exchange(request(nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP, set.family()), func(payload []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := parseFlow(payload)
			if err == nil && set.touch(&f) {
				flows = append(flows, f)
			}
			return err
		})
		switch {
		case errors.Is(err, ErrInterrupted):
			continue // what came may lack flows that were there all the time
		case err != nil:
			return nil, fmt.Errorf("list flows: %w", err)
		}
		// A bucket of the kernel's table is told of again where the flow at which it left off has gone (ctnetlink_dump_table).
		slices.SortFunc(flows, Flow.compare)
		return slices.Compact(flows), nil
	}
	return nil, fmt.Errorf("list flows: %w %d times", ErrInterrupted, dumpTries)
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
	req := request(nl.IPCTNL_MSG_CT_DELETE, unix.NLM_F_ACK, family)
	req.AddData(f.original().attribute(nl.CTA_TUPLE_ORIG))
	if f.Zone != 0 {
		req.AddData(nl.NewRtAttr(nl.CTA_ZONE, nl.BEUint16Attr(f.Zone)))
	}
	req.AddData(nl.NewRtAttr(nl.CTA_ID, nl.BEUint32Attr(f.ID)))
	switch err := c.exchange(req, func([]byte) error { return nil }); {
	case errors.Is(err, unix.ENOENT):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("delete flow %s: %w", f, err)
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
