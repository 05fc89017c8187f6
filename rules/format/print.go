package format

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// frame is a block of entries: where they began and where they begin now, in columns from 0.
type frame struct{ col, indent int }

// line is one line of the new text.
type line struct {
	indent  int
	text    string
	blank   bool // an empty line before it
	comment string
	space   int  // in the old text: before the comment
	col     int  // of the comment there
	sealed  bool // it takes no comment
}

type printer struct {
	*text
	lines  []line
	told   []bool  // the gaps whose remarks have been printed
	opened bool    // the last line is a key whose entries follow
	ended  []frame // blocks that have ended since the last entry
}

// print lays a text out anew.
func (o Options) print(t *text) string {
	p := &printer{text: t, told: make([]bool, len(t.gaps))}
	outermost := frame{}
	if n := t.root; n != nil {
		blank := p.lead(n.first, frame{col: n.col})
		if n.Kind == yaml.ScalarNode || !o.Open {
			if one, ok := p.fits(n, 0, ""); ok {
				p.pullOut(n, 0, &blank)
				p.emit(line{text: one, blank: blank})
			} else if n.Kind == yaml.ScalarNode {
				p.several(n, "", 0, 0, blank)
			} else {
				p.block(n, 0, "", blank, false)
			}
		} else {
			p.block(n, 0, "", blank, true)
		}
	}
	if len(p.ended) > 0 {
		outermost = p.ended[len(p.ended)-1]
	}
	p.lead(len(t.gaps)-1, outermost)
	return p.render()
}

func (p *printer) emit(l line) {
	l.blank = l.blank && !p.opened && len(p.lines) > 0
	p.opened = false
	p.lines = append(p.lines, l)
}

// lead prints the remarks before an entry of a block, and tells whether an empty line goes before the entry itself. A remark on the
// line of what was printed last goes there; the others go on lines of their own.
func (p *printer) lead(i int, at frame) (blank bool) {
	if p.told[i] {
		return false
	}
	p.told[i] = true
	for _, r := range p.gaps[i].remarks {
		if r.own || !p.append(r) {
			p.emit(line{indent: p.place(r, at), text: r.text, blank: r.blank, sealed: !r.mark})
		}
	}
	p.ended = p.ended[:0]
	return p.gaps[i].blank
}

// append puts a remark behind the last line.
func (p *printer) append(r remark) bool {
	if len(p.lines) == 0 {
		return false
	}
	l := &p.lines[len(p.lines)-1]
	if l.sealed || l.comment != "" {
		return false
	}
	l.comment, l.space, l.col = r.text, r.space, r.col
	return true
}

// place finds the indentation of a remark that stands before an entry of a block: that of the block, unless it stood as far to the
// right as the entries of a block that has just ended. Then it is about that one.
func (p *printer) place(r remark, at frame) int {
	if r.mark {
		return 0
	}
	best := at
	for i := len(p.ended) - 1; i >= 0; i-- { // the outermost ended last
		if f := p.ended[i]; f.col <= r.col && (f.col > best.col || best.col > r.col) {
			best = f
		}
	}
	return best.indent
}

// block prints entries, one on each line. The first goes behind prefix, whose last column is the one before indent.
func (p *printer) block(n *node, indent int, prefix string, blank, open bool) {
	at := frame{n.col, indent}
	for i := 0; i < len(n.kids); i++ {
		kid := n.kids[i]
		if i > 0 && !kid.bare() {
			blank = p.lead(kid.first, at)
		}
		if n.Kind == yaml.MappingNode {
			key, _ := p.scalar(kid)
			i++
			p.value(prefix+key+":", indent-len(prefix), indent, n.kids[i], blank, true, open)
		} else {
			p.value(prefix+"-", indent-len(prefix), indent, kid, blank, false, false)
		}
		prefix, blank = "", false
	}
	p.ended = append(p.ended, at)
}

