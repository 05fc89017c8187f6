package handler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xen"
	"vifd/internal/xenstore"
)

// xenState is what a Xen guest's interface is known by, and what xenstore has said of it.
type xenState struct {
	xen.Device
	Emulated bool       `json:"emulated,omitempty"` // it is the tap of an emulated card
	As       string     `json:"as,omitempty"`       // the script's name by which Xen called vifd for it
	Offline  bool       `json:"offline,omitempty"`  // Xen has taken it away, though the interface is there yet
	Memory   xen.Memory `json:"memory,omitempty"`
}

// xenTimeout is how long xenstored has to answer what one round asks. It answers within a millisecond, unless it is ill.
const xenTimeout = 5 * time.Second

// xenPause is for how long an ill xenstored is not asked again: a thousand vifs would otherwise wait for it one after the other.
const xenPause = time.Second

// patience remembers that xenstored did not answer.
type patience struct {
	mu    sync.Mutex
	err   error
	until time.Time
}

// lost is the error of a moment ago, or nil.
func (p *patience) lost() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return p.err
	}
	return nil
}

// lose notes an error that others would run into as well.
func (p *patience) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.until = err, time.Now().Add(xenPause)
}

// patientReader reads from a xenstored that may be ill.
type patientReader struct {
	xen.Reader
	patience *patience
}

func (r patientReader) ReadMany(ctx context.Context, paths ...string) ([]xenstore.Value, error) {
	if err := r.patience.lost(); err != nil {
		return nil, err
	}
	values, err := r.Reader.ReadMany(ctx, paths...)
	if errors.Is(err, xenstore.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		r.patience.lose(err)
	}
	return values, err
}

// identify finds out which device of which guest a link is: from the kernel, from what is remembered of the ifindex, or from the
// name. False: it is no Xen guest's, as far as anybody knows.
func (h *Handler) identify(l *rtnl.Link, k *known) (xenState, bool) {
	var state xenState
	if k != nil && k.own.Xen != nil {
		state = *k.own.Xen
	}
	if !h.isXen() {
		return state, false
	}
	if d, ok := deviceOf(h.cfg.Sysfs, l.Name); ok {
		state.Device = d
		return state, true
	}
	if state.Path != "" {
		return state, true
	}
	name, ok := vif.ParseXenName(l.Name)
	if ok {
		state.Device, state.Emulated = xen.DeviceOf(name), name.Emulated
	}
	return state, ok
}

// isXen reports whether the host runs under Xen. A socket that is away for the time of a restart does not change that.
func (h *Handler) isXen() bool {
	if h.underXen.Load() {
		return true
	}
	here := h.cfg.Xenstore != nil && h.cfg.Xenstore.Present()
	if here {
		h.underXen.Store(true)
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
	return xen.NewFacts(ctx, patientReader{h.cfg.Xenstore, &h.xenstored}, state.Device, state.Memory)
}

// keep keeps what xenstore has said for next time.
func (k *known) keep(x *xen.Facts) {
	state := *k.own.Xen // others hold the one that was
	state.Memory = x.Memory()
	k.own.Xen = &state
}

// heed makes a plan of one that was made while xenstore did not answer: by what it said last time, and again soon; and no way to
// the network for a vif of which it never said anything, since rules that ask for a fact may have been passed over.
func (r *Ruleset) heed(p *Plan, x *xen.Facts, l *rtnl.Link) {
	if x.Err() == nil {
		return
	}
	if len(x.Memory()) == 0 {
		*p = Plan{Action: p.Action}
		r.block(p, l, StateFailed, x.Err().Error())
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

// nameWanted is the name that the guest's configuration gives the interface; false where it has it, or gives none.
func nameWanted(l *rtnl.Link, x *xen.Facts, state *xenState) (string, bool, error) {
	if x == nil || state.Offline {
		return "", false, nil
	}
	if _, kernels := vif.ParseXenName(l.Name); !kernels {
		return "", false, nil // it has been renamed, be it by us
	}
	name, ok := x.Name()
	if !ok {
		return "", false, nil
	}
	if state.Emulated {
		name += emulatedSuffix
	}
	if err := vif.CheckName(name); err != nil {
		return "", false, fmt.Errorf("vifname: %w", err)
	}
	return name, name != l.Name, nil
}

// rename gives the link the name of the guest's configuration, before anything else is done to it. It is by ifindex, so that
// another interface of that name is never touched.
func (h *Handler) rename(conn Links, l *rtnl.Link, x *xen.Facts, state *xenState) (renamed bool, err error) {
	name, wanted, err := nameWanted(l, x, state)
	if err != nil || !wanted {
		return false, err
	}
	if l.Up() { // kernels before 6.3 rename no link that is up (dev_change_name in net/core/dev.c)
		if err := conn.Set(l.Index, rtnl.Change{Up: new(false)}); err != nil {
			return false, fmt.Errorf("take %s down to rename it to %s: %w", l.Name, name, err)
		}
	}
	err = conn.Set(l.Index, rtnl.Change{Name: name})
	if errors.Is(err, rtnl.ErrExists) {
		return false, fmt.Errorf("cannot rename %s to %s (vifname): another interface has that name; it was left alone", l.Name, name)
	}
	if err != nil {
		return false, fmt.Errorf("rename %s to %s (vifname): %w", l.Name, name, err)
	}
	*l, err = conn.LinkByIndex(l.Index)
	return true, err
}

// Complaint is why a vif has no way to the network, in one line: rule may be empty.
func Complaint(iface, rule, reason string) string {
	if rule == "" {
		return fmt.Sprintf("%s: %s", iface, reason)
	}
	return fmt.Sprintf("%s: rule %q: %s", iface, rule, reason)
}

// tellXen has Xen know what has become of the vif: the backend, which waits for it, and the tools, which say it to people.
func (h *Handler) tellXen(ctx context.Context, conn Links, l *rtnl.Link, k *known, plan *Plan, again bool) error {
	state := k.own.Xen
	if state == nil || state.Offline || !h.isXen() {
		return nil
	}
	if err := h.xenstored.lost(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	var err error
	switch {
	case plan.Reason != "":
		if !again && k.record.Error == plan.Reason {
			return nil // said already
		}
		err = xen.Failed(ctx, h.cfg.Xenstore, state.Device, "vifd: "+Complaint(l.Name, plan.Decision.RuleName(), plan.Reason))
	case state.Emulated, plan.State == StateUnmatched, plan.State == StateIgnored && state.As == "":
		return nil // nothing for the backend to wait for, or not for us to say
	default:
		now, gone := conn.LinkByIndex(l.Index) // it may have another MTU by now
		if gone != nil {
			return nil // or an error: the next round's
		}
		mtu := now.MTU
		if plan.Port == nil && plan.Route == nil {
			mtu = 0
		}
		err = xen.Connected(ctx, h.cfg.Xenstore, state.Device, mtu, again)
	}
	if errors.Is(err, xen.ErrGone) {
		return nil // the guest is on its way out
	}
	return err
}
