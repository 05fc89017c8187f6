package lint

import (
	"encoding/binary"
	"fmt"
	"slices"

	"vifd/internal/stmt"
	"vifd/rules"
)

// A bridge's reject sends its answer past connection tracking (nft_reject_br_send_v4_tcp_reset and its likes,
// net/bridge/netfilter/nft_reject_bridge.c): to `ct state` it is invalid, as is what anybody has made up. A list that lets in what belongs
// to connections alone drops it, and the guest waits as after a drop.

// lostRefusals finds rules of bridged guests that reject, and let no answer of that in.
func (l *linter) lostRefusals() {
	for i := range l.set.Rules {
		r := &l.set.Rules[i]
		if r.Action.Kind != rules.Bridge {
			continue
		}
		reject := l.firstReject(r)
		if reject == nil {
			continue
		}
		if ref := l.closesByState(r); ref != nil {
			l.warnBeside(ref.Pos, rules.CodeLostRefusal, fmt.Sprintf("rule %q rejects what a guest sends, and %q drops the answer: of a bridge it belongs to no connection", r.Name, ref.Name),
				"write drop, or let the answer in before, from everybody: tcp flags & rst == rst accept", reject.Pos, "this is answered")
		}
	}
}

// firstReject is the first statement of a rule that rejects what a guest sends, or nil.
func (l *linter) firstReject(r *rules.Rule) (found *rules.Statement) {
	seen := map[string]bool{}
	for i := range r.Firewall {
		more := l.walk(r.Firewall[i].Name, seen, fromGuest, func(s *rules.Statement) bool {
			if s.Verdict == stmt.Rejected {
				found = s
			}
			return found == nil
		})
		if !more {
			break
		}
	}
	return found
}

// closesByState is the template of a rule that drops what goes to a guest and belongs to no connection, or nil.
func (l *linter) closesByState(r *rules.Rule) *rules.TemplateRef {
	seen, tracks, closes := map[string]bool{}, false, false
	for i := range r.Firewall {
		more := l.walk(r.Firewall[i].Name, seen, toGuest, func(s *rules.Statement) bool {
			state := stateOf(s)
			tracks = tracks || state != nil && s.Verdict == stmt.Accept
			closes = s.Verdict == stmt.Drop && (tracks && s.Terminal() || state != nil && ofInvalid(state))
			ends := s.Terminal() && s.Verdict != stmt.Return
			return !closes && !ends && !letsAnswersIn(s)
		})
		switch {
		case closes:
			return &r.Firewall[i]
		case !more:
			return nil
		}
	}
	return nil
}

// fromGuest and toGuest are a template's statements of one direction.
func fromGuest(t rules.Template) []rules.Statement { return t.FromGuest }
func toGuest(t rules.Template) []rules.Statement   { return t.ToGuest }

// walk calls see with a template's statements and those that it includes, in their order, while it wants more; else walk is false.
// A template that has been seen says nothing new.
func (l *linter) walk(name string, seen map[string]bool, list func(rules.Template) []rules.Statement, see func(*rules.Statement) (more bool)) (more bool) {
	if seen[name] {
		return true
	}
	seen[name] = true
	statements := list(l.set.Templates[name])
	for i := range statements {
		s := &statements[i]
		if s.Include != nil {
			more = l.walk(s.Include.Template, seen, list, see)
		} else {
			more = see(s)
		}
		if !more {
			return false
		}
	}
	return true
}

// stateOf is what a statement asks of a connection's state; nil: nothing, or other things as well, so that it may not be about answers.
func stateOf(s *rules.Statement) *stmt.Match {
	var state *stmt.Match
	for _, it := range s.Items {
		m, ok := it.(stmt.Match)
		switch {
		case ok && m.Fields[0].Name == "ct state" && state == nil:
			state = &m
		case ok:
			return nil
		}
	}
	return state
}

// ofInvalid reports whether a comparison holds of what belongs to no connection. Of a parameter nobody knows.
func ofInvalid(m *stmt.Match) bool {
	const invalid = 1 // NF_CT_STATE_INVALID_BIT of <linux/netfilter/nf_conntrack_common.h>
	if m.Mask != nil || m.Value.Param != "" {
		return false
	}
	holds := slices.ContainsFunc(m.Value.Tuples, func(t stmt.Tuple) bool { return binary.BigEndian.Uint32(t[0].Lo)&invalid != 0 })
	return holds == (m.Op != stmt.Neq)
}

// letsAnswersIn reports whether a statement to the guest accepts resets or unreachable messages (RFC 9293, 3.1; RFC 792; RFC 4443, 3.1).
func letsAnswersIn(s *rules.Statement) bool {
	if s.Verdict != stmt.Accept {
		return false
	}
	answers := map[string]func(stmt.Elem) bool{
		"tcp flags":   func(e stmt.Elem) bool { return e.Lo[0]&0x04 != 0 },
		"icmp type":   func(e stmt.Elem) bool { return e.Lo[0] <= 3 && e.Hi[0] >= 3 },
		"icmpv6 type": func(e stmt.Elem) bool { return e.Lo[0] <= 1 && e.Hi[0] >= 1 },
	}
	for _, it := range s.Items {
		m, ok := it.(stmt.Match)
		if !ok || len(m.Fields) > 1 || m.Op == stmt.Neq {
			continue
		}
		if of, known := answers[m.Fields[0].Name]; known && slices.ContainsFunc(m.Value.Tuples, func(t stmt.Tuple) bool { return of(t[0]) }) {
			return true
		}
	}
	return false
}
