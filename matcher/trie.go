package matcher

import (
	"slices"
	"strings"
)

// trie finds, of many texts, those that a value begins with, or where it is built of reversed ones, ends with. A node stands for a
// text, which is what the labels on the way to it make together.
type trie struct {
	nodes    []trieNode // the first is the root; none: nothing is in it
	backward bool       // values are read from their end
	fold     bool       // ASCII letters of values count as lower case
}

type trieNode struct {
	label  string
	firsts string   // of each of kids the first byte of its label
	kids   []uint32 // in trie.nodes
	sure   span     // items of patterns that match whatever goes on from here
	check  span     // items of patterns that may
}

// affix is what patterns have in common that are found by the same text.
type affix struct{ sure, check []uint32 }

// newTrie builds a trie of affixes by their texts.
func newTrie(of map[string]*affix, backward, fold bool, flat *flattener) trie {
	t := trie{backward: backward, fold: fold}
	if len(of) == 0 {
		return t
	}
	type entry struct {
		text string
		*affix
	}
	entries := make([]entry, 0, len(of))
	for text, a := range of {
		if backward {
			b := []byte(text)
			slices.Reverse(b)
			text = string(b)
		}
		entries = append(entries, entry{text, a})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	// build makes the node of all that have begun with the same depth bytes. Sorted, what the first and the last begin with is
	// what all do, and whatever ends there stands first. The root's label is empty, so that there always is one.
	var build func(entries []entry, depth int) uint32
	build = func(entries []entry, depth int) uint32 {
		at := len(t.nodes)
		t.nodes = append(t.nodes, trieNode{})
		var n trieNode
		first, last := entries[0].text, entries[len(entries)-1].text
		end := depth
		for at > 0 && end < len(first) && first[end] == last[end] {
			end++
		}
		n.label = first[depth:end]
		if len(first) == end {
			n.sure, n.check = flat.add(entries[0].sure), flat.add(entries[0].check)
			entries = entries[1:]
		}
		var firsts []byte
		for len(entries) > 0 {
			c := entries[0].text[end]
			same := slices.IndexFunc(entries, func(e entry) bool { return e.text[end] != c })
			if same < 0 {
				same = len(entries)
			}
			firsts = append(firsts, c)
			n.kids = append(n.kids, build(entries[:same], end))
			entries = entries[same:]
		}
		n.firsts = string(firsts)
		t.nodes[at] = n
		return uint32(at)
	}
	build(entries, 0)
	return t
}

// walk queues what is found by the beginnings of value, or by its ends.
func walk[T string | []byte](t *trie, value T, q *queue) {
	if len(t.nodes) == 0 {
		return
	}
	at := 0
	for n := &t.nodes[0]; ; {
		if len(n.label) > len(value)-at {
			return
		}
		for i := range len(n.label) {
			if byteAt(t, value, at+i) != n.label[i] {
				return
			}
		}
		at += len(n.label)
		q.push(n.sure, false)
		q.push(n.check, true)
		if at == len(value) {
			return
		}
		i := strings.IndexByte(n.firsts, byteAt(t, value, at))
		if i < 0 {
			return
		}
		n = &t.nodes[n.kids[i]]
	}
}

// byteAt is byte i of value in the direction of t.
func byteAt[T string | []byte](t *trie, value T, i int) byte {
	if t.backward {
		i = len(value) - 1 - i
	}
	c := value[i]
	if t.fold {
		c = lower(c)
	}
	return c
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
