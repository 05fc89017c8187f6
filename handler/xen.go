package handler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	err   error         // nil: it did
	until time.Time     // when it is asked again
	here  chan struct{} // closed when there is a xenstored for the first time
}

// arrival is closed once there is, or has been, a xenstored.
func (p *patience) arrival() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.here == nil {
		p.here = make(chan struct{})
	}
	return p.here
}

// lost is the error of a moment ago. Nil: the caller is to ask, and to say what it heard; while it does that of one who has been ill,
// nobody else is kept waiting.
func (p *patience) lost() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	if time.Now().Before(p.until) {
		return p.err
	}
	p.until = time.Now().Add(xenTimeout + xenPause) // beyond which the caller does not wait
	return nil
}

// heard notes what came of asking: an error that others would run into as well, or any other word. Recovered: by that one it is well
// again, who has been ill.
func (p *patience) heard(err error) (recovered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, xenstore.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		p.err, p.until = err, time.Now().Add(xenPause)
	case errors.Is(err, context.Canceled): // the caller's own end
	default:
		recovered, p.err = p.err != nil, nil
	}
	return recovered
}

// heard notes what came of asking xenstored. Once it has recovered, those that it could not answer need not wait until they are tried again:
// one that was frozen has no other way to say so.
func (h *Handler) heard(err error) {
	if !h.xenstored.heard(err) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for ifindex, k := range h.known {
		if k.own.Xen != nil && k.plan.Retry {
			h.queue.push(ifindex, nil, nil)
		}
	}
}

// patient asks and tells a xenstored that may be ill.
type patient struct{ h *Handler }

func (r patient) Do(ctx context.Context, f func(*xenstore.Tx) error) error {
	if err := r.h.xenstored.lost(); err != nil {
		return err
	}
	err := r.h.cfg.Xenstore.Do(ctx, f)
	r.h.heard(err)
	return err
}

func (r patient) ReadMany(ctx context.Context, paths ...string) ([]xenstore.Value, error) {
	if err := r.h.xenstored.lost(); err != nil {
		return nil, err
	}
	values, err := r.h.cfg.Xenstore.ReadMany(ctx, paths...)
	r.h.heard(err)
	return values, err
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
	if err := fits(name, state.Emulated || slices.Contains(x.Values("type"), typeEmulated)); err != nil {
		return "", false, fmt.Errorf("vifname: %w", err)
	}
	if state.Emulated {
		name += emulatedSuffix
	}
	if name == l.Name {
		return "", false, nil
	}
	if _, kernels := vif.ParseXenName(name); kernels {
		return "", false, fmt.Errorf("vifname: %q is what another guest's interface is called, or will be: give it a name of its own", name)
	}
	return name, true, nil
}

// typeEmulated is what libxl writes as the type of a card that QEMU emulates: it has a tap beside the vif.
const typeEmulated = "vif_ioemu"

// fits refuses a name that the interface cannot have, or its tap, before either is renamed: the guest would else come up with half of it.
func fits(name string, tap bool) error {
	if err := cmp.Or(vif.CheckName(name), checkShown(name)); err != nil || !tap || len(name)+len(emulatedSuffix) <= vif.MaxNameLen {
		return err
	}
	return fmt.Errorf("the emulated card's tap would be called %q, which has %d bytes; the kernel takes at most %d: give the vif a name of at most %d bytes",
		name+emulatedSuffix, len(name)+len(emulatedSuffix), vif.MaxNameLen, vif.MaxNameLen-len(emulatedSuffix))
}

// errWent says that an interface went while it was being given its name.
var errWent = errors.New("it went while it was being renamed")

// rename gives the link the name of the guest's configuration, before anything else is done to it. It is by ifindex, so that
// another interface of that name is never touched. The link stays one of that ifindex whatever the error, and with renamed it has the
// new name; errWent: it is there no more.
func (h *Handler) rename(conn Links, l *rtnl.Link, x *xen.Facts, state *xenState) (renamed bool, err error) {
	name, wanted, err := nameWanted(l, x, state)
	if err != nil || !wanted {
		return false, err
	}
	if l.Up() { // kernels before 6.3 rename no link that is up (dev_change_name in net/core/dev.c)
		if err := conn.Set(l.Index, rtnl.Change{Up: new(false)}); err != nil {
			return false, fmt.Errorf("take %s down to rename it to %s: %w", l.Name, name, went(err))
		}
	}
	err = conn.Set(l.Index, rtnl.Change{Name: name})
	if errors.Is(err, rtnl.ErrExists) {
		return false, fmt.Errorf("cannot rename %s to %s (vifname): another interface has that name; it was left alone", l.Name, name)
	}
	if err != nil {
		return false, fmt.Errorf("rename %s to %s (vifname): %w", l.Name, name, went(err))
	}
	l.Name = name
	now, err := conn.LinkByIndex(l.Index)
	if err != nil {
		return true, fmt.Errorf("read %s, just renamed: %w", name, went(err))
	}
	*l = now
	return true, nil
}

// went is the error of a request about a link: errWent where there is no such link any more.
func went(err error) error {
	if errors.Is(err, rtnl.ErrNotFound) {
		return errWent
	}
	return err
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
