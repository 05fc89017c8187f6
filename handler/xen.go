package handler

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// xenState is what a Xen guest's interface is known by, and what xenstore has said of it.
type xenState struct {
	xen.Device
	Emulated bool       `json:"emulated,omitempty"` // it is the tap of an emulated card
	As       string     `json:"as,omitempty"`       // the script's name by which Xen called vifd for it
	Offline  bool       `json:"offline,omitempty"`  // Xen has taken it away, though the interface is there yet
	Memory   xen.Memory `json:"memory,omitempty"`
}

// identify finds out which device of which guest a link is: from the kernel, from the name that it has from there or from QEMU, or, where
// it was renamed, from what is remembered of the ifindex. False: it is no Xen guest's, as far as anybody knows.
func (h *Handler) identify(l *rtnl.Link, k *known) (xenState, bool) {
	var state xenState
	if k != nil && k.own.Xen != nil {
		state = *k.own.Xen
	}
	// A guest that was served stays one of Xen's, though there be nobody to ask and no socket left.
	if !h.isXen() && (state.Path == "" || h.cfg.Xenstore == nil) {
		return state, false
	}
	if d, ok := deviceOf(h.cfg.Sysfs, l.Name); ok {
		state = state.of(d, false)
		state.Device = d // the kernel's word for it
		return state, true
	}
	if name, ok := vif.ParseXenName(l.Name); ok {
		return state.of(xen.DeviceOf(name), name.Emulated), true
	}
	return state, state.Path != ""
}

// of is what is known of a device: nothing that was remembered of another, which had the ifindex before.
func (s xenState) of(d xen.Device, emulated bool) xenState {
	if s.Path != "" && s.Same(d) && s.Emulated == emulated {
		return s
	}
	return xenState{Device: d, Emulated: emulated}
}

// isXen reports whether the host runs under Xen. A socket that is away for the time of a restart does not change that.
func (h *Handler) isXen() bool {
	if h.underXen.Load() {
		return true
	}
	here := h.cfg.Xenstore != nil && h.cfg.Xenstore.Present()
	if here && h.underXen.CompareAndSwap(false, true) {
		close(h.xenstored.arrival())
	}
	return here
}

// xenFacts is what xenstore says of the link; nil where it is no Xen guest's. What the link is known by is noted in k.
func (h *Handler) xenFacts(ctx context.Context, l *rtnl.Link, k *known) *xen.Facts {
	state, ok := h.identify(l, k)
	if !ok {
		return nil
	}
	if k != nil {
		k.own.Xen = &state
	}
	x := xen.NewFacts(ctx, patient{h}, state.Device, state.Memory)
	x.Exists = func(iface string) bool {
		_, err := os.Stat(filepath.Join(h.cfg.Sysfs, "class/net", iface))
		return err == nil
	}
	return x
}

// keep keeps what xenstore has said for next time.
func (k *known) keep(x *xen.Facts) {
	state := *k.own.Xen // others hold the one that was
	state.Memory = x.Memory()
	k.own.Xen = &state
}

// heed makes a plan of one that was made while xenstore did not answer: by what it said last time, and again soon; and no way to
// the network for a vif of which it never said what the rules ask for, since one that asks may have been passed over.
func (r *Ruleset) heed(p *Plan, x *xen.Facts, l *rtnl.Link) {
	doubt := x.Doubt()
	switch {
	case doubt == nil && x.Err() == nil:
		return
	case doubt == nil: // all is remembered
	case !x.Absent():
		*p = Plan{Action: p.Action}
		r.block(p, l, StateFailed, doubt.Error())
	case p.State != StateConfigured:
		return // it is led nowhere, or not ours to look after
	default: // QEMU makes a tap before libxl has written its folder
		*p = Plan{Action: p.Action}
		r.block(p, l, StateBlocked, doubt.Error())
	}
	p.Retry = true
}

// reasonOffline is why a vif is blocked that Xen has taken away, and that the kernel has not yet.
const reasonOffline = "Xen has taken it offline"

// takenAway makes a plan of one for a vif that Xen has taken offline: whatever it was connected to, it is no longer.
func (r *Ruleset) takenAway(p *Plan, state *xenState, l *rtnl.Link) {
	if state.Offline {
		r.Offline(p, l)
	}
}

// Offline makes a plan of one for a vif that Xen has taken offline.
func (r *Ruleset) Offline(p *Plan, l *rtnl.Link) {
	*p = Plan{Decision: p.Decision, Action: p.Action, Firewall: p.Firewall}
	r.block(p, l, StateBlocked, reasonOffline)
}

// tellXen has Xen know what has become of the vif: the backend, which waits for it, and the tools, which say it to people.
func (h *Handler) tellXen(ctx context.Context, conn Links, l *rtnl.Link, k *known, plan *Plan, again bool) error {
	state := k.own.Xen
	if state == nil || state.Offline || !h.isXen() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	var err error
	switch {
	case plan.Reason != "":
		err = xen.Failed(ctx, patient{h}, state.Device, "vifd: "+Complaint(l.Name, plan.Decision.RuleName(), plan.Reason), again)
	case state.Emulated:
		if h.before(l.Index).record.Error == "" || !h.connected(state.Device) {
			return nil
		}
		// What is told of a tap is told of its vif, which is not worse for it any more.
		err = xen.Connected(ctx, patient{h}, state.Device, 0, false)
	case plan.State == StateUnmatched, plan.State == StateIgnored && state.As == "":
		return nil // not for us to say
	default:
		now, gone := conn.LinkByIndex(l.Index) // it may have another MTU by now
		if gone != nil {
			return nil // or an error: the next round's
		}
		mtu := now.MTU
		if plan.Port == nil && plan.Route == nil {
			mtu = 0
		}
		err = xen.Connected(ctx, patient{h}, state.Device, mtu, again)
	}
	if errors.Is(err, xen.ErrGone) {
		return nil // the guest is on its way out
	}
	return err
}

// connected reports whether the last round left the device's vif, not the tap beside it, in order.
func (h *Handler) connected(d xen.Device) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.known {
		if x := k.own.Xen; x != nil && x.Same(d) && !x.Emulated && k.record.State == StateConfigured {
			return true
		}
	}
	return false
}
