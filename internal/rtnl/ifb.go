package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// KindIFB is the Link.Kind of a device that packets are sent through on their way in (drivers/net/ifb.c).
const KindIFB = "ifb"

// ingressHandle is that of every ingress qdisc.
const ingressHandle = 0xffff0000

// Classifier is what matches a packet for a filter, and is to match all.
type Classifier string

// What vifd knows of.
const (
	MatchAll Classifier = "matchall" // net/sched/cls_matchall.c
	U32      Classifier = "u32"      // net/sched/cls_u32.c, older, which compares nothing with nothing
)

// Filter is one of a link's ingress filters.
type Filter struct {
	Pref       uint16 // those with a smaller one judge first
	Kind       Classifier
	Everything bool // every frame of any protocol matches
	Redirect   int  // ifindex of the device that what matches is sent out by, instead of going on; 0: none, or it has gone
}

// CreateIFB creates an ifb device, down, in a device group that tells it apart until its alias is set. ErrExists when there is a link of
// that name, ErrUnsupported when the kernel has no ifb devices.
func (c *Conn) CreateIFB(name string, group uint32, txqlen int) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	req.AddData(nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(uint32(txqlen))))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(KindIFB))
	req.AddData(info)
	return c.change(req, func() string { return fmt.Sprintf("create ifb %q", name) })
}

// Redirect adds an ingress filter that sends every frame that comes in by a link out by another device instead. EINVAL when the link has no ingress qdisc, ENOENT when the kernel lacks the classifier or mirred.
// Done twice it may be there twice (u32). With to 0 there is no redirection: matched frames go on, and only the classifier is asked for.
func (c *Conn) Redirect(index int, pref uint16, by Classifier, to int) error {
	req := filterRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, pref)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(string(by))))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	acts := nl.TCA_MATCHALL_ACT
	if by == U32 {
		acts = nl.TCA_U32_ACT
		options.AddRtAttr(nl.TCA_U32_SEL, anyFrame())
	}
	if to != 0 {
		addMirred(options.AddRtAttr(acts, nil), to)
	}
	req.AddData(options)
	return c.change(req, func() string {
		return fmt.Sprintf("redirect what comes in by ifindex %d to ifindex %d by %s", index, to, by)
	})
}

// Unredirect deletes the ingress filters of a link that have a preference. ENOENT or EINVAL when there are none.
func (c *Conn) Unredirect(index int, pref uint16) error {
	req := filterRequest(unix.RTM_DELTFILTER, 0, index, pref)
	return c.change(req, func() string { return fmt.Sprintf("delete ingress filter %d of ifindex %d", pref, index) })
}

// IngressFilters lists a link's ingress filters; there are none where it has no ingress qdisc, or has gone.
func (c *Conn) IngressFilters(ctx context.Context, index int) ([]Filter, error) {
	var filters []Filter
	err := c.conn.Dump(ctx, func() *nl.NetlinkRequest {
		return tcRequest(unix.RTM_GETTFILTER, unix.NLM_F_DUMP, index, 0, ingressHandle, 0)
	}, func() { filters = nil }, func(m nlconn.Message) error {
		f, err := parseFilter(m.Payload)
		filters = append(filters, f)
		return err
	})
	if err != nil {
		return nil, nlconn.Describe(err, func() string { return fmt.Sprintf("read ingress filters of ifindex %d", index) })
	}
	return filters, nil
}

// filterRequest is about the filters with a preference, of any protocol.
func filterRequest(typ, flags, index int, pref uint16) *nl.NetlinkRequest {
	return tcRequest(typ, flags, index, 0, ingressHandle, uint32(pref)<<16|uint32(bigEndian(unix.ETH_P_ALL)))
}

