package rules

import "slices"

// UsedTemplates are those that rules name, and those that these include; with kinds only rules of these actions count.
func (s *Set) UsedTemplates(kinds ...ActionKind) map[string]bool {
	used := make(map[string]bool)
	for i := range s.Rules {
		if len(kinds) > 0 && !slices.Contains(kinds, s.Rules[i].Action.Kind) {
			continue
		}
		for _, ref := range s.Rules[i].Firewall {
			s.Reach(used, ref.Name)
		}
	}
	return used
}

// Reach adds a template to used, and those that it includes.
func (s *Set) Reach(used map[string]bool, name string) {
	if used[name] {
		return
	}
	used[name] = true
	t := s.Templates[name]
	for _, list := range [][]Statement{t.FromGuest, t.ToGuest} {
		for i := range list {
			if in := list[i].Include; in != nil {
				s.Reach(used, in.Template)
			}
		}
	}
}
