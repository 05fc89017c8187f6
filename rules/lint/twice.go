package lint

import (
	"fmt"
	"slices"
	"strings"

	"vifd/internal/stmt"
	"vifd/rules"
)

// saidTwice finds statements that ask what one before them has asked, which has decided, be it otherwise.
func (l *linter) saidTwice(list []rules.Statement) {
	first, marked := map[string]*rules.Statement{}, map[string]*rules.Statement{}
	for i := range list {
		s := &list[i]
		if s.Include != nil || sets(s) {
			clear(marked)
		}
		question, ofMarks := asks(s)
		if question == "" {
			continue // behind one that asks nothing, everything is VIF311
		}
		kept := first
		if ofMarks {
			kept = marked
		}
		only := []string{condition(s), answerable(s)}
		before := kept[question]
		for _, key := range []string{only[0], only[1], only[0] + only[1]} {
			if before == nil {
				before = kept[key+question]
			}
		}
		switch {
		case before != nil:
			l.decided(s, before)
		case s.Verdict != stmt.None && s.Verdict != stmt.Continue && always(s):
			kept[only[0]+only[1]+question] = s
		}
	}
}

// decided reports a statement for which one before it has decided.
func (l *linter) decided(s, before *rules.Statement) {
	msg, hint := "this statement is in the list already, and decides nothing here", "remove one of the two"
	if s.Verdict != before.Verdict {
		does := "decides nothing"
		if s.Verdict == stmt.None || s.Verdict == stmt.Continue {
			does = "does nothing"
		}
		msg, hint = fmt.Sprintf("what this statement asks for has met %s before: it %s", before.Verdict, does), "remove one of the two, put it first, or correct what it asks for"
	}
	l.warnBeside(s.Pos, rules.CodeSaidTwice, msg, hint, before.Pos, "the first is here")
}

// sets reports whether a statement sets something that others may ask for.
func sets(s *rules.Statement) bool {
	return slices.ContainsFunc(s.Items, func(it stmt.Item) bool { _, ok := it.(stmt.Assign); return ok })
}

// condition is what has to be on for a statement to be there at all.
func condition(s *rules.Statement) string {
	if s.When == nil {
		return ""
	}
	return fmt.Sprintf("if %v %s %q: ", s.When.Not, s.When.Param, s.When.Value)
}

// answerable is what a reject asks for besides: of what its answer needs, ICMP an IPv4 packet, it is alone.
func answerable(s *rules.Statement) string {
	if s.Reject == nil || s.Reject.Kind == stmt.RejectICMPX {
		return ""
	}
	needs := map[stmt.RejectKind]stmt.Proto{stmt.RejectICMP: stmt.IP, stmt.RejectICMPv6: stmt.IP6, stmt.RejectTCPReset: stmt.TCP}[s.Reject.Kind]
	asked := slices.ContainsFunc(s.Items, func(it stmt.Item) bool {
		m, ok := it.(stmt.Match)
		return ok && slices.ContainsFunc(m.Fields, func(f *stmt.Field) bool { return slices.Contains(f.Needs, needs) })
	})
	if asked {
		return ""
	}
	return fmt.Sprintf("of protocol %d: ", needs)
}

// asks spells what a statement asks of a packet, in whatever order and words it does, and says whether marks are among it, which other
// statements set.
func asks(s *rules.Statement) (question string, ofMarks bool) {
	var all []string
	for _, it := range s.Items {
		m, ok := it.(stmt.Match)
		if !ok {
			continue
		}
		for _, f := range m.Fields {
			ofMarks = ofMarks || slices.Contains([]string{"meta mark", "meta priority", "ct mark"}, f.Name)
		}
		all = append(all, spell(&m))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; "), ofMarks
}

// spell is one spelling for comparisons that are the same: 81 and { 81 }, or sets in another order.
func spell(m *stmt.Match) string {
	var b strings.Builder
	for _, f := range m.Fields {
		fmt.Fprintf(&b, "%s . ", f.Name)
	}
	fmt.Fprintf(&b, "%d %x $%s", m.Op, m.Mask, m.Value.Param)
	var values []string
	for _, t := range m.Value.Tuples {
		var v strings.Builder
		for _, e := range t {
			fmt.Fprintf(&v, " %x-%x", e.Lo, e.Hi)
		}
		values = append(values, v.String())
	}
	slices.Sort(values)
	return b.String() + strings.Join(values, ",")
}
