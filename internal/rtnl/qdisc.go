package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Where a queueing discipline is attached (TC_H_*, linux/pkt_sched.h).
const (
	parentRoot    = 0xffffffff
	parentIngress = 0xfffffff1
)

// KindTBF and KindIngress are the Qdisc.Kind of a token bucket filter (net/sched/sch_tbf.c), and of what judges packets as they come in
// (net/sched/sch_ingress.c).
const (
	KindTBF     = "tbf"
	KindIngress = "ingress"
)

// tick is the kernel's unit of time for tokens, in nanoseconds (PSCHED_SHIFT, include/net/pkt_sched.h).
const tick = 64

// Qdisc is a queueing discipline of a link.
type Qdisc struct {
	Kind   string // empty: there is none
	Handle uint32 // major and minor number; 0: the kernel put it there of its own accord
	TBF    TBF    // what a tbf is set to
	Sent   uint64 // bytes that have left it, frames counted from the Ethernet header on
}

// TBF is what a token bucket filter is set to.
type TBF struct {
	Rate  uint64 // bytes per second, frames counted from the Ethernet header on
	Burst uint32 // bytes: what may leave at once after a pause. A packet that is larger is cut up where that can be (GSO), and else dropped
	Limit uint32 // bytes that may wait
}

// Same reports whether have is what the kernel makes of t: it keeps the burst as a time, to 64 ns.
func (t TBF) Same(have TBF) bool {
	const inexact = 2
	slack := 2 + t.Rate/(1e9/(inexact*tick))
	differ := uint64(max(t.Burst, have.Burst) - min(t.Burst, have.Burst))
	return t.Rate == have.Rate && t.Limit == have.Limit && differ <= slack
}

// String is as tc(8) takes it: "tbf rate 10000000bit burst 62500 limit 125000".
func (t TBF) String() string {
	return fmt.Sprintf("tbf rate %dbit burst %d limit %d", t.Rate*8, t.Burst, t.Limit)
}

// RootQdisc reads what a link sends through: Kind is empty on one that has not been up yet. ErrNotFound when the link has gone.
//
// Nobody but the kernel can make a qdisc with handle 0: it gives one to everybody's (qdisc_alloc_handle, net/sched/sch_api.c).
func (c *Conn) RootQdisc(index int) (Qdisc, error) {
	q, err := c.qdisc(index, parentRoot)
	return q, nlconn.Describe(err, func() string { return fmt.Sprintf("read root qdisc of ifindex %d", index) })
}

// IngressQdisc reads what judges the packets that come in by a link: Kind is "ingress" or "clsact", or empty where nothing does.
func (c *Conn) IngressQdisc(index int) (Qdisc, error) {
	q, err := c.qdisc(index, parentIngress)
	if errors.Is(err, unix.ENOENT) {
		return Qdisc{}, nil
	}
	return q, nlconn.Describe(err, func() string { return fmt.Sprintf("read ingress qdisc of ifindex %d", index) })
}

// qdisc asks for one. Not by a dump, which would be of all links' (tc_dump_qdisc). The kernel takes the answer for an echo, so that has
// to be asked for; and says nothing but yes of a builtin one.
func (c *Conn) qdisc(index int, parent uint32) (q Qdisc, err error) {
	req := tcRequest(unix.RTM_GETQDISC, unix.NLM_F_ECHO|unix.NLM_F_ACK, index, 0, parent, 0)
	err = c.conn.Exchange(req, func(m nlconn.Message) (err error) {
		q, err = parseQdisc(m.Payload)
		return err
	})
	return q, err
}

// AddTBF makes a token bucket filter with that handle the root qdisc of a link. ErrExists when there is one that is not the kernel's
// own, ENOENT when the kernel has no such qdisc, ENODEV when the link has gone.
func (c *Conn) AddTBF(index int, handle uint32, t TBF) error {
	req := tbfRequest(unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, handle, t)
	return c.change(req, func() string { return fmt.Sprintf("add qdisc %v to ifindex %d", t, index) })
}

// ChangeTBF sets the root qdisc with that handle anew; what waits in it stays. ENOENT when there is no such.
//
// The burst must not become smaller: a packet that waits and exceeds it would wait for ever, and all behind it (tbf_dequeue).
func (c *Conn) ChangeTBF(index int, handle uint32, t TBF) error {
	return c.change(tbfRequest(0, index, handle, t), func() string { return fmt.Sprintf("change qdisc of ifindex %d to %v", index, t) })
}

// ReplaceTBF puts a new token bucket filter in the place of the root qdisc, whatever that is, in one go. What waits there is lost. The handle must
// be a new one, or it is ChangeTBF.
func (c *Conn) ReplaceTBF(index int, handle uint32, t TBF) error {
	req := tbfRequest(unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, handle, t)
	return c.change(req, func() string { return fmt.Sprintf("replace qdisc of ifindex %d by %v", index, t) })
}

// DeleteRootQdisc deletes the root qdisc, if it is of that kind and has that handle: EINVAL or ENOENT where not. What waits in it is lost.
func (c *Conn) DeleteRootQdisc(index int, kind string, handle uint32) error {
	req := tcRequest(unix.RTM_DELQDISC, 0, index, handle, parentRoot, 0)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)))
	return c.change(req, func() string { return fmt.Sprintf("delete root qdisc %s of ifindex %d", kind, index) })
}

