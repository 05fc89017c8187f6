package lint

import (
	"fmt"
	"slices"

	"vifd/internal/stmt"
	"vifd/rules"
)

// statements looks at what the templates say that rules use. Nothing is said of the others: they do nothing.
func (l *linter) statements() {
	bridged := l.set.UsedTemplates(rules.Bridge)
	routed := l.set.UsedTemplates(rules.Route, rules.NAT)
	for name, t := range l.set.Templates {
		if t.Library || !l.used[name] {
			continue
		}
		for _, list := range [][]rules.Statement{t.FromGuest, t.ToGuest} {
			l.saidTwice(list)
			for i := range list {
				l.anyProtocol(&list[i])
				l.unlimitedLog(&list[i])
			}
		}
		for i := range t.ToGuest {
			if s := &t.ToGuest[i]; s.Verdict == stmt.Rejected && bridged[name] && !routed[name] {
				l.warn(s.Pos, rules.CodeOnlyDrops, "a reject of what goes to a bridged guest only drops: the kernel answers from prerouting and input alone", "write drop")
			}
		}
	}
}

// anyProtocol finds ports that are asked for without the protocol: where a packet of another one has those bits is something else.
func (l *linter) anyProtocol(s *rules.Statement) {
	port := ""
	for _, it := range s.Items {
		m, ok := it.(stmt.Match)
		if !ok {
			continue
		}
		for _, f := range m.Fields {
			switch {
			case f.Name == "th sport" || f.Name == "th dport":
				port = f.Name
			case f.Name == "meta l4proto", f.Name == "ip protocol", f.Name == "ip6 nexthdr",
				slices.Contains(f.Needs, stmt.TCP), slices.Contains(f.Needs, stmt.UDP):
				return
			}
		}
	}
	if port != "" {
		l.warn(s.Pos, rules.CodeAnyProtocol, fmt.Sprintf("%s without a protocol also reads what is no port: an ICMP message has other things there", port),
			"write tcp or udp, or meta l4proto { tcp, udp } before it")
	}
}

// unlimitedLog finds logs that vifd limits by itself, to a rate that the writer may not expect.
func (l *linter) unlimitedLog(s *rules.Statement) {
	for _, it := range s.Items {
		switch it := it.(type) {
		case stmt.Limit:
			return
		case stmt.Update:
			if _, limit := it.Each.(stmt.Limit); limit {
				return
			}
		case stmt.Log:
			l.warn(s.Pos, rules.CodeLogUnlimited, "this log has no limit of its own: it gets one of 1/second burst 5 packets for each guest, over all its statements",
				"say how much is wanted: limit rate 10/second log …")
			return
		}
	}
}
