package rules

import (
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// source is one file's text, and the way from the YAML library's positions (lines, and columns in runes) to ours (in bytes).
type source struct {
	name    string
	data    string // without byte order mark
	starts  []int  // the byte where each line begins
	library bool
	apart   bool // what is wrong with its tests is kept from the rest
	broken  bool // not YAML: what it would have defined is not known

	handled map[*yaml.Node]bool       // nodes whose problem has been reported; nothing more is said of them
	strides map[int][]int             // of a long line: the byte of every stride-th rune; filled when first asked for
	stands  map[*yaml.Node]*yaml.Node // what is written, by what stands in for it: see settled
}

// stride bounds how many runes offset walks over, so that a file of one line is not read once for every value in it.
const stride = 256

func newSource(name, data string) *source {
	s := &source{name: name, data: strings.TrimPrefix(data, "\ufeff"), starts: []int{0}, handled: map[*yaml.Node]bool{}, strides: map[int][]int{}, stands: map[*yaml.Node]*yaml.Node{}}
	for i := range len(s.data) {
		if s.data[i] == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// line returns line n, counted from 1, without its end; an empty string where there is none.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.starts) {
		return ""
	}
	end := len(s.data)
	if n < len(s.starts) {
		end = s.starts[n] - 1
	}
	return strings.TrimSuffix(s.data[s.starts[n-1]:end], "\r")
}

// pos is the place of length bytes from byte off on; a span ends with its line.
func (s *source) pos(off, length int) Pos {
	off = min(max(off, 0), len(s.data))
	line := sort.SearchInts(s.starts, off+1)
	col := off - s.starts[line-1]
	return Pos{File: s.name, Line: line, Col: col + 1, Len: max(0, min(length, len(s.line(line))-col))}
}

// offset is the byte at which a node begins.
func (s *source) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(s.starts) {
		return len(s.data)
	}
	line := s.line(n.Line)
	runes, off := n.Column-1, 0
	if len(line) > stride {
		marks := s.marks(n.Line, line)
		i := min(runes/stride, len(marks)-1)
		runes, off = runes-i*stride, marks[i]
	}
	for range runes {
		if off >= len(line) {
			break
		}
		_, size := utf8.DecodeRuneInString(line[off:])
		off += size
	}
	return s.starts[n.Line-1] + off
}

// marks returns the bytes of runes 0, stride, 2*stride … of a line.
func (s *source) marks(n int, line string) []int {
	if marks, ok := s.strides[n]; ok {
		return marks
	}
	var marks []int
	count := 0
	for i := range line {
		if count%stride == 0 {
			marks = append(marks, i)
		}
		count++
	}
	s.strides[n] = marks
	return marks
}

// node is the place of a node: of a scalar as it is written, of a list or mapping its beginning.
func (s *source) node(n *yaml.Node) Pos {
	if written := s.stands[n]; written != nil {
		n = written
	}
	off := s.offset(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		return s.pos(off, s.rawLen(n, off))
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0:
		return s.node(n.Content[0])
	default:
		return s.pos(off, 1)
	}
}

// rawLen is the length of a scalar as written, on its first line.
func (s *source) rawLen(n *yaml.Node, off int) int {
	if n.Line < 1 || n.Line > len(s.starts) {
		return 0
	}
	line := s.line(n.Line)
	rest := line[min(off-s.starts[n.Line-1], len(line)):]
	if quoted(n) {
		if m := s.decoded(n); len(m) == len(n.Value)+1 {
			return m[len(n.Value)] + 1 - off
		}
	} else if strings.HasPrefix(rest, n.Value) {
		return len(n.Value)
	}
	return len(strings.TrimRight(rest, " \t\r"))
}

// within is the place of the length bytes from byte off on of a scalar's value. It is exact where the value stands on one line
// and in a literal block; elsewhere it is the whole scalar.
func (s *source) within(n *yaml.Node, off, length int) Pos {
	if s.stands[n] != nil {
		return s.node(n)
	}
	sp := s.spot(n)
	return sp.pos(off, length)
}

// spot is where each byte of a scalar's value stands. Unlike the node it can be kept and asked after the load, and by several at
// once.
type spot struct {
	src   *source
	bytes []int // of the file, by the value's; fewer than the value has where the two part
	size  int   // of the value
	whole Pos
}

func (s *source) spot(n *yaml.Node) spot {
	return spot{src: s, bytes: s.decoded(n), size: len(n.Value), whole: s.node(n)}
}

func (s *spot) pos(off, length int) Pos {
	off = min(max(off, 0), s.size)
	if off >= len(s.bytes) {
		return s.whole
	}
	end := s.bytes[min(off+max(length, 0), len(s.bytes)-1)]
	return s.src.pos(s.bytes[off], end-s.bytes[off])
}
