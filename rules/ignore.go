package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"vifd/internal/lazy"
)

// ignoreMark begins a comment that takes warnings off a line: `# vifd:ignore VIF501 reason`.
const ignoreMark = "vifd:ignore"

// ignoreHint is how such a comment is written.
const ignoreHint = "write # vifd:ignore VIF501 why, on the line of the warning or above it"

// ignoreKey is what a comment speaks of: one kind of warning in one line.
type ignoreKey struct {
	file string
	line int
	code string
}

type ignore struct {
	pos  Pos // of the code in the comment
	used bool
}

func (r *Report) disable(codes []string) {
	r.disabled = map[string]bool{}
	for _, code := range codes {
		r.disabled[code] = true
	}
}

// hushed reports whether nobody wants to hear of a warning, and notes that the comment that says so is of use.
func (r *Report) hushed(p Problem) bool {
	if by := r.ignored[ignoreKey{p.Pos.File, p.Pos.Line, p.Code}]; by != nil {
		by.used = true
		return true
	}
	return r.disabled[p.Code]
}

// AddUnusedIgnores warns of comments that had nothing to ignore. ran says whether what finds a code has been run: of others nobody
// knows.
func (r *Report) AddUnusedIgnores(ran func(Code) bool) {
	var unused []Problem
	for key, ig := range r.ignored {
		code, err := LookupCode(key.code)
		if err != nil || ig.used || !ran(code) || r.disabled[key.code] || key.code == codeNotIgnored {
			continue
		}
		unused = append(unused, Problem{
			Pos: ig.pos, Severity: Warning, Code: codeNotIgnored, Msg: fmt.Sprintf("there is no %s to ignore here", key.code),
			Hint: "remove it; it would hide what comes later",
		})
	}
	slices.SortFunc(unused, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	for _, p := range unused {
		r.add(p)
	}
	r.sort()
}

var ignoredCode = lazy.Regexp(`^[ \t]*(VIF\S*?)(,|[ \t]|$)`)

// ignores notes what the comments of a file ignore. The YAML library loses comments inside flow mappings, so that they are looked for
// in the text: what is behind a # at the begin of a word, outside of quotes and blocks.
func (s *source) ignores(rep *Report, root *yaml.Node) {
	if !strings.Contains(s.data, ignoreMark) {
		return
	}
	var inside []textSpan
	s.scalarSpans(root, &inside)
	slices.SortFunc(inside, func(a, b textSpan) int { return a.from - b.from })
	for n := 1; n <= len(s.starts); n++ {
		line := s.line(n)
		for at := range len(line) {
			if line[at] != '#' || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' || within(inside, s.starts[n-1]+at) {
				continue
			}
			text := strings.TrimLeft(line[at+1:], " \t")
			if rest, ok := strings.CutPrefix(text, ignoreMark); ok {
				s.ignore(rep, n, strings.TrimSpace(line[:at]) == "", len(line)-len(rest))
			}
			break // the comment goes on to the end of the line
		}
	}
}

// ignore reads the comment in line n, from byte off on, where its codes begin. One that is alone in its line is about the next line
// that holds more than a comment.
func (s *source) ignore(rep *Report, n int, alone bool, off int) {
	line := s.line(n)
	bad := func(off, length int, msg, hint string) {
		rep.add(Problem{Pos: s.pos(s.starts[n-1]+off, length), Severity: Warning, Code: codeBadIgnore, Msg: msg, Hint: hint})
	}
	about := n
	for alone && about < len(s.starts) && (about == n || bare(s.line(about))) {
		about++
	}
	start := off - len(ignoreMark)
	entries := map[ignoreKey]*ignore{}
	good := true
	for {
		m := ignoredCode().FindStringSubmatchIndex(line[off:])
		if m == nil {
			break
		}
		at, id := off+m[2], line[off+m[2]:off+m[3]]
		off += m[1]
		code, err := LookupCode(id)
		switch {
		case err != nil:
			bad(at, len(id), err.Error(), "")
			good = false
		case code.Severity == Error:
			bad(at, len(id), fmt.Sprintf("%s is an error, with which nothing is loaded: it cannot be ignored", id), "remove it")
			good = false
		default:
			entries[ignoreKey{s.name, about, id}] = &ignore{pos: s.pos(s.starts[n-1]+at, len(id))}
		}
	}
	switch {
	case len(entries) == 0 && good:
		bad(start, len(ignoreMark), "vifd:ignore names no code", ignoreHint)
	case strings.TrimSpace(line[off:]) == "" && good:
		bad(start, len(ignoreMark), "vifd:ignore gives no reason", "say behind the codes why, for those who read it later")
	default:
		for key, ig := range entries {
			if rep.ignored == nil {
				rep.ignored = map[ignoreKey]*ignore{}
			}
			rep.ignored[key] = ig
		}
	}
}

// bare reports whether a line holds a comment at most.
func bare(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || text[0] == '#'
}

// textSpan is the bytes of a file from from to before to.
type textSpan struct{ from, to int }

func within(spans []textSpan, off int) bool {
	i, _ := slices.BinarySearchFunc(spans, off, func(sp textSpan, off int) int {
		if sp.from <= off {
			return -1
		}
		return 1
	})
	return i > 0 && off < spans[i-1].to
}

// scalarSpans finds the scalars in which a # may be text: those in quotes, and blocks.
func (s *source) scalarSpans(n *yaml.Node, spans *[]textSpan) {
	if n == nil {
		return
	}
	for _, c := range n.Content {
		s.scalarSpans(c, spans)
	}
	off := s.offset(n)
	switch {
	case n.Kind != yaml.ScalarNode:
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		*spans = append(*spans, s.blockSpan(off))
	case quoted(n):
		*spans = append(*spans, textSpan{off, s.quoteEnd(off)})
	}
}

// quoteEnd is the byte behind the quote that ends what begins with the one at off.
func (s *source) quoteEnd(off int) int {
	if off >= len(s.data) {
		return len(s.data)
	}
	quote := s.data[off]
	for i := off + 1; i < len(s.data); i++ {
		switch {
		case quote == '"' && s.data[i] == '\\', quote == '\'' && strings.HasPrefix(s.data[i:], "''"):
			i++
		case s.data[i] == quote:
			return i + 1
		}
	}
	return len(s.data)
}

// blockSpan is the text of the block whose | or > stands at off: from the next line on to the first that is indented less than the
// block's first.
func (s *source) blockSpan(off int) textSpan {
	at := s.pos(off, 0).Line + 1
	if at > len(s.starts) {
		return textSpan{len(s.data), len(s.data)}
	}
	sp := textSpan{from: s.starts[at-1], to: len(s.data)}
	indent := -1
	for n := at; n <= len(s.starts); n++ {
		line := s.line(n)
		text := strings.TrimLeft(line, " ")
		switch {
		case text == "":
		case indent < 0:
			indent = len(line) - len(text)
		case len(line)-len(text) < indent:
			sp.to = s.starts[n-1]
			return sp
		}
	}
	return sp
}
