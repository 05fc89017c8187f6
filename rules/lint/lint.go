package lint

import (
	"slices"

	"vifd/rules"
)

// Options says what Check is about.
type Options struct {
	// Shipped reports whether a file is one that came with vifd, which users replace and do not edit: nothing is said of it, and what
	// it holds counts as it stands. Nil is none.
	Shipped func(file string) bool
}

// check is one row of the table of checks: what finds the problems of some codes.
type check struct {
	codes []string
	find  func(*linter)
}

// checks lists them in the order in which they run; what one finds the later ones may ask for (linter.dead).
func checks() []check {
	return []check{
		{[]string{rules.CodeNeverHolds}, (*linter).neverHolds},
		{[]string{rules.CodeNeverReached, rules.CodeSameMatch}, (*linter).neverReached},
		{[]string{rules.CodeNotOfName}, (*linter).notOfName},
		{[]string{rules.CodeCovered, rules.CodeExceptsNothing}, (*linter).patterns},
		{[]string{rules.CodeMisspelled}, (*linter).words},
		{[]string{rules.CodeUnusedTemplate}, (*linter).unusedTemplates},
		{[]string{rules.CodeUnusedNetwork}, (*linter).unusedNetworks},
		{[]string{rules.CodeUnusedGuest}, (*linter).unusedGuests},
		{[]string{rules.CodeNoSuchGuest}, (*linter).noSuchGuests},
		{[]string{rules.CodeTemplateTwice, rules.CodeBeforeGuard, rules.CodeOpen, rules.CodeUnguarded}, (*linter).firewalls},
		{[]string{rules.CodeAnyProtocol, rules.CodeLogUnlimited, rules.CodeSaidTwice, rules.CodeOnlyDrops}, (*linter).statements},
		{[]string{rules.CodeLostRefusal}, (*linter).lostRefusals},
		{[]string{rules.CodeWholeTrunk, rules.CodeBelowFrame}, (*linter).actions},
		{[]string{rules.CodeTestNeverTrue}, (*linter).tests},
	}
}

// Check returns what there is to say about a set, in no particular order.
func Check(set *rules.Set, o Options) []rules.Problem {
	l := linter{set: set, dead: map[int]string{}, used: set.UsedTemplates()}
	for _, c := range checks() {
		c.find(&l)
	}
	if o.Shipped == nil {
		return l.found
	}
	return slices.DeleteFunc(l.found, func(p rules.Problem) bool { return o.Shipped(p.Pos.File) })
}

// linter is one run.
type linter struct {
	set   *rules.Set
	found []rules.Problem
	dead  map[int]string  // rules that never decide, by their index, and why
	used  map[string]bool // templates that a rule uses, be it through others

	compared int          // pairs of patterns, to find rules that others cover
	effort   rules.Effort // what all comparing takes together
}

func (l *linter) warn(pos rules.Pos, code, msg, hint string) {
	l.found = append(l.found, rules.Problem{Pos: pos, Severity: rules.Warning, Code: code, Msg: msg, Hint: hint})
}

func (l *linter) warnBeside(pos rules.Pos, code, msg, hint string, other rules.Pos, note string) {
	l.found = append(l.found, rules.Problem{
		Pos: pos, Severity: rules.Warning, Code: code, Msg: msg, Hint: hint, Related: &rules.Related{Pos: other, Msg: note},
	})
}

// term is the term of a list for a key, or nil.
func term(terms []rules.Term, key string) *rules.Term {
	for i := range terms {
		if terms[i].Key == key {
			return &terms[i]
		}
	}
	return nil
}
