package sample

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"vifd/internal/stmt"
)

// Sample is a packet that a text describes. It is immutable.
type Sample struct {
	words []word
	shape shape
}

// word is one field of the text with its value.
type word struct {
	field    *stmt.Field
	value    []byte // as stmt.Elem has it
	col, len int
}

// number is the value of a field of at most eight bytes.
func (w *word) number() uint64 {
	n := uint64(0)
	for _, c := range w.value {
		n = n<<8 | uint64(c)
	}
	return n
}

func (w *word) errorf(hint, format string, args ...any) *stmt.Error {
	return &stmt.Error{Col: w.col, Len: w.len, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// Parse reads the description of a packet. The error is always a *stmt.Error: of the language, or of two words that cannot be
// true of one packet.
func Parse(text string) (*Sample, error) {
	words, err := read(text)
	if err != nil {
		return nil, err
	}
	s := &Sample{words: words}
	if s.shape, err = newShape(s.words); err != nil {
		return nil, err
	}
	// Words that write the same bytes are found out by writing them, where the family is the guest's by whichever.
	guest4 := Guest{IPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}
	for _, d := range []Direction{FromGuest, ToGuest} {
		_, err4 := s.Frame(guest4, d)
		if _, err6 := s.Frame(Guest{}, d); err4 != nil && err6 != nil {
			return nil, err4
		}
		if _, err := s.Context(Guest{}, d); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// before makes a statement of matches alone; what it counts is taken away again.
const before = "counter "

// read reads the words.
func read(text string) ([]word, *stmt.Error) {
	parsed, err := stmt.Parse(before + text)
	var wrong *stmt.Error
	if errors.As(err, &wrong) {
		moved := *wrong
		moved.Col -= len(before)
		moved.Hint = strings.Replace(moved.Hint, ", an action or a verdict", "", 1)
		return nil, &moved
	}
	if parsed.Verdict != stmt.None {
		return nil, misplaced(text, parsed.Verdict.String(), "what is expected of the packet is no part of it")
	}
	var words []word
	for _, it := range parsed.Items[1:] {
		var more []word
		switch it := it.(type) {
		case stmt.Match:
			more, wrong = values(&it)
		case stmt.Assign:
			wrong = misplaced(text, " set ", "write "+it.Field.Name+" and its value")
		case stmt.Log:
			wrong = misplaced(text, "log", "")
		case stmt.Limit:
			wrong = misplaced(text, "limit", "limits are taken not to be exceeded")
		case stmt.CtCount:
			wrong = misplaced(text, "count", "connections are taken not to be too many")
		case stmt.Update:
			wrong = misplaced(text, "@"+it.Set, "")
		default:
			wrong = misplaced(text, "counter", "")
		}
		if wrong != nil {
			return nil, wrong
		}
		words = append(words, more...)
	}
	return once(words)
}

// misplaced reports something of a statement that is no property of a packet.
func misplaced(text, what, hint string) *stmt.Error {
	at := max(0, strings.LastIndex(text, what))
	if strings.HasPrefix(what, " ") {
		at++
	}
	what = strings.TrimSpace(what)
	return &stmt.Error{Col: at + 1, Len: len(what), Msg: fmt.Sprintf("%q says nothing about a packet; expected fields and their values", what), Hint: hint}
}

// values are the words of a match, which must have one value.
func values(m *stmt.Match) ([]word, *stmt.Error) {
	col := m.Col - len(before)
	wrong := func(msg, hint string) ([]word, *stmt.Error) {
		return nil, &stmt.Error{Col: m.Value.Col - len(before), Len: m.Value.Len, Msg: m.Fields[0].Name + " has one value in a packet, found " + msg, Hint: hint}
	}
	switch {
	case m.Op == stmt.Neq:
		return wrong("all but one", "write the value that it has")
	case m.Mask != nil:
		return wrong("a part of it", "write the whole value, without a mask")
	case m.Value.Param != "":
		return wrong("a parameter", "write the value; what is not written is the guest's own")
	case m.Value.Set:
		return wrong("a set", "write one of its values")
	}
	var words []word
	for i, f := range m.Fields {
		e := m.Value.Tuples[0][i]
		if !e.Single() {
			return wrong("several", "write one of them")
		}
		words = append(words, word{field: f, value: e.Lo, col: col, len: m.Value.Col + m.Value.Len - m.Col})
	}
	return words, nil
}

// once finds fields with two values, and takes out what is said twice.
func once(words []word) ([]word, *stmt.Error) {
	var kept []word
	at := make(map[string]*word, len(words))
	for i := range words {
		w := &words[i]
		first, again := at[w.field.Name]
		switch {
		case !again:
			at[w.field.Name] = w
			kept = append(kept, *w)
		case string(first.value) != string(w.value):
			return nil, w.errorf("", "%s has two values, %s and %s", w.field.Name, first.field.Type.Print(first.value), w.field.Type.Print(w.value))
		}
	}
	return kept, nil
}

// said returns the word of a field, nil where the text has none.
func (s *Sample) said(name string) *word { return said(s.words, name) }

func said(words []word, name string) *word {
	for i := range words {
		if words[i].field.Name == name {
			return &words[i]
		}
	}
	return nil
}
