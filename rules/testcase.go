package rules

import (
	"net"
	"net/netip"

	"vifd/internal/stmt"
)

// Test is one entry of `tests`: of the rules, which one decides about a vif and what becomes of its packets, or of a single
// template. Load checks what a test refers to; running it is somebody else's.
type Test struct {
	Name    string
	Pos     Pos
	Library bool // of the template library

	// Of a test of the rules; Event is nil in one of a template.
	Event  Event
	Expect Expectation

	// Of a test of a template.
	Template TemplateRef // its arguments hold no substitutions
	Routed   bool        // judged as a routed guest's, not as a bridged one's
	Guest    TestGuest

	Packets []Packet

	// Problems are, with Options.TestsApart, the errors because of which it cannot be run. Of one that could not be read the other
	// fields but Name and Pos mean nothing.
	Problems []Problem
	unknown  map[Pos]string
}

// Unknown says of a word of the test that names a rule, a network or a template that there is none of that name, and which may have been
// meant; "" where there is one. It knows with Options.TestsApart, without which such a word is an error of the load.
func (t *Test) Unknown(pos Pos) string { return t.unknown[pos] }

// Event is the facts of the vif that a test is about, and a source of them as vif.Source has it.
type Event map[string][]string

// Values returns the values of a fact; nil where the test gives none.
func (e Event) Values(key string) []string { return e[key] }

// Word is a word of a test and where it stands. The zero Word has not been given.
type Word struct {
	Text string
	Pos  Pos
}

// TestGuest is the guest whose template is tested.
type TestGuest struct {
	MACs []net.HardwareAddr
	IPs  []netip.Prefix
}

// Packet is one packet of a test. Its text is read by whoever runs the test.
type Packet struct {
	Pos     Pos // of the text
	ToGuest bool
	Text    string
	By      Word // the template that must decide, if any

	Expect    stmt.Verdict // Accept, Drop or Rejected
	ExpectPos Pos

	spot spot
}

// At is the place of the length bytes of Text from column col on, which counts from 1. It is exact where the text stands on one
// line; elsewhere it may be the whole text.
func (p *Packet) At(col, length int) Pos { return p.spot.pos(col-1, length) }
