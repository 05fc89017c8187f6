package rules

import (
	"fmt"
	"strings"

	"vifd/internal/stmt"
)

// checkSets checks that the statements of a template that name the same set agree on it. The kernel makes a key's state with the
// first packet, and evaluates that one from then on, whichever statement comes next (nft_dynset_eval).
func (t *templateEntry) checkSets(rep *Report) {
	type declared struct {
		update stmt.Update
		pos    Pos
	}
	sets := map[string]declared{}
	for s := range t.statements() {
		for _, it := range s.Items {
			u, ok := it.(stmt.Update)
			if !ok {
				continue
			}
			pos := s.place(u.Col, u.Len)
			first, known := sets[u.Set]
			if !known {
				sets[u.Set] = declared{u, pos}
				continue
			}
			what, here, before := "has the key", keyText(u.Key), keyText(first.update.Key)
			if here == before {
				what, here, before = "keeps", stateText(u.Each), stateText(first.update.Each)
			}
			if here != before {
				rep.add(Problem{
					Pos: pos, Code: codeSetClash, Msg: fmt.Sprintf("set @%s %s %s here, and %s before", u.Set, what, here, before),
					Hint: "choose another name for one of the two", Related: &Related{Pos: first.pos, Msg: "first used here"},
				})
			}
		}
	}
}

func keyText(key []*stmt.Field) string {
	names := make([]string, len(key))
	for i, f := range key {
		names[i] = "$" + stmt.Interface
		if f != nil {
			names[i] = f.Name
		}
	}
	return strings.Join(names, " . ")
}

func stateText(state stmt.Item) string {
	over := func(over bool) string {
		if over {
			return "over "
		}
		return ""
	}
	switch it := state.(type) {
	case stmt.Limit:
		if it.Param != "" {
			return fmt.Sprintf("limit rate %s$%s", over(it.Over), it.Param)
		}
		return fmt.Sprintf("limit rate %s%s", over(it.Over), it.Rate)
	case stmt.CtCount:
		if it.Param != "" {
			return fmt.Sprintf("ct count %s$%s", over(it.Over), it.Param)
		}
		return fmt.Sprintf("ct count %s%d", over(it.Over), it.Count)
	default:
		return "counter"
	}
}

// checkLimits warns of a limit that one guest can use up for all others. One that only keeps a log short is meant to be shared.
func (t *templateEntry) checkLimits(rep *Report) {
	for s := range t.statements() {
		logged := false // behind the item
		for i := len(s.Items) - 1; i >= 0; i-- {
			switch it := s.Items[i].(type) {
			case stmt.Log:
				logged = true
			case stmt.Limit:
				if logged {
					continue
				}
				rep.add(Problem{
					Pos: s.place(it.Col, it.Len), Severity: Warning, Code: codeSharedLimit, Msg: "all guests that this template judges share this limit",
					Hint: fmt.Sprintf("update @NAME { $%s %s } has one for each guest", stmt.Interface, stateText(it)),
				})
			}
		}
	}
}
