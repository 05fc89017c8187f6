package stmt

import (
	"fmt"
	"strings"
)

// Parse reads one statement. The error is always an *Error.
func Parse(text string) (Stmt, error) {
	tokens, lexErr := lex(text)
	if lexErr != nil {
		return Stmt{}, lexErr
	}
	p := parser{tokens: tokens, end: len(strings.TrimRight(text, " \t")) + 1}
	s, err := p.statement()
	if err != nil {
		return Stmt{}, err
	}
	s.Text = join(tokens)
	return s, nil
}

type parser struct {
	tokens []token
	next   int
	end    int // column just after the text, for "expected … here"
}

func (p *parser) peek() (token, bool) {
	if p.next < len(p.tokens) {
		return p.tokens[p.next], true
	}
	return token{col: p.end}, false
}

// actionWords begin an item that is no comparison.
var actionWords = map[string]bool{"counter": true, "limit": true, "log": true, "update": true, "add": true}

func beginnings() []string {
	return []string{"accept", "drop", "return", "continue", "reject", "counter", "limit", "log", "update", "add", "include", "if"}
}

func (p *parser) statement() (Stmt, *Error) {
	var s Stmt
	if _, ok := p.peek(); !ok {
		return s, &Error{Col: 1, Len: 1, Msg: "empty statement", Hint: "write matches and a verdict, as in: tcp dport 22 accept"}
	}
	if t, _ := p.peek(); t.is("if") {
		when, err := p.condition()
		if err != nil {
			return s, err
		}
		s.When = when
	}
	if t, _ := p.peek(); t.is("include") {
		include, err := p.include()
		s.Include = include
		return s, err
	}
	for {
		t, ok := p.peek()
		if !ok {
			break
		}
		if t.is("comment") {
			if err := p.comment(&s); err != nil {
				return s, err
			}
			break
		}
		if v, ok := parseVerdict(t.text); ok && !t.quoted {
			p.next++
			s.Verdict = v
			return s, p.afterVerdict(&s)
		}
		item, err := p.item(t)
		if err != nil {
			return s, err
		}
		s.Items = append(s.Items, item)
	}
	if !s.acts() {
		return s, &Error{Col: p.end, Len: 1, Msg: "the statement does nothing", Hint: "end it with accept, drop, return or counter"}
	}
	return s, s.conflict(0, 0)
}

func (p *parser) afterVerdict(s *Stmt) *Error {
	t := p.tokens[p.next-1]
	if s.Verdict == Rejected {
		reject, err := p.reject()
		if err != nil {
			return err
		}
		s.Reject = reject
	}
	end := p.reached()
	if c, _ := p.peek(); c.is("comment") {
		if err := p.comment(s); err != nil {
			return err
		}
	}
	if rest, more := p.peek(); more {
		return at(rest, fmt.Sprintf("%q after the verdict %s", rest.text, s.Verdict), "a verdict ends the statement; write another line")
	}
	return s.conflict(t.col, end-t.col)
}

func (p *parser) item(t token) (Item, *Error) {
	second := token{}
	if p.next+1 < len(p.tokens) {
		second = p.tokens[p.next+1]
	}
	switch {
	case t.is("counter"):
		return p.counter()
	case t.is("limit"):
		return p.limit()
	case t.is("log"):
		return p.log()
	case t.is("update"), t.is("add"):
		return p.update()
	case t.is("ct") && second.is("count"):
		return p.ctCount()
	}
	return p.match()
}

// acts reports whether s does anything, and does not only look.
func (s *Stmt) acts() bool {
	for _, it := range s.Items {
		switch it.(type) {
		case Counter, Log, Assign, Update:
			return true
		}
	}
	return s.Verdict != None
}
