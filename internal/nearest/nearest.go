package nearest

import (
	"fmt"
	"strings"
)

// longest is how many bytes a word may have: a longer one is no slip of the pen, and its distances would take their square in time.
const longest = 64

// short is how many bytes a word has of which any two are near each other, so that only one edit counts.
const short = 3

// Of returns the candidate that word was most likely meant to be, the first of those that are equally near; false where none is
// near. Near is at most two edits away, one for a short word, and fewer than the candidate has bytes. The case of word is no edit,
// for candidates are in lower case; word itself is no candidate.
func Of(word string, candidates []string) (string, bool) {
	limit := 2
	if len(word) <= short {
		limit = 1
	}
	if word == "" || len(word) > longest {
		return "", false
	}
	best, found := "", false
	for _, c := range candidates {
		if len(c) > longest || c == word {
			continue
		}
		if d := distance(strings.ToLower(word), c); d <= limit && d < len(c) {
			best, found, limit = c, true, d-1
		}
	}
	return best, found
}

// Hint asks whoever wrote word whether the nearest candidate was meant; it is empty where none is near.
func Hint(word string, candidates []string) string {
	if c, ok := Of(word, candidates); ok {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return ""
}

// distance counts the insertions, deletions, replacements and swaps of neighbours, in bytes, between two words (the optimal string
// alignment distance).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