// AddIngress gives a link an ingress qdisc. ErrExists when it has one.
func (c *Conn) AddIngress(index int) error {
	req := tcRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, ingressHandle, parentIngress, 0)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(KindIngress)))
	return c.change(req, func() string { return fmt.Sprintf("add ingress qdisc to ifindex %d", index) })
}

// DeleteIngress deletes a link's ingress qdisc, and with it its filters. ENOENT or EINVAL when it has none.
func (c *Conn) DeleteIngress(index int) error {
	req := tcRequest(unix.RTM_DELQDISC, 0, index, ingressHandle, parentIngress, 0)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(KindIngress)))
	return c.change(req, func() string { return fmt.Sprintf("delete ingress qdisc of ifindex %d", index) })
}

// HasTBF reports whether the kernel has token bucket filters. It asks lo for one without saying what it is to be set to: where there
// are such, that is what is refused (tbf_init), and nothing has been changed.
func (c *Conn) HasTBF() (bool, error) {
	const lo = 1
	req := tcRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL, lo, 0, parentRoot, 0)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(KindTBF)))
	err := c.conn.Ack(req)
	switch {
	case errors.Is(err, unix.ENOENT):
		return false, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EEXIST): // EEXIST: lo has a root qdisc of somebody's, and Apply will see
		return true, nil
	}
	return false, nlconn.Describe(err, func() string { return "ask for qdisc tbf" })
}

// tcRequest begins a request with struct tcmsg.
func tcRequest(typ, flags, index int, handle, parent, info uint32) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(typ, flags)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(index), Handle: handle, Parent: parent, Info: info})
	return req
}

// tbfRequest is struct tc_tbf_qopt in its attributes. The burst goes in bytes as well: the kernel takes that, and it is what is exact.
func tbfRequest(flags, index int, handle uint32, t TBF) *nl.NetlinkRequest {
	req := tcRequest(unix.RTM_NEWQDISC, flags, index, handle, parentRoot, 0)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(KindTBF)))
	b := make([]byte, nl.SizeofTcTbfQopt)
	b[1] = 1 // TC_LINKLAYER_ETHERNET: no table of times comes with it
	binary.NativeEndian.PutUint32(b[8:], uint32(min(t.Rate, math.MaxUint32)))
	binary.NativeEndian.PutUint32(b[2*nl.SizeofTcRateSpec:], t.Limit)
	binary.NativeEndian.PutUint32(b[2*nl.SizeofTcRateSpec+4:], ticks(t))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_TBF_PARMS, b)
	options.AddRtAttr(nl.TCA_TBF_BURST, nl.Uint32Attr(t.Burst))
	if t.Rate > math.MaxUint32 {
		options.AddRtAttr(nl.TCA_TBF_RATE64, nl.Uint64Attr(t.Rate))
	}
	req.AddData(options)
	return req
}

// ticks is how long the burst takes.
func ticks(t TBF) uint32 {
	return uint32(min(float64(t.Burst)*1e9/float64(max(t.Rate, 1))/tick, math.MaxUint32))
}

func parseQdisc(b []byte) (Qdisc, error) {
	if len(b) < nl.SizeofTcMsg {
		return Qdisc{}, fmt.Errorf("qdisc message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	q := Qdisc{Handle: binary.NativeEndian.Uint32(b[8:])}
	var options []byte
	a := nlconn.Attributes(b[nl.SizeofTcMsg:])
	for a.Next() {
		switch a.Type {
		case nl.TCA_KIND:
			q.Kind = string(a.Text())
		case nl.TCA_OPTIONS:
			options = a.Value
		case nl.TCA_STATS2:
			q.Sent, a.Err = parseSent(a.Value)
		}
	}
	if a.Err == nil && q.Kind == KindTBF {
		q.TBF, a.Err = parseTBF(options)
	}
	if a.Err != nil {
		return Qdisc{}, fmt.Errorf("qdisc message: %w", a.Err)
	}
	return q, nil
}

// parseSent reads struct gnet_stats_basic: bytes, then packets.
func parseSent(b []byte) (uint64, error) {
	const statsBasic = 1 // TCA_STATS_BASIC
	a := nlconn.Attributes(b)
	for a.Next() {
		if a.Type == statsBasic && len(a.Value) >= 8 {
			return binary.NativeEndian.Uint64(a.Value), a.Err
		}
	}
	return 0, a.Err
}

func parseTBF(b []byte) (TBF, error) {
	var t TBF
	var buffer uint32
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case nl.TCA_TBF_PARMS:
			if len(a.Value) < nl.SizeofTcTbfQopt {
				return TBF{}, nlconn.ErrMalformed
			}
			t.Rate = max(t.Rate, uint64(binary.NativeEndian.Uint32(a.Value[8:])))
			t.Limit = binary.NativeEndian.Uint32(a.Value[2*nl.SizeofTcRateSpec:])
			buffer = binary.NativeEndian.Uint32(a.Value[2*nl.SizeofTcRateSpec+4:])
		case nl.TCA_TBF_RATE64:
			if len(a.Value) < 8 {
				return TBF{}, nlconn.ErrMalformed
			}
			t.Rate = binary.NativeEndian.Uint64(a.Value)
		}
	}
	t.Burst = uint32(min(math.Round(float64(buffer)*tick*float64(t.Rate)/1e9), math.MaxUint32))
	return t, a.Err
}