// bigEndian is htons(3).
func bigEndian(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// u32Offset lies within the Ethernet header, seen from what follows it: a short frame need not have any four bytes behind that, and
// would pass unmatched. tc(8) wants a multiple of four.
const u32Offset = -12

// anyFrame is struct tc_u32_sel with one key (linux/pkt_cls.h): four bytes, of which none counts. It is what `match u32 0 0 at -12` makes.
func anyFrame() []byte {
	offset := int32(u32Offset)
	b := make([]byte, nl.SizeofTcU32Sel+nl.SizeofTcU32Key)
	b[0], b[2] = nl.TC_U32_TERMINAL, 1
	binary.NativeEndian.PutUint32(b[nl.SizeofTcU32Sel+8:], uint32(offset))
	return b
}

// isAnyFrame reads what anyFrame makes, whatever the kernel has added.
func isAnyFrame(b []byte) bool {
	if len(b) < nl.SizeofTcU32Sel+nl.SizeofTcU32Key || b[0]&nl.TC_U32_TERMINAL == 0 || b[2] != 1 {
		return false
	}
	key := b[nl.SizeofTcU32Sel:]
	return binary.NativeEndian.Uint32(key) == 0 && int32(binary.NativeEndian.Uint32(key[8:])) == u32Offset
}

// addMirred adds an action: struct tc_mirred (linux/tc_act/tc_mirred.h).
func addMirred(acts *nl.RtAttr, to int) {
	action := acts.AddRtAttr(1, nil)
	action.AddRtAttr(nl.TCA_ACT_KIND, nl.ZeroTerminated("mirred"))
	parms := make([]byte, sizeofMirred)
	binary.NativeEndian.PutUint32(parms[8:], stolen)
	binary.NativeEndian.PutUint32(parms[20:], egressRedirect)
	binary.NativeEndian.PutUint32(parms[24:], uint32(to))
	action.AddRtAttr(nl.TCA_ACT_OPTIONS, nil).AddRtAttr(nl.TCA_MIRRED_PARMS, parms)
}

// Of struct tc_mirred: its size, which the library has wrong; TC_ACT_STOLEN, the packet goes nowhere else; TCA_EGRESS_REDIR.
const (
	sizeofMirred   = 28
	stolen         = 4
	egressRedirect = 1
)

// parseFilter reads struct tcmsg and its attributes. A filter may come in several messages, of which one says what it does.
func parseFilter(b []byte) (Filter, error) {
	if len(b) < nl.SizeofTcMsg {
		return Filter{}, fmt.Errorf("filter message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	info := binary.NativeEndian.Uint32(b[16:])
	f := Filter{Pref: uint16(info >> 16)}
	var options []byte
	a := nlconn.Attributes(b[nl.SizeofTcMsg:])
	for a.Next() {
		switch a.Type {
		case nl.TCA_KIND:
			f.Kind = Classifier(a.Text())
		case nl.TCA_OPTIONS:
			options = a.Value
		}
	}
	if a.Err == nil {
		a.Err = parseFilterOptions(&f, options)
	}
	f.Everything = f.Everything && uint16(info) == bigEndian(unix.ETH_P_ALL)
	if a.Err != nil {
		return Filter{}, fmt.Errorf("filter message: %w", a.Err)
	}
	return f, nil
}

func parseFilterOptions(f *Filter, b []byte) error {
	f.Everything = f.Kind == MatchAll && len(b) > 0 // the classifier itself is listed too, before its filter (tc_dump_chain, net/sched/cls_api.c)
	a := nlconn.Attributes(b)
	for a.Next() {
		switch {
		case f.Kind == U32 && a.Type == nl.TCA_U32_SEL:
			f.Everything = isAnyFrame(a.Value)
		case f.Kind == U32 && a.Type == nl.TCA_U32_ACT, f.Kind == MatchAll && a.Type == nl.TCA_MATCHALL_ACT:
			f.Redirect, a.Err = parseActions(a.Value)
		}
	}
	return a.Err
}

// parseActions finds where the first action redirects to.
func parseActions(b []byte) (int, error) {
	acts := nlconn.Attributes(b)
	if !acts.Next() {
		return 0, acts.Err
	}
	kind, to := "", 0
	a := nlconn.Attributes(acts.Value)
	for a.Next() {
		switch a.Type {
		case nl.TCA_ACT_KIND:
			kind = string(a.Text())
		case nl.TCA_ACT_OPTIONS:
			to, a.Err = parseMirred(a.Value)
		}
	}
	if kind != "mirred" {
		return 0, a.Err
	}
	return to, a.Err
}

func parseMirred(b []byte) (int, error) {
	a := nlconn.Attributes(b)
	for a.Next() {
		if a.Type == nl.TCA_MIRRED_PARMS && len(a.Value) >= sizeofMirred && binary.NativeEndian.Uint32(a.Value[20:]) == egressRedirect {
			return int(int32(binary.NativeEndian.Uint32(a.Value[24:]))), nil
		}
	}
	return 0, a.Err
}
