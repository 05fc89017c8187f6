package model

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Pos is a place in a file that is imported. Line and Col count from 1, Col in bytes; Line is 0 where the file as a whole is meant.
type Pos struct {
	File string
	Line int
	Col  int
}

// String is FILE:LINE:COL.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.file()
	}
	return fmt.Sprintf("%s:%d", p.Source(), p.Col)
}

// Source is FILE:LINE, for comments.
func (p Pos) Source() string {
	if p.Line == 0 {
		return p.file()
	}
	return fmt.Sprintf("%s:%d", p.file(), p.Line)
}

// file is the file's name on one line, whatever it is: it goes into comments, which must not end early, nor take warnings off.
func (p Pos) file() string {
	if quoted := strconv.Quote(p.File); quoted != `"`+p.File+`"` || strings.HasPrefix(p.File, "vifd:ignore") {
		return quoted
	}
	return p.File
}

// Text is a file, in which places are found by their byte.
type Text struct {
	File   string
	Data   string
	starts []int // the byte where each line begins
}

// NewText takes what is in a file.
func NewText(file, data string) Text {
	t := Text{File: file, Data: data, starts: []int{0}}
	for i := range len(data) {
		if data[i] == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	return t
}

// At is the place of byte off.
func (t *Text) At(off int) Pos {
	off = min(max(off, 0), len(t.Data))
	line := sort.SearchInts(t.starts, off+1)
	return Pos{File: t.File, Line: line, Col: off - t.starts[line-1] + 1}
}

// Error is why a file is refused.
type Error struct {
	Pos  Pos
	Msg  string
	Hint string
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: %s", e.Pos, e.Msg)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Pos, e.Msg, e.Hint)
}

// Note is something that did not come over as it was.
type Note struct {
	Pos  Pos
	What string // the key, or the key and its value
	Why  string
	Do   string // what the administrator can do about it; may be empty
	Lost bool   // not carried over; otherwise it was, in another form that should be looked at
}

// String is the note with its place and what became of it.
func (n Note) String() string {
	kind := "changed"
	if n.Lost {
		kind = "not carried over"
	}
	return fmt.Sprintf("%s: %s: %s", n.Pos, kind, n.Text())
}

// Text is what the note says: what, why, and what to do.
func (n Note) Text() string {
	s := n.What + ": " + n.Why
	if n.Do != "" {
		s += "; " + n.Do
	}
	return s
}
