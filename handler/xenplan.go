package handler

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"vifd/actions/bridge"
	"vifd/actions/rate"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// The bounds of an MTU: what IPv4 needs at least (RFC 791), and what the field of a netlink message and of xl takes at most.
const (
	minMTU = 68
	maxMTU = 65535
)

// configured adds to a plan what the guest's own configuration asks for where the rule does not: MTU, VLANs, and a tap's rate. A value
// that makes no sense is an error: the guest is not connected in a way that nobody wrote down.
func configured(p *Plan, l *rtnl.Link, f *vif.Facts) error {
	if text, ok := f.Value("xen.mtu"); ok {
		mtu, err := strconv.Atoi(text)
		if err != nil || mtu < minMTU || mtu > maxMTU {
			return fmt.Errorf("the guest's configuration (xenstore): mtu %q is not a number from %d to %d", text, minMTU, maxMTU)
		}
		switch {
		case p.Port != nil && p.Port.MTU == 0:
			p.Port.MTU = mtu
		case p.Route != nil && p.Route.MTU == 0:
			p.Route.MTU = mtu
		}
	}
	if text, ok := f.Value("xen.vlan"); ok && p.Port != nil && !p.Port.VLAN.Wanted() {
		v, err := xen.ParseVLAN(text)
		if err != nil {
			return fmt.Errorf("the guest's configuration (xenstore): %w", err)
		}
		p.Port.VLAN = bridge.VLAN{Untagged: v.Untagged, Tagged: v.Tagged}
	}
	if script, ok := f.Value("env." + HotplugEnv); ok && script == "vif-nat" && p.NAT != nil {
		scriptGateways(p)
	}
	return throttled(p, l, f)
}

// judge decides about a link by facts, and by what xenstore says, x: nil where it is no Xen guest's. It is what decide does once it has the
// facts.
func (r *Ruleset) judge(l *rtnl.Link, k *known, f *vif.Facts, x *xen.Facts) (plan Plan, ours bool) {
	if !r.ours(l, f) {
		return Plan{State: StateUnmatched, Guest: r.leaveAlone(l)}, false
	}
	plan = r.Plan(l, f)
	if x == nil {
		return plan, true
	}
	r.heed(&plan, x, l)
	if plan.Route != nil {
		plan.seat = seat(x.Guest(), x.Device().Vifid) // a stub domain serves its guest, with the guest's address
	}
	if k != nil {
		k.keep(x)
		r.takenAway(&plan, k.own.Xen, l)
	}
	return plan, true
}

// scriptGateways has the host answer as well where Xen's vif-nat has its end of the link: 127 behind the guest, as far as that is in the
// same /24. Guests that were set up by hand have it as their gateway.
func scriptGateways(p *Plan) {
	for _, guest := range p.NAT.Prefixes {
		if a := guest.Addr(); a.Is4() && a.As4()[3] <= 128 {
			octets := a.As4()
			octets[3] += 127
			p.Route.Host = append(p.Route.Host, whole(netip.AddrFrom4(octets)))
		}
	}
}

// emulated reports whether the interface is a tap that libxl has named, whatever it is called by now.
func emulated(f *vif.Facts) bool {
	return slices.ContainsFunc(f.Values("interface"), func(s string) bool {
		name, ok := vif.ParseXenName(s)
		return ok && name.Emulated
	})
}

// throttled limits what the tap of an emulated card carries from its guest. The backend does so by itself with the vif, whose rate it
// is (xenvif_credit_exceeded in drivers/net/xen-netback/netback.c), and nobody does with the tap.
func throttled(p *Plan, l *rtnl.Link, f *vif.Facts) error {
	text, limited := f.Value("xen.rate")
	if !limited || !emulated(f) {
		return nil
	}
	r, err := xen.ParseRate(text)
	if err != nil {
		return fmt.Errorf("the guest's configuration (xenstore): %w", err)
	}
	p.Rate = &rate.Rate{
		Ifindex: l.Index, Interface: l.Name, FromGuest: r.BitsPerSecond(), Burst: max(r.Bytes, uint64(l.MTU+frameHeader)),
	}
	return nil
}
