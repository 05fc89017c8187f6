package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// A rate is at least what lets a full frame through in some seconds; the largest is beyond what any device has. A burst holds a
// frame of the usual MTU, or nothing would ever pass.
const (
	minRate  = 8_000
	maxRate  = 100_000_000_000_000
	minBurst = 2 << 10
	maxBurst = 1 << 30
)

// rate reads a rule's `rate`.
func (d *decoder) rate(n *yaml.Node) Rate {
	var r Rate
	var burst *yaml.Node
	var timed []*yaml.Node // rates with a time of their own
	s := schema{what: "rate", known: []string{"from-guest", "to-guest", "burst"}}
	ok := d.fields(n, s, func(key string, k, v *yaml.Node) {
		switch key {
		case "from-guest":
			r.FromGuest = d.bandwidth(v, key, &timed)
		case "to-guest":
			r.ToGuest = d.bandwidth(v, key, &timed)
		case "burst":
			burst = k
			r.Burst = d.burst(v)
		}
	})
	if !ok {
		return r
	}
	if !hasKey(n, "from-guest") && !hasKey(n, "to-guest") {
		d.problem(d.src.node(n), codeMissingKey, `rate needs the key "from-guest" or "to-guest"`, "without them nothing is limited")
	}
	if burst != nil && len(timed) > 0 {
		d.rep.add(Problem{
			Pos: d.src.node(burst), Code: codeConflict, Msg: "burst says how much may go at once, and the time behind @ does so too",
			Hint: "remove one of the two", Related: &Related{Pos: d.src.node(timed[0]), Msg: "the time is here"},
		})
	}
	return r
}

// bandwidth reads a rate, and notes it among timed where it has a time behind an @.
func (d *decoder) bandwidth(n *yaml.Node, what string, timed *[]*yaml.Node) Bandwidth {
	n, v, ok := d.settledText(n, what)
	if !ok {
		return Bandwidth{}
	}
	if strings.Contains(v, "@") {
		*timed = append(*timed, n)
	}
	bw, verr := parseBandwidth(v)
	switch {
	case verr != nil:
		d.value(n, verr)
		return Bandwidth{}
	case bw.BitsPerSecond < minRate || bw.BitsPerSecond > maxRate:
		hint := ""
		if bw.BitsPerSecond == 0 {
			hint = "block: true lets nothing through"
		}
		d.problem(d.src.node(n), codeOutOfRange, fmt.Sprintf("%s is from 8kbit to 100tbit, found %s", what, v), hint)
		return Bandwidth{}
	}
	return bw
}

func (d *decoder) burst(n *yaml.Node) uint64 {
	n, v, ok := d.settledText(n, "burst")
	if !ok {
		return 0
	}
	size, verr := parseSize(v)
	switch {
	case verr != nil:
		d.value(n, verr)
		return 0
	case size < minBurst || size > maxBurst:
		d.problem(d.src.node(n), codeOutOfRange, fmt.Sprintf("burst is from 2kb to 1gb, found %s", v), "it is in bytes")
		return 0
	}
	return size
}

// checkBurst reports a burst that is less than a frame of the rule's own MTU: no such frame would ever pass (net/sched/sch_tbf.c,
// tbf_enqueue).
func (d *decoder) checkBurst(r *Rule, beside map[string]*yaml.Node) {
	const header = 14 + 4 // Ethernet's, with a VLAN tag
	if r.Rate.Burst == 0 || r.Rate.Burst >= uint64(r.Link.MTU)+header {
		return
	}
	d.rep.add(Problem{
		Pos: d.src.node(beside["rate"]), Code: codeConflict, Msg: fmt.Sprintf("a burst of %d bytes is less than a frame at mtu %d: it would never pass", r.Rate.Burst, r.Link.MTU),
		Hint: fmt.Sprintf("write burst: %dkb or more", (r.Link.MTU+header+1023)/1024), Related: &Related{Pos: d.src.node(beside["link"]), Msg: "the mtu is set here"},
	})
}
