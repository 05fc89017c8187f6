package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// gap is what stands between two leaves.
type gap struct {
	remarks []remark
	blank   bool // an empty line stands before what follows
}

// remark is a comment, or a mark of the document's beginning or end.
type remark struct {
	text  string
	own   bool // it does not stand on the line of the leaf or mark before it
	blank bool // an empty line stands before it
	mark  bool // --- or ...
	line  int  // from 1
	col   int  // in runes of its line, from 0
	space int  // runes between it and what stands before it on its line
}

// gap reads the bytes from one leaf to the next.
func (t *text) gap(from, to int) (gap, error) {
	var g gap
	own := from == 0
	empty := from == 0 // nothing has been seen on the line
	for off := from; off < to; off++ {
		begins := off == 0 || t.data[off-1] == '\n'
		rest := t.data[off:to]
		switch c := t.data[off]; {
		case c == '\n':
			g.blank = g.blank || empty
			own, empty = true, true
		case c == ' ' || c == '\t' || c == '\r':
		case begins && (marks(rest, "---") || marks(rest, "...")):
			g.add(remark{text: rest[:3], own: true, blank: g.blank, mark: true})
			own, empty = false, false
			off += 2
		case c == '#':
			line, _, _ := strings.Cut(rest, "\n")
			g.add(t.remark(off, strings.TrimRight(line, " \t\r"), own, g.blank))
			off += len(line) - 1
			empty = false
		case strings.IndexByte("-?:,[]{}", c) >= 0:
			empty = false
		default:
			return g, fmt.Errorf("line %d: %q is not taken", 1+strings.Count(t.data[:off], "\n"), rest[:1])
		}
	}
	return g, nil
}

func marks(rest, mark string) bool {
	after, ok := strings.CutPrefix(rest, mark)
	return ok && (after == "" || strings.IndexByte(" \t\r\n", after[0]) >= 0)
}

func (g *gap) add(r remark) {
	g.remarks = append(g.remarks, r)
	g.blank = false
}

func (t *text) remark(off int, text string, own, blank bool) remark {
	line := t.data[strings.LastIndexByte(t.data[:off], '\n')+1 : off]
	return remark{
		text: text, own: own, blank: blank, line: t.lineAt(off), col: utf8.RuneCountInString(line),
		space: utf8.RuneCountInString(line) - utf8.RuneCountInString(strings.TrimRight(line, " \t")),
	}
}
