package format

import (
	"strings"
	"unicode/utf8"
)

// render writes the lines out. Comments behind values that stood below each other keep the least distance that they had, and stay below
// each other.
func (p *printer) render() string {
	cols := p.columns()
	var b strings.Builder
	for i := range p.lines {
		l := &p.lines[i]
		if l.blank {
			b.WriteByte('\n')
		}
		b.WriteString(strings.Repeat(" ", l.indent) + l.text)
		if l.comment != "" {
			b.WriteString(strings.Repeat(" ", cols[i]-l.width()) + l.comment)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (l *line) width() int { return l.indent + utf8.RuneCountInString(l.text) }

// columns finds the column of each comment behind a value.
func (p *printer) columns() map[int]int {
	cols := map[int]int{}
	var group []int // lines whose comments stood in one column
	flush := func() {
		space, most, width := 0, 0, 0
		for _, i := range group {
			l := &p.lines[i]
			if space == 0 || l.space < space {
				space = max(l.space, 1)
			}
			most, width = max(most, l.space), max(width, l.width())
		}
		for _, i := range group {
			cols[i] = width + space
			if most <= 1 {
				cols[i] = p.lines[i].width() + 1 // nobody has lined them up
			}
		}
		group = group[:0]
	}
	for i := range p.lines {
		l := &p.lines[i]
		if l.comment == "" {
			continue
		}
		if len(group) > 0 && p.lines[group[0]].col != l.col {
			flush()
		}
		group = append(group, i)
	}
	flush()
	return cols
}
