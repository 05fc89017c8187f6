package xl

import (
	"fmt"

	"vifd/internal/importer/model"
)

// maxDepth bounds how deeply lists may lie in each other; xl itself takes two levels.
const maxDepth = 16

// value is what stands behind a key.
type value struct {
	token
	list   bool
	values []value
}

// setting is a key with its value, after all additions to it.
type setting struct {
	key   string
	off   int
	value value
}

// config is a parsed file: its settings in the order in which each was first given.
type config struct {
	text     model.Text
	settings []*setting
	byKey    map[string]*setting
}

// get returns a setting, or nil.
func (c *config) get(key string) *setting { return c.byKey[key] }

type parser struct {
	lexer

	tok token
}

func parse(text model.Text) (*config, error) {
	c := &config{text: text, byKey: map[string]*setting{}}
	p := &parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for p.tok.kind != end {
		if p.tok.kind == newline {
			if err := p.advance(); err != nil {
				return nil, err
			}
			continue
		}
		if err := p.setting(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) is(text string) bool { return p.tok.kind == punct && p.tok.text == text }

// setting reads KEY = VALUE or KEY += VALUE up to the end of the line.
func (p *parser) setting(c *config) error {
	key := p.tok
	if key.kind != word {
		return p.fail(key.off, "a setting begins with a name", "as in name = \"web\"")
	}
	if err := p.advance(); err != nil {
		return err
	}
	add := p.is("+=")
	if !add && !p.is("=") {
		hint := "as in name = \"web\""
		switch key.text {
		case "import", "from", "def", "if", "else", "for", "while", "print", "try":
			hint = python
		}
		return p.fail(p.tok.off, fmt.Sprintf("%s is not followed by =", key.text), hint)
	}
	if err := p.advance(); err != nil {
		return err
	}
	v, err := p.value(0)
	if err != nil {
		return err
	}
	if p.tok.kind != newline && p.tok.kind != end {
		hint := ""
		if p.tok.kind == str || p.tok.kind == word {
			hint = "a value is one string, number or list"
		}
		return p.fail(p.tok.off, "something follows the value", hint)
	}
	before := c.byKey[key.text]
	switch {
	case add && before != nil && before.value.list && v.list:
		before.value.values = append(before.value.values, v.values...)
	case add && before != nil && before.value.kind == str && v.kind == str:
		before.value.text += v.text
		before.value.plain = false
	case add && before != nil:
		return p.fail(key.off, fmt.Sprintf("what is added to %s is of another kind", key.text), "")
	case before != nil: // xl takes the last one
		before.off, before.value = key.off, v
	default:
		s := &setting{key: key.text, off: key.off, value: v}
		c.byKey[key.text] = s
		c.settings = append(c.settings, s)
	}
	return nil
}

func (p *parser) value(depth int) (value, error) {
	v := value{token: p.tok}
	switch {
	case p.tok.kind == str || p.tok.kind == number:
		return v, p.advance()
	case p.is("["):
		if depth == maxDepth {
			return v, p.fail(p.tok.off, "lists lie too deeply in each other", "")
		}
		v.list = true
		return v, p.list(&v, depth)
	case p.tok.kind == word:
		return v, p.fail(p.tok.off, fmt.Sprintf("the value %s is not quoted", p.tok.text), fmt.Sprintf("write %q; a variable of xm's is nothing to xl", p.tok.text))
	}
	return v, p.fail(p.tok.off, "a value is missing", "a string in quotes, a number, or a list in brackets")
}

func (p *parser) list(v *value, depth int) error {
	skip := func() error { // lines may end anywhere in a list
		for p.tok.kind == newline && p.text.Data[p.tok.off] == '\n' {
			if err := p.advance(); err != nil {
				return err
			}
		}
		return nil
	}
	if err := p.advance(); err != nil {
		return err
	}
	for {
		if err := skip(); err != nil {
			return err
		}
		if p.is("]") {
			return p.advance()
		}
		if p.tok.kind == end {
			return p.fail(v.off, "the list that begins here is not closed", "end it with ]")
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		v.values = append(v.values, item)
		if err := skip(); err != nil {
			return err
		}
		switch {
		case p.is(","):
			if err := p.advance(); err != nil {
				return err
			}
		case !p.is("]"):
			return p.fail(p.tok.off, "a comma or ] is missing in the list", "")
		}
	}
}
