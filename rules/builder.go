package rules

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"vifd/internal/nearest"
)

// builder is the set under construction, and where each name was first defined.
type builder struct {
	set       Set
	rules     map[string]Pos
	templates map[string]*templateEntry
	defaults  Pos            // of the first `defaults: unmatched`
	uplinks   map[string]Pos // of bridge networks
	refs      []networkRef
	subnets   []subnet
	guests    guestIndex
	tests     map[testName]Pos
	// testsApart: a test that names what there is not is none of the rules' errors.
	testsApart bool
	unread     bool // a file could not be read: what it defines is not known
}

// templateEntry is a template and how far it can be relied on.
type templateEntry struct {
	Template
	paramsBroken bool     // its parameters are not all known
	required     []string // parameters without default, sorted
	spots        map[string]paramSpots
	places       map[string][]place // by the parameter that stands there
}

// paramSpots is where the words of a parameter's declaration stand.
type paramSpots struct{ defaults, values []Pos }

// guestIndex is where each value that must be one guest's alone was first given.
type guestIndex struct {
	interfaces map[string]Pos
	macs       map[string]Pos
	domains    map[domainVif]Pos
	uuids      map[domainVif]Pos
	addrs      []guestAddr
}

type domainVif struct {
	domain string
	vif    int
}

func newBuilder() *builder {
	return &builder{
		set:       Set{Networks: map[string]Network{}, Templates: map[string]Template{}},
		rules:     map[string]Pos{},
		templates: map[string]*templateEntry{},
		uplinks:   map[string]Pos{},
		tests:     map[testName]Pos{},
		guests: guestIndex{
			interfaces: map[string]Pos{}, macs: map[string]Pos{}, domains: map[domainVif]Pos{}, uuids: map[domainVif]Pos{},
		},
	}
}

// file reads one file's document.
func (d *decoder) file(root *yaml.Node) {
	s := schema{what: "a rules file", known: []string{"networks", "guests", "templates", "rules", "tests", "defaults"}}
	switch {
	case d.src.library:
		s = schema{what: "a file of the template library", known: []string{"templates", "tests"}}
	case holdsTests(d.src.name):
		s = schema{what: "a file of tests", known: []string{"tests"}}
	}
	d.fields(root, s, func(key string, _, v *yaml.Node) {
		d.shared = map[string]string{"networks": ofNetwork, "guests": ofGuests, "templates": ofTemplate, "tests": ofTest}[key]
		switch key {
		case "networks":
			d.entries(v, "networks", d.network)
		case "guests":
			for _, n := range d.list(v, "guests") {
				d.guest(n)
			}
		case "templates":
			d.entries(v, "templates", d.template)
		case "rules":
			list := d.list(v, "rules")
			d.set.set.Rules = slices.Grow(d.set.set.Rules, len(list))
			for _, n := range list {
				d.rule(n)
			}
		case "tests":
			for _, n := range d.list(v, "tests") {
				d.test(n)
			}
		case "defaults":
			d.defaults(v)
		}
	})
}

func (d *decoder) defaults(n *yaml.Node) {
	d.fields(n, schema{what: "defaults", known: []string{"unmatched"}}, func(_ string, k, v *yaml.Node) {
		if d.twice(k, "defaults.unmatched is set", d.set.defaults) {
			return
		}
		d.set.defaults = d.src.node(k)
		word, ok := d.text(v, "unmatched")
		if !ok {
			return
		}
		choices := []ActionKind{Ignore, Block}
		for _, kind := range choices {
			if word == kind.String() {
				d.set.set.Defaults.Unmatched = kind
				return
			}
		}
		d.problem(d.src.node(v), codeChoice, fmt.Sprintf("unmatched is %s or %s, found %s", Ignore, Block, short(word)), nearest.Hint(word, []string{Ignore.String(), Block.String()}))
	})
}

// twice reports that what is defined at n has been defined at first; it is false where first is no place.
func (d *decoder) twice(n *yaml.Node, what string, first Pos) bool {
	if first == (Pos{}) {
		return false
	}
	d.rep.add(Problem{
		Pos: d.src.node(n), Code: codeNameTwice, Msg: what + " twice",
		Hint: "remove one of the two, or rename it", Related: &Related{Pos: first, Msg: "first defined here"},
	})
	return true
}

const maxName = 64

// name checks the name of a rule or network: letters, digits, and after the first also . _ -
func (d *decoder) name(n *yaml.Node, what, name string) bool {
	verr := checkName(what, name)
	if verr != nil {
		d.problem(d.src.node(n), verr.code, verr.msg, verr.hint)
	}
	return verr == nil
}

func checkName(what, name string) *valueError {
	if name != "" && len(name) <= maxName && isWord(name[0]) && allOf(name, func(c byte) bool { return isWord(c) || c == '.' || c == '_' || c == '-' }) {
		return nil
	}
	return &valueError{
		code: codeName, len: len(name), msg: fmt.Sprintf("%s is no name for %s", short(name), what),
		hint: fmt.Sprintf("a name has up to %d letters, digits, dots, underscores and dashes, and begins with a letter or digit", maxName),
	}
}

// lowerName checks the name of a template or parameter, which become parts of names in the kernel: lower-case letters, digits, dashes.
func (d *decoder) lowerName(n *yaml.Node, what, name string) bool {
	word := func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'z' }
	ok := name != "" && len(name) <= maxName && word(name[0]) && allOf(name, func(c byte) bool { return word(c) || c == '-' })
	if !ok {
		d.problem(d.src.node(n), codeName, fmt.Sprintf("%s is no name for %s", short(name), what),
			fmt.Sprintf("a name has up to %d lower-case letters, digits and dashes, and begins with a letter or digit", maxName))
	}
	return ok
}

// finish checks what needs every file, and moves the result into the set.
func (b *builder) finish(rep *Report) {
	b.checkTemplates(rep)
	b.checkFirewalls(rep)
	b.checkGuestAddrs(rep)
	b.checkNetworkRefs(rep)
	b.checkSubnets(rep)
	b.checkForwards(rep)
	b.checkTests(rep)
	for name, t := range b.templates {
		b.set.Templates[name] = t.forget()
	}
}

func (b *builder) templateNames() []string {
	names := make([]string, 0, len(b.templates))
	for name := range b.templates {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
