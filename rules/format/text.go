package format

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// text is a file in pieces: its scalars and empty brackets, which are the leaves, and the gaps between them. A gap holds nothing but
// blanks, the signs of YAML, and comments: whatever has a # in front of it there is one.
type text struct {
	data   string
	root   *node // nil: the file holds nothing
	leaves []leaf
	gaps   []gap // gaps[i] is before leaves[i]; one more than leaves
	starts []int // of its lines, in bytes
}

// lineAt is the line that a byte stands in, from 1.
func (t *text) lineAt(off int) int {
	i, found := slices.BinarySearch(t.starts, off)
	if found {
		i++
	}
	return i
}

// leaf is the bytes from start to end.
type leaf struct{ start, end int }

// node is a value and where it stands.
type node struct {
	*yaml.Node
	kids        []*node
	first, last int // leaves; last < first: it has none, and is written as nothing
	col         int // where a block's entries begin, in bytes of the line; of what is in brackets the first leaf
	block       blockText
}

// absent reports whether a value is written as nothing.
func (n *node) absent() bool { return n.Kind == yaml.ScalarNode && n.bare() }

// bare reports whether a node has no leaf: of a list of nothings only the dashes are written.
func (n *node) bare() bool { return n.last < n.first }

// read takes a text apart.
func read(data string) (*text, error) {
	data = strings.TrimPrefix(data, "\ufeff")
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	t := &text{data: data, starts: []int{0}}
	for i := range len(data) {
		if data[i] == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	w := walker{text: t, line: 1, col: 1}
	if root != nil && !(root.Kind == yaml.ScalarNode && plain(root) && root.Value == "") {
		if t.root, err = w.walk(root, -1); err != nil {
			return nil, err
		}
	}
	from := 0
	for i := 0; i <= len(t.leaves); i++ {
		to, next := len(data), len(data)
		if i < len(t.leaves) {
			to, next = t.leaves[i].start, t.leaves[i].end
		}
		g, err := t.gap(from, to)
		if err != nil {
			return nil, err
		}
		t.gaps = append(t.gaps, g)
		from = next
	}
	return t, nil
}

func (t *text) comments() []string {
	var list []string
	for i := range t.gaps {
		for _, r := range t.gaps[i].remarks {
			list = append(list, r.text)
		}
	}
	var of func(n *node)
	of = func(n *node) {
		if n.block.comment != "" {
			list = append(list, n.block.comment)
		}
		for _, k := range n.kids {
			of(k)
		}
	}
	if t.root != nil {
		of(t.root)
	}
	slices.Sort(list) // one that stands where it cannot stay goes before the entry
	return list
}

// walker finds the leaves in the order of the text. Since every leaf is behind the one before it, the text is walked over once.
type walker struct {
	*text
	off       int // of line and col
	line, col int // as the library counts them: from 1, in runes
}

// seek goes on to a place and returns its byte.
func (w *walker) seek(line, col int) (int, error) {
	for w.line < line || w.line == line && w.col < col {
		if w.off >= len(w.data) {
			break
		}
		r, size := utf8.DecodeRuneInString(w.data[w.off:])
		w.off += size
		if w.col++; r == '\n' {
			w.line, w.col = w.line+1, 1
		}
	}
	if w.line != line || w.col != col {
		return 0, fmt.Errorf("line %d, column %d: there is nothing", line, col)
	}
	return w.off, nil
}

// walk takes in a node; around is the column of the block that it stands in.
func (w *walker) walk(y *yaml.Node, around int) (*node, error) {
	n := &node{Node: y, first: len(w.leaves), col: max(y.Column-1, 0)}
	switch {
	case y.Kind == yaml.AliasNode || y.Anchor != "" || y.Style&yaml.TaggedStyle != 0:
		return nil, fmt.Errorf("line %d: an anchor, alias or tag", y.Line)
	case y.Kind == yaml.ScalarNode || len(y.Content) == 0:
		if y.Kind == yaml.ScalarNode && plain(y) && y.Value == "" {
			break
		}
		start, err := w.seek(y.Line, y.Column)
		if err != nil {
			return nil, err
		}
		end, err := w.end(n, start, around)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", y.Line, err)
		}
		w.leaves = append(w.leaves, leaf{start, end})
	default:
		if y.Style&yaml.FlowStyle == 0 {
			around = n.col
		}
		for i, c := range y.Content {
			kid, err := w.walk(c, around)
			if err != nil {
				return nil, err
			}
			if y.Kind == yaml.MappingNode && i%2 == 0 && (kid.absent() || c.Kind != yaml.ScalarNode || strings.Contains(w.written(kid), "\n")) {
				return nil, fmt.Errorf("line %d: a key that is not text on one line", c.Line)
			}
			n.kids = append(n.kids, kid)
		}
	}
	n.last = len(w.leaves) - 1
	if y.Style&yaml.FlowStyle != 0 && !n.bare() {
		start := w.leaves[n.first].start
		n.col = start - strings.LastIndexByte(w.data[:start], '\n') - 1
	}
	return n, nil
}

// written is a leaf as it stands in the file.
func (t *text) written(n *node) string { return t.data[t.leaves[n.first].start:t.leaves[n.first].end] }

// end finds the byte behind a leaf that begins at start.
func (w *walker) end(n *node, start, around int) (int, error) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return start + 1, nil // the closing bracket is in the gap, with the comments before it
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for i := start + 1; i < len(w.data); i++ {
			switch w.data[i] {
			case '\\':
				i++
			case '"':
				return i + 1, nil
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		for i := start + 1; i < len(w.data); i++ {
			if w.data[i] != '\'' {
				continue
			}
			if !strings.HasPrefix(w.data[i:], "''") {
				return i + 1, nil
			}
			i++
		}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		var end int
		n.block, end = readBlock(w.data, start, n.Value, around)
		return end, nil
	default:
		return plainEnd(w.data, start, n.Value)
	}
	return 0, fmt.Errorf("the end of %q is not there", n.Value)
}

// plainEnd follows a plain scalar, in which a line break is a blank and an empty line a line break (YAML 1.2, 7.3.3).
func plainEnd(data string, start int, value string) (int, error) {
	off := start
	for value != "" {
		rest := data[off:]
		if blanks := strings.TrimLeft(rest, " \t\r\n"); len(blanks) < len(rest) {
			gap := rest[:len(rest)-len(blanks)]
			folded := gap
			if n := strings.Count(gap, "\n"); n == 1 {
				folded = " "
			} else if n > 1 {
				folded = strings.Repeat("\n", n-1)
			}
			after, ok := strings.CutPrefix(value, folded)
			if !ok {
				return 0, fmt.Errorf("%q is written otherwise", value)
			}
			off, value = off+len(gap), after
			continue
		}
		if rest == "" || rest[0] != value[0] {
			return 0, fmt.Errorf("%q is written otherwise", value)
		}
		off, value = off+1, value[1:]
	}
	return off, nil
}
