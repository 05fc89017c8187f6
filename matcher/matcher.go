package matcher

import (
	"vifd/internal/vif"
	"vifd/rules"
)

// Matcher holds one load of rules.
type Matcher struct {
	set       *rules.Set
	index     index
	inventory inventory
}

// New prepares set, which must not change any more. It takes time and memory in proportion to the patterns of the rules: 10 000
// rules some 10 ms and 2 MB.
func New(set *rules.Set) *Matcher {
	return &Matcher{set: set, index: newIndex(set.Rules), inventory: newInventory(set.Guests)}
}

// Rules returns what the matcher was made of.
func (m *Matcher) Rules() *rules.Set { return m.set }

// Facts puts what sources know together with the inventory. The inventory goes first: what an administrator wrote down
// about a guest overrides what the guest's own tools say.
func (m *Matcher) Facts(sources ...vif.Source) *vif.Facts {
	known := vif.NewFacts(sources...)
	return vif.NewFacts(entry{inventory: &m.inventory, known: known}, known)
}

// Match returns the first rule that matches, or nil. It reads the facts that Explain reads, in the same order.
func (m *Matcher) Match(f *vif.Facts) *rules.Rule {
	n := m.index.first(f)
	if n < 0 {
		return nil
	}
	return &m.set.Rules[n]
}

// Step is how one rule fared.
type Step struct {
	Rule   *rules.Rule
	Failed *Failure // nil: it matched
}

// Failure is the first key of a rule that kept it from matching.
type Failure struct {
	Term    *rules.Term
	Negated bool     // under `not`: the term holds, and must not
	Got     []string // the vif's values for the key; nil: nobody knows any
}

// Explain returns how every rule fared, in order, up to and with the one that wins.
func (m *Matcher) Explain(f *vif.Facts) []Step {
	var steps []Step
	for i := range m.set.Rules {
		r := &m.set.Rules[i]
		failed := failure(&r.Match, f)
		steps = append(steps, Step{Rule: r, Failed: failed})
		if failed == nil {
			break
		}
	}
	return steps
}

// failure returns why m does not hold for f, or nil where it does. A fact that nobody knows matches no pattern.
func failure(m *rules.Match, f *vif.Facts) *Failure {
	for i := range m.Terms {
		if t := &m.Terms[i]; !holds(t, f) {
			return &Failure{Term: t, Got: f.Values(t.Key)}
		}
	}
	for i := range m.Not {
		if t := &m.Not[i]; holds(t, f) {
			return &Failure{Term: t, Negated: true, Got: f.Values(t.Key)}
		}
	}
	return nil
}

func holds(t *rules.Term, f *vif.Facts) bool {
	for _, value := range f.Values(t.Key) {
		for i := range t.Patterns {
			if t.Patterns[i].Match(value) {
				return true
			}
		}
	}
	return false
}
