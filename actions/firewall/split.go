package firewall

import (
	"time"

	"github.com/google/nftables"

	"vifd/internal/stmt"
)

// lengths are those of the prefixes that guests have, by the parameter that stands for them, in descending order.
type lengths map[stmt.Type][]int

// alternatives turns one rule into as many as it takes to look a guest's own values up, whole addresses first. What has to
// be none of them is looked up in every set; what has to be one of them makes a rule for each set.
func alternatives(parts []part, plens lengths) [][]part {
	rules := [][]part{nil}
	for _, p := range parts {
		o, isOwn := p.(*own)
		if !isOwn || len(plens[o.set.param]) == 0 {
			for i := range rules {
				rules[i] = append(rules[i], p)
			}
			continue
		}
		sets := []*own{o}
		for _, plen := range plens[o.set.param] {
			prefix := *o
			prefix.set.plen = plen
			sets = append(sets, &prefix)
		}
		var longer [][]part
		for _, r := range rules {
			if o.negate {
				for _, s := range sets {
					r = append(r, s)
				}
				longer = append(longer, r)
				continue
			}
			for _, s := range sets {
				longer = append(longer, append(r[:len(r):len(r)], s))
			}
		}
		rules = longer
	}
	return rules
}

// A guest may not fill the host's log: what a statement logs without a limit of its own is limited for each guest, over all
// of its statements, while the statement's verdict is not.
var logLimit = limit{stmt.Limit{Rate: stmt.Rate{Amount: 1, Per: time.Second, Burst: 5}}}

const logSet = "log-limit"

// limitLog puts the default limit before an unlimited log. The log then has a rule of its own before that with the verdict.
func (b *builder) limitLog(parts []part, v verdict) []rule {
	at := -1
	limited := false
	for i, p := range parts {
		switch p := p.(type) {
		case limit, connections:
			limited = limited || at < 0
		case *update:
			_, isCounter := p.each.(counter)
			limited = limited || at < 0 && !isCounter
		case logged:
			at = i
		}
	}
	if at < 0 || limited {
		return []rule{newRule(parts, v, "")}
	}
	var before, rest []part
	acts := v.kind != stmt.None
	for i, p := range parts {
		if i == at {
			continue
		}
		switch p.(type) {
		case counter, assign, *update:
			acts = true
		default:
			if i < at {
				before = append(before, p)
			}
		}
		rest = append(rest, p)
	}
	set, _ := b.sets.declare(&stateSet{name: logSet, key: nftables.TypeIFName, typeof: "iifname", timeout: stateTimeout(logLimit)}) // always the same
	first := append(before, &update{dir: b.dir, set: set, key: []*stmt.Field{nil}, each: logLimit}, parts[at])
	rules := []rule{newRule(first, verdict{}, "")}
	if acts {
		rules = append(rules, newRule(rest, v, ""))
	}
	return rules
}
