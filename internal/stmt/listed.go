package stmt

import (
	"fmt"
	"strconv"
)

// counter reads `counter`, with the counts that nft lists behind it: a statement that is pasted from there begins anew.
func (p *parser) counter() (Item, *Error) {
	p.next++
	for _, seen := "", map[string]bool{}; ; {
		unit, _ := p.peek()
		if !unit.is("packets") && !unit.is("bytes") || seen[unit.text] {
			return Counter{}, nil
		}
		seen[unit.text] = true
		p.next++
		n, _ := p.peek()
		if _, err := strconv.ParseUint(n.text, 10, 64); err != nil || n.quoted {
			return nil, at(n, fmt.Sprintf("%s needs a number", unit.text), "or leave the counts out: the kernel counts from nought")
		}
		p.next++
	}
}

// maxComment is NFTNL_UDATA_COMMENT_MAXLEN of libnftnl, less the closing NUL that nft counts as well.
const maxComment = 128

// comment reads `comment "…"`, which nft takes at a rule's end alone, and lists there.
func (p *parser) comment(s *Stmt) *Error {
	p.next++
	t, ok := p.peek()
	switch {
	case !ok, !t.quoted && !bareWord(t.text):
		return at(t, "comment needs a text", `in quotes, as in drop comment "no mail"`)
	case len(t.text) > maxComment:
		return at(t, fmt.Sprintf("the comment has %d bytes; a rule's has at most %d", len(t.text), maxComment), "a # begins one that stays in the file")
	}
	p.next++
	if rest, more := p.peek(); more {
		return at(rest, fmt.Sprintf("%q after the comment", rest.text), "a comment ends the statement")
	}
	s.Comment = t.text
	return nil
}

// bareWord reports whether nft takes a word for a text without quotes.
func bareWord(word string) bool {
	_, verdict := parseVerdict(word)
	c := word[0] | 0x20
	return c >= 'a' && c <= 'z' && !verdict && !actionWords[word]
}
