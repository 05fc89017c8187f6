package xend

import (
	"strings"

	"vifd/internal/importer/model"
)

// maxDepth bounds how deeply lists may lie in each other; xend's own files have three levels.
const maxDepth = 64

// node is an atom, or where list is set a list.
type node struct {
	pos   model.Pos
	list  bool
	atom  string
	nodes []node
}

// head is the atom that a list begins with.
func (n *node) head() string {
	if !n.list || len(n.nodes) == 0 {
		return ""
	}
	return n.nodes[0].atom
}

// parser reads S-expressions as xend does (tools/python/xen/xend/sxp.py): lists, words, and text in quotes of either kind. A # begins
// a comment.
type parser struct {
	text model.Text
	off  int
}

func parse(text model.Text) ([]node, error) {
	p := parser{text: text}
	var nodes []node
	for {
		p.space()
		if p.off >= len(p.text.Data) {
			return nodes, nil
		}
		n, err := p.node(0)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
}

func (p *parser) fail(off int, msg, hint string) error {
	return &model.Error{Pos: p.text.At(off), Msg: msg, Hint: hint}
}

func (p *parser) space() {
	for p.off < len(p.text.Data) {
		switch p.text.Data[p.off] {
		case ' ', '\t', '\r', '\n', '\f', '\v':
			p.off++
		case '#':
			end := strings.IndexByte(p.text.Data[p.off:], '\n')
			if end < 0 {
				end = len(p.text.Data) - p.off
			}
			p.off += end
		default:
			return
		}
	}
}

func (p *parser) node(depth int) (node, error) {
	start := p.off
	n := node{pos: p.text.At(start)}
	var err error
	switch c := p.text.Data[p.off]; c {
	case '(':
		if depth == maxDepth {
			return n, p.fail(start, "lists lie too deeply in each other", "")
		}
		n.list = true
		n.nodes, err = p.list(depth)
	case ')':
		return n, p.fail(start, "a closing bracket too many", "")
	case '\'', '"':
		n.atom, err = p.quoted(c)
	default:
		for p.off < len(p.text.Data) && !strings.ContainsRune(" \t\r\n\f\v()'\"#", rune(p.text.Data[p.off])) {
			p.off++
		}
		n.atom = p.text.Data[start:p.off]
	}
	return n, err
}

func (p *parser) list(depth int) ([]node, error) {
	start := p.off
	p.off++
	var nodes []node
	for {
		p.space()
		if p.off >= len(p.text.Data) {
			return nil, p.fail(start, "the list that begins here is not closed", "end it with )")
		}
		if p.text.Data[p.off] == ')' {
			p.off++
			return nodes, nil
		}
		n, err := p.node(depth + 1)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
}

// quoted reads text in quotes. A backslash quotes the next character, but for n, t and r.
func (p *parser) quoted(quote byte) (string, error) {
	start := p.off
	var b strings.Builder
	for p.off++; p.off < len(p.text.Data); p.off++ {
		switch c := p.text.Data[p.off]; {
		case c == quote:
			p.off++
			return b.String(), nil
		case c == '\\' && p.off+1 < len(p.text.Data):
			p.off++
			c = p.text.Data[p.off]
			if i := strings.IndexByte("ntr", c); i >= 0 {
				c = "\n\t\r"[i]
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(start, "the quote that begins here is not closed", "")
}
