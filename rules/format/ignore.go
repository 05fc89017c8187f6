package format

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// A comment with ignoreMark takes warnings off a line: off its own or, where it is alone there, off the next that holds more than comments.
// What was on that line must not come to stand on another that it does not take them off.
const ignoreMark = "vifd:ignore"

// ignores reports whether a gap has such a comment; own: also one on a line of its own.
func (t *text) ignores(i int, own bool) bool {
	for _, r := range t.gaps[i].remarks {
		if strings.Contains(r.text, ignoreMark) && (own || !r.own) {
			return true
		}
	}
	return false
}

// pinned reports whether a comment takes warnings off the line that a value stands on. They would come back on lines of their own.
func (t *text) pinned(n *node) bool {
	for i := max(n.first-1, 0); i <= n.last+1; i++ {
		if (i <= n.first || i > n.last) && t.ignores(i, i <= n.first) {
			return true
		}
	}
	return false
}

// bound reports whether what is in brackets has to stay on one line although comments are in it: they go before it then. It must where
// such a comment takes warnings off all of it, off the line that it begins in, or off one with more than one of its entries.
func (t *text) bound(n *node) bool {
	if n.Kind == yaml.ScalarNode || n.Style&yaml.FlowStyle == 0 {
		return false
	}
	inside := false
	for i := n.first + 1; i <= n.last; i++ {
		for _, r := range t.gaps[i].remarks {
			inside = true
			if !strings.Contains(r.text, ignoreMark) {
				continue
			}
			if line := t.about(r); line == n.Line || t.entriesOn(n, line) != 1 {
				return true
			}
		}
	}
	return inside && t.pinned(n)
}

// about is the line that a comment speaks of.
func (t *text) about(r remark) int {
	line := r.line
	for r.own {
		line++
		if line >= len(t.starts) {
			break
		}
		text, _, _ := strings.Cut(t.data[t.starts[line-1]:], "\n")
		if text = strings.TrimSpace(text); text != "" && text[0] != '#' {
			break
		}
	}
	return line
}

// entriesOn counts the entries of what is in brackets that stand on a line, or begin or end there.
func (t *text) entriesOn(n *node, line int) int {
	count := 0
	for i := 0; i < len(n.kids); i++ {
		first, last := n.kids[i], n.kids[i]
		if n.Kind == yaml.MappingNode {
			i++
			last = n.kids[i]
		}
		end := first.Line
		if leaf := max(last.last, first.last); leaf >= 0 {
			end = max(end, t.lineAt(t.leaves[leaf].end))
		}
		if first.Line <= line && line <= end {
			count++
		}
	}
	return count
}

// pullOut prints the comments of what has to stay on one line before it.
func (p *printer) pullOut(n *node, at int, blank *bool) {
	for i := n.first + 1; i <= n.last; i++ {
		p.hoist(i, at, blank, false)
	}
}