// value prints an entry: head, which begins at column at, and behind or below it the value. indent is that of the entries around.
func (p *printer) value(head string, at, indent int, n *node, blank, keyed, open bool) {
	if n.absent() {
		p.emit(line{indent: at, text: head, blank: blank})
		return
	}
	one, ok := p.fits(n, at, head)
	collection := n.Kind != yaml.ScalarNode
	wrapped := p.wrapped(n, at, indent+2, head)
	switch {
	case ok && !(open && len(n.kids) > 0):
		trailing := p.hoist(n.first, at, &blank, !p.ignores(n.last+1, false))
		p.pullOut(n, at, &blank)
		p.emit(line{indent: at, text: head + " " + one, blank: blank})
		if trailing != nil {
			p.append(*trailing)
		}
	case len(wrapped) > 0 && !open:
		p.hoist(n.first, at, &blank, false)
		p.emit(line{indent: at, text: head + " " + wrapped[0], blank: blank, sealed: len(wrapped) > 1})
		for _, text := range wrapped[1:] {
			p.emit(line{indent: indent + 2, text: text})
		}
	case !collection:
		p.hoist(n.first, at, &blank, false)
		p.several(n, head+" ", at, indent, blank)
	case keyed:
		p.emit(line{indent: at, text: head, blank: blank})
		p.opened = true
		if !n.bare() {
			p.lead(n.first, frame{n.col, indent + 2})
		}
		p.block(n, indent+2, "", false, false)
	default:
		p.block(n, indent+2, head+" ", blank, false)
	}
}

// hoist prints what is said between a key and its value before the key. What stands on the key's line is returned, if it may stay.
func (p *printer) hoist(i, at int, blank *bool, stay bool) (trailing *remark) {
	if p.told[i] {
		return nil
	}
	p.told[i] = true
	for j, r := range p.gaps[i].remarks {
		if j == 0 && !r.own && stay {
			trailing = &p.gaps[i].remarks[j]
			continue
		}
		p.emit(line{indent: at, text: r.text, blank: *blank, sealed: true})
		*blank = false
	}
	p.ended = p.ended[:0]
	return trailing
}

// several prints a scalar that has several lines.
func (p *printer) several(n *node, head string, at, indent int, blank bool) {
	lines, ok := p.broken(n)
	first := line{indent: at, blank: blank}
	sealed := false
	if ok {
		first.text, lines = head+lines[0], lines[1:]
	} else {
		var sign string
		sign, lines = n.block.print()
		first.text, first.comment, first.space, first.col = head+sign, n.block.comment, 1, -len(p.lines)
		sealed = true
	}
	p.emit(first)
	for i, text := range lines {
		// Of a quoted text the last line can take a comment, of a block none can: there it would be text.
		l := line{indent: indent + 2, text: text, sealed: sealed || i < len(lines)-1}
		if text == "" {
			l.indent = 0
		}
		p.emit(l)
	}
}

// fits returns a value as it stands behind head on one line; false where it is not written in one or too long.
func (p *printer) fits(n *node, at int, head string) (string, bool) {
	if n.Kind != yaml.ScalarNode && n.Style&yaml.FlowStyle == 0 {
		return "", false
	}
	one, ok := p.oneLine(n, p.bound(n))
	if !ok || n.Kind != yaml.ScalarNode && len(n.kids) == 0 {
		return one, ok
	}
	if p.pinned(n) || p.bound(n) {
		return one, true
	}
	width := at + utf8.RuneCountInString(head) + 1 + utf8.RuneCountInString(one)
	if n.Kind == yaml.ScalarNode {
		_, breaks := p.broken(n)
		return one, !breaks || width <= Width
	}
	return one, width <= Width
}

// wrapped is a long list of single values on as many lines as it needs; nil for what is none. One on each line would be a column
// of words.
func (p *printer) wrapped(n *node, at, below int, head string) []string {
	if n.Kind != yaml.SequenceNode || n.Style&yaml.FlowStyle == 0 {
		return nil
	}
	if _, ok := p.flow(n); !ok {
		return nil
	}
	lines, used := []string{"["}, at+utf8.RuneCountInString(head)+2
	for i, kid := range n.kids {
		part, _ := p.flow(kid)
		if kid.Kind != yaml.ScalarNode {
			return nil
		}
		if part += ","; i == len(n.kids)-1 {
			part = strings.TrimSuffix(part, ",") + "]"
		}
		last := &lines[len(lines)-1]
		if *last != "[" && used+1+utf8.RuneCountInString(part) > Width {
			lines, used = append(lines, part), below+utf8.RuneCountInString(part)
			continue
		}
		if *last != "[" {
			part = " " + part
		}
		*last, used = *last+part, used+utf8.RuneCountInString(part)
	}
	return lines
}
