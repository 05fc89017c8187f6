package rules

import (
	"fmt"
	"strings"
)

// Text is a scalar in which ${fact} and ${fact:-default} stand for what is known of the vif, and $$ for a dollar sign. The zero
// Text is empty. It is immutable.
type Text struct {
	raw   string
	parts []textPart
}

// textPart is a piece of literal text, or where fact is set a substitution.
type textPart struct {
	literal    string
	fact       string
	fallback   string
	hasDefault bool
	off, len   int // in raw
	pos        Pos // in the file; zero for a Text that comes from none
}

// UnsetFactError is what Text.Expand returns for a fact that nobody knows and that has no default.
type UnsetFactError struct {
	Fact string
	Pos  Pos // of the substitution
}

func (e *UnsetFactError) Error() string {
	if e.Pos == (Pos{}) {
		return fmt.Sprintf("fact %q is not known and has no default", e.Fact)
	}
	return fmt.Sprintf("%s: fact %q is not known and has no default", e.Pos, e.Fact)
}

// ParseText reads a text with substitutions.
func ParseText(raw string) (Text, error) {
	t, verr := parseText(raw)
	if verr != nil {
		return Text{}, fmt.Errorf("text %q: %w", raw, verr)
	}
	return t, nil
}

func parseText(raw string) (Text, *valueError) {
	t := Text{raw: raw}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t.parts = append(t.parts, textPart{literal: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(raw); {
		switch {
		case raw[i] != '$':
			literal.WriteByte(raw[i])
			i++
		case strings.HasPrefix(raw[i:], "$$"):
			literal.WriteByte('$')
			i += 2
		case strings.HasPrefix(raw[i:], "${"):
			part, verr := parseSubstitution(raw, i)
			if verr != nil {
				return Text{}, verr
			}
			flush()
			t.parts = append(t.parts, part)
			i += part.len
		default:
			return Text{}, &valueError{code: codeText, off: i, len: 1, msg: "a lone $", hint: "write ${fact} for a fact, or $$ for a dollar sign"}
		}
	}
	flush()
	return t, nil
}

// parseSubstitution reads the ${…} that begins at raw[start]. A default ends at the first closing brace; in it, too, $$ is a dollar.
func parseSubstitution(raw string, start int) (textPart, *valueError) {
	fail := func(code string, off, length int, msg, hint string) (textPart, *valueError) {
		return textPart{}, &valueError{code: code, off: off, len: length, msg: msg, hint: hint}
	}
	inside := raw[start+2:]
	end := strings.IndexByte(inside, '}')
	if nested := strings.Index(inside, "${"); nested >= 0 && nested < end {
		return fail(codeText, start+2+nested, 2, "substitutions cannot be nested", "")
	}
	if end < 0 {
		return fail(codeText, start, len(raw)-start, "the substitution is not closed", "end it with }, or write $$ for a dollar sign")
	}
	inside = inside[:end]
	part := textPart{off: start, len: end + 3}
	part.fact, part.fallback, part.hasDefault = strings.Cut(inside, ":-")
	switch {
	case part.fact == "":
		return fail(codeText, start, part.len, "the substitution names no fact", "write ${fact} or ${fact:-default}")
	case !knownTextFact(part.fact):
		hint := suggestion(part.fact, textFactNames(), "facts are")
		if name, operator := cutOperator(part.fact); operator != "" && knownTextFact(name) {
			hint = fmt.Sprintf("the only operator is :- as in ${%s:-default}", name)
		}
		return fail(codeNoFact, start+2, len(part.fact), fmt.Sprintf("unknown fact %s", short(part.fact)), hint)
	}
	dollars := strings.ReplaceAll(part.fallback, "$$", "")
	if strings.Contains(dollars, "$") {
		return fail(codeText, start, part.len, "a lone $ in the default", "write $$ for a dollar sign")
	}
	part.fallback = strings.ReplaceAll(part.fallback, "$$", "$")
	return part, nil
}

// cutOperator spots the other operators that a shell has: ${x-y}, ${x:=y}, ${x#y} …
func cutOperator(s string) (name, operator string) {
	i := strings.IndexAny(s, ":=#%+?")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// Expand puts the facts in. A fact that lookup does not know, or knows as empty, is replaced by its default; one without default is
// an *UnsetFactError when it is not known, and empty when it is known as empty.
func (t Text) Expand(lookup func(fact string) (string, bool)) (string, error) {
	if len(t.parts) == 1 && t.parts[0].fact == "" {
		return t.parts[0].literal, nil
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		if p.fact == "" {
			b.WriteString(p.literal)
			continue
		}
		value, ok := lookup(p.fact)
		switch {
		case p.hasDefault && value == "":
			value = p.fallback
		case !ok:
			return "", &UnsetFactError{Fact: p.fact, Pos: p.pos}
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// Literal returns the text where it holds no substitution.
func (t Text) Literal() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].fact == "":
		return t.parts[0].literal, true
	}
	return "", false
}

// Facts returns the facts that the text names, in order.
func (t Text) Facts() []string {
	var names []string
	for i := range t.parts {
		if t.parts[i].fact != "" {
			names = append(names, t.parts[i].fact)
		}
	}
	return names
}

// String returns the text as it was written.
func (t Text) String() string { return t.raw }

// at returns t with the places of its substitutions, so that Expand can name them.
func (t Text) at(place func(off, length int) Pos) Text {
	for i := range t.parts {
		if p := &t.parts[i]; p.fact != "" {
			p.pos = place(p.off, p.len)
		}
	}
	return t
}

// defaults returns what the text is where no fact is known; false where a fact has no default.
func (t Text) defaults() (string, bool) {
	s, err := t.Expand(func(string) (string, bool) { return "", false })
	return s, err == nil
}
