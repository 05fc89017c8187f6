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

// maxRefusals bounds the rejects of one rule whose answers are looked for.
const maxRefusals = 50

// lostRefusals finds rules of bridged guests that reject, and let no answer of that in.
func (l *linter) lostRefusals() {
	for i := range l.set.Rules {
		r := &l.set.Rules[i]
		if r.Action.Kind != rules.Bridge {
			continue
		}
		for _, reject := range l.rejects(r) {
			if ref, hint := l.losesAnswer(r, reject); ref != nil {
				l.warnBeside(ref.Pos, rules.CodeLostRefusal, fmt.Sprintf("rule %q rejects what a guest sends, and %q drops the answer: of a bridge it belongs to no connection", r.Name, ref.Name),
					"write drop, or let the answer in before, from everybody: "+hint, reject.Pos, "this is answered")
				break
			}
		}
	}
}

// rejects are the statements of a rule that reject what a guest sends.
func (l *linter) rejects(r *rules.Rule) (list []*rules.Statement) {
	seen := map[string]bool{}
	for i := range r.Firewall {
		l.walk(r.Firewall[i].Name, seen, fromGuest, func(s *rules.Statement) bool {
			if s.Verdict == stmt.Rejected {
				list = append(list, s)
			}
			return len(list) < maxRefusals
		})
	}
	return list
}

// losesAnswer is the template of a rule that drops what a reject answers, and what would let it in; nil where one of the answers, of
// IPv4 or of IPv6, may reach the guest.
func (l *linter) losesAnswer(r *rules.Rule, reject *rules.Statement) (first *rules.TemplateRef, hint string) {
	for _, answer := range answers(reject) {
		ref := l.closesByState(r, &answer)
		switch {
		case ref == nil:
			return nil, ""
		case first == nil:
			first, hint = ref, answer.name
		case hint != answer.name:
			hint += " and " + answer.name
		}
	}
	return first, hint
}

// closesByState is the template of a rule that drops an answer because it belongs to no connection, or nil: also where something before
// may let it pass.
func (l *linter) closesByState(r *rules.Rule, answer *packet) *rules.TemplateRef {
	seen, tracks, closes := map[string]bool{}, false, false
	for i := range r.Firewall {
		more := l.walk(r.Firewall[i].Name, seen, toGuest, func(s *rules.Statement) bool {
			if !l.effort.Spend(1 + len(s.Items)) {
				return false
			}
			drops := s.Verdict == stmt.Drop || s.Verdict == stmt.Rejected
			state := stateOf(s)
			tracks = tracks || state != nil && s.Verdict == stmt.Accept
			closes = drops && (tracks && s.Terminal() || state != nil && ofInvalid(state))
			passes := (s.Verdict == stmt.Accept || s.Verdict == stmt.Return) && answer.may(s)
			return !closes && !passes && (!s.Terminal() || !drops)
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
