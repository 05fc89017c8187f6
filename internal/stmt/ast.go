package stmt

import "strings"

// Stmt is one statement: matches that must all hold, then perhaps a verdict; or an include alone.
type Stmt struct {
	Text    string // as written, white space folded, without a comment
	Items   []Item // in the order written
	Verdict Verdict
	Include *Include // set for `include TEMPLATE`; then Items is empty and Verdict is None
}

// Item is a Match or a Counter.
type Item interface{ item() }

// Match compares one field of the packet.
type Match struct {
	Field  *Field
	Negate bool // !=
	Value  Value
	Col    int // of the field's first word, from 1
	Len    int
}

// Counter counts the packets that came this far (`counter`).
type Counter struct{}

func (Match) item()   {}
func (Counter) item() {}

// Value is what a field is compared with: one of Param and Elems is set.
type Value struct {
	Param string // $name, without the dollar
	Set   bool   // written in braces
	Elems []Elem // one, or with Set one or more, none overlapping
	Col   int
	Len   int
}

// Elem is an inclusive range of values, each Field.Size() bytes long in the order the kernel compares them; a single
// value has Lo equal to Hi.
type Elem struct {
	Lo, Hi []byte
	Prefix int // length in bits where it was written as a prefix, else -1
}

// Single reports whether e is one value and no range.
func (e Elem) Single() bool { return string(e.Lo) == string(e.Hi) }

// Include names the template that `include` runs.
type Include struct {
	Template string
	Col, Len int
}

// Verdict ends a statement.
type Verdict int

// The verdicts of nft(8), "VERDICT STATEMENTS". None goes on with the next statement, as Continue does.
const (
	None Verdict = iota
	Accept
	Drop
	Return
	Continue
)

var verdictNames = [...]string{None: "", Accept: "accept", Drop: "drop", Return: "return", Continue: "continue"}

func (v Verdict) String() string { return verdictNames[v] }

func parseVerdict(word string) (Verdict, bool) {
	for v, name := range verdictNames {
		if word == name && name != "" {
			return Verdict(v), true
		}
	}
	return None, false
}

// Terminal reports whether nothing after s in the same template can be reached.
func (s *Stmt) Terminal() bool {
	if len(s.Items) > 0 && !s.onlyCounts() {
		return false
	}
	return s.Verdict == Accept || s.Verdict == Drop || s.Verdict == Return
}

func (s *Stmt) onlyCounts() bool {
	for _, it := range s.Items {
		if _, ok := it.(Counter); !ok {
			return false
		}
	}
	return true
}

// Use is one place where a statement names a parameter.
type Use struct {
	Name     string
	Type     Type // what the field there takes
	Col, Len int
}

// Params returns every parameter that s names, in order.
func (s *Stmt) Params() []Use {
	var uses []Use
	for _, it := range s.Items {
		if m, ok := it.(Match); ok && m.Value.Param != "" {
			uses = append(uses, Use{Name: m.Value.Param, Type: m.Field.Type.param, Col: m.Value.Col, Len: m.Value.Len})
		}
	}
	return uses
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
