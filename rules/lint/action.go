package lint

import (
	"fmt"

	"vifd/rules"
)

// actions looks at what rules do beside the firewall.
func (l *linter) actions() {
	for i := range l.set.Rules {
		r := &l.set.Rules[i]
		if v := r.Action.Bridge.VLAN; r.Action.Kind == rules.Bridge && v != nil {
			l.trunk(r, v)
		}
		l.belowFrame(r, "from-guest", r.Rate.FromGuest)
		l.belowFrame(r, "to-guest", r.Rate.ToGuest)
	}
}

// trunk finds ports that have every VLAN, 1 to 4094.
func (l *linter) trunk(r *rules.Rule, v *rules.VLAN) {
	const vlans = 4094
	count := 0
	if v.Untagged > 0 {
		count++
	}
	for _, span := range v.Tagged {
		count += int(span.Last-span.First) + 1
	}
	if count == vlans {
		l.warn(r.Action.Pos, rules.CodeWholeTrunk, fmt.Sprintf("guests of rule %q reach every VLAN of the bridge, those of others and of the host included", r.Name), "list the VLANs that they need")
	}
}

// belowFrame finds rates in xl's form whose interval is over before a frame has passed. What may go at once is then a frame all the
// same (handler: inInterval), so that the interval is another than what is written.
func (l *linter) belowFrame(r *rules.Rule, way string, b rules.Bandwidth) {
	const usualMTU, header = 1500, 18
	mtu := r.Link.MTU
	if mtu == 0 {
		mtu = usualMTU
	}
	bytes := float64(b.BitsPerSecond) / 8 * b.Interval.Seconds()
	if b.Interval == 0 || bytes >= float64(mtu+header) {
		return
	}
	l.warn(r.Pos, rules.CodeBelowFrame, fmt.Sprintf("%s of rule %q lets %.0f bytes pass in %s, and a frame has up to %d", way, r.Name, bytes, b.Interval, mtu+header),
		"write a longer time behind the @, or raise the rate")
}
