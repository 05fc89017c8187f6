package handler

import (
	"context"
	"sync"

	"vifd/actions/bridge"
	"vifd/actions/rate"
	"vifd/internal/rtnl"
	"vifd/rules"
)

// limit plans what the vif carries at most; nil: as much as it can.
func limit(r *rules.Rule, l *rtnl.Link) *rate.Rate {
	want := &r.Rate
	if want.FromGuest.BitsPerSecond == 0 && want.ToGuest.BitsPerSecond == 0 {
		return nil
	}
	return &rate.Rate{
		Ifindex: l.Index, Interface: l.Name, FromGuest: want.FromGuest.BitsPerSecond, ToGuest: want.ToGuest.BitsPerSecond,
		Burst: max(want.Burst, inInterval(want.FromGuest, l), inInterval(want.ToGuest, l)),
	}
}

// frameHeader is of a frame with two VLAN tags, in bytes.
const frameHeader = 22

// inInterval is what may go at once as xl has it, in bytes, but at least a frame: with less, none would ever pass.
func inInterval(b rules.Bandwidth, l *rtnl.Link) uint64 {
	if b.Interval == 0 {
		return 0
	}
	return max(uint64(float64(b.BitsPerSecond)/8*b.Interval.Seconds()), uint64(l.MTU+frameHeader))
}

// rateText is what setting the limit would take, in the words of tc and ip.
func rateText(want *rate.Rate, now bridge.Actual) []string {
	steps, err := rate.Diff(rate.Usual(), *want, rate.Actual{Link: &now.Link})
	if err != nil {
		return []string{"# " + err.Error()}
	}
	var lines []string
	for _, s := range steps {
		lines = append(lines, s.String())
	}
	return lines
}

// rates is what the kernel has for limits. It is found out once, when it is first asked for.
type rates struct {
	mu     sync.Mutex
	probed bool
	kernel rate.Kernel
}

func (r *rates) of(conn rate.Conn) (rate.Kernel, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.probed {
		return r.kernel, nil
	}
	kernel, err := rate.Probe(conn)
	if err == nil {
		r.kernel, r.probed = kernel, true
	}
	return kernel, err
}

// throttle sets the plan's limit, or lifts one that is wanted no more; the link may be up or down.
func (h *Handler) throttle(ctx context.Context, conn Links, k *known, plan *Plan) (wrote bool, err error) {
	if plan.Rate == nil {
		return h.unthrottle(ctx, conn, k)
	}
	kernel, err := h.host.rates.of(conn)
	if err != nil {
		return false, err
	}
	result, err := rate.Apply(ctx, conn, kernel, *plan.Rate)
	return len(result.Steps) > 0, err
}

func (h *Handler) unthrottle(ctx context.Context, conn Links, k *known) (wrote bool, err error) {
	if k.own.Rate == nil {
		return false, nil
	}
	steps, err := rate.Undo(ctx, conn, *k.own.Rate)
	if err == nil {
		k.own.Rate = nil
	}
	return len(steps) > 0, err
}
