package stmt

import (
	"strings"
	"time"
)

// Stmt is one statement: matches that must all hold, actions, then perhaps a verdict; or an include alone.
type Stmt struct {
	Text    string     // as written, white space folded, without a comment
	When    *Condition // `if …`: whether the statement is there at all
	Items   []Item     // in the order written
	Verdict Verdict
	Comment string   // that the kernel keeps with the rule
	Reject  *Reject  // of the verdict Reject: how; nil: with an ICMP "port unreachable" of the packet's family
	Include *Include // set for `include TEMPLATE`; then Items is empty and Verdict is None
}

// Item is what a statement has before its verdict: a Match, Counter, Limit, Log, Assign, CtCount or Update.
type Item interface{ item() }

// Match compares one field of the packet, or several at once.
type Match struct {
	Fields []*Field // more than one: a concatenation, `ip saddr . tcp dport`
	Op     Op
	Mask   []byte // of a single field: what of it is compared (`tcp flags & (syn|ack)`); nil: all
	Value  Value
	Col    int // of the field's first word, from 1
	Len    int
}

// Op is how a field and a value are compared.
type Op int

// The operators. Some is what nft means by a bare value of a bitmask type: any of its bits.
const (
	Eq Op = iota
	Neq
	Some
)

// Counter counts the packets that came this far (`counter`).
type Counter struct{}

// Limit holds while packets, or bytes, come no faster than a rate; with Over, while they come faster. All guests that the
// statement judges share it, unless it stands in an Update.
type Limit struct {
	Over  bool
	Rate  Rate
	Param string // $name instead of Rate
	Col   int
	Len   int
}

// CtCount holds while there are no more than Count connections; with Over, while there are more (`ct count over 10`).
type CtCount struct {
	Over  bool
	Count uint32
	Param string // $name instead of Count
	Col   int
	Len   int
}

// Log writes the packet to the kernel's log, or with Group to netlink (nft(8), "LOG STATEMENT").
type Log struct {
	Prefix    string
	Level     string // "" is the kernel's default, warn
	Group     int    // -1: the kernel's log
	Snaplen   uint32
	Threshold uint16 // packets that are sent to Group at once
	Flags     uint32 // NF_LOG_*
}

// Assign sets a mark or the priority of the packet, or the mark of its connection.
type Assign struct {
	Field *Field
	Value Value
}

// Update keeps an Item's state for each value of Key apart, in a set that the statement declares by naming it: for each
// guest, where Key begins with nil, the guest's interface. It holds when Each does.
type Update struct {
	Set     string
	Add     bool          // `add`: the timeout runs from the first packet; `update`: from the last
	Key     []*Field      // nil stands for the guest's interface
	Timeout time.Duration // 0: as long as it takes to fill the limit up again
	Each    Item          // a Limit, Counter or CtCount
	Col     int
	Len     int
}

func (Match) item()   {}
func (Counter) item() {}
func (Limit) item()   {}
func (CtCount) item() {}
func (Log) item()     {}
func (Assign) item()  {}
func (Update) item()  {}

// Value is what fields are compared with: one of Param and Tuples is set.
type Value struct {
	Param  string  // $name, without the dollar
	Set    bool    // written in braces
	Tuples []Tuple // one, or with Set one or more, none overlapping
	Col    int
	Len    int
}

// Tuple is one value for each field of a Match.
type Tuple []Elem

// Elem is an inclusive range of values, each Field.Size() bytes long in network order; a single value has Lo equal to Hi.
type Elem struct {
	Lo, Hi []byte
	Prefix int // length in bits where it was written as a prefix, else -1
}

// Single reports whether e is one value and no range.
func (e Elem) Single() bool { return string(e.Lo) == string(e.Hi) }

// Include names the template that `include` runs, and what it hands on.
type Include struct {
	Template string
	With     []Argument
	Col, Len int
}

// Argument is one argument of an include: literals, or a parameter of the template that it stands in.
type Argument struct {
	Name     string
	Values   []string
	Param    string // $name instead of Values
	Col, Len int
}

// Condition decides at compile time whether a statement is there: `if $flag`, `if not $flag`, `if $kind strict`.
type Condition struct {
	Not      bool
	Param    string
	Value    string // of an enum; "" asks for a bool
	Col, Len int
}

// Verdict ends a statement.
type Verdict int

// The verdicts of nft(8), "VERDICT STATEMENTS" and "REJECT STATEMENT". None goes on with the next statement, as Continue does.
const (
	None Verdict = iota
	Accept
	Drop
	Return
	Continue
	Rejected
)

var verdictNames = [...]string{None: "", Accept: "accept", Drop: "drop", Return: "return", Continue: "continue", Rejected: "reject"}

func (v Verdict) String() string { return verdictNames[v] }

func parseVerdict(word string) (Verdict, bool) {
	for v, name := range verdictNames {
		if word == name && name != "" {
			return Verdict(v), true
		}
	}
	return None, false
}

// RejectKind is what a reject is answered with.
type RejectKind int

// The kinds; ICMPX is an ICMP or ICMPv6 message, as the packet's family wants it.
const (
	RejectICMP RejectKind = iota
	RejectICMPv6
	RejectICMPX
	RejectTCPReset
)

// Reject is the answer to a rejected packet.
type Reject struct {
	Kind RejectKind
	Code uint8 // of the ICMP message
}

// Terminal reports whether nothing after s in the same template can be reached.
func (s *Stmt) Terminal() bool {
	for _, it := range s.Items {
		switch it.(type) {
		case Counter, Log, Assign:
		default:
			return false
		}
	}
	return s.When == nil && s.Verdict != None && s.Verdict != Continue
}

// Error says what is wrong with a statement. Col counts bytes from 1.
type Error struct {
	Col, Len int
	Msg      string
	Hint     string // what to write instead; may be empty
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	var b strings.Builder
	b.WriteString(e.Msg)
	b.WriteString(" (")
	b.WriteString(e.Hint)
	b.WriteString(")")
	return b.String()
}
