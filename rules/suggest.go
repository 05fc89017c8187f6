package rules

import (
	"fmt"
	"strings"
)

// nearest returns the candidate that word was most likely meant to be: within two edits, one for a short word.
func nearest(word string, candidates []string) (string, bool) {
	const longest = 64
	limit := 2
	if len(word) <= 3 {
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
		if d := editDistance(strings.ToLower(word), c); d <= limit && d < len(c) {
			best, found, limit = c, true, d-1
		}
	}
	return best, found
}

// didYouMean is a hint, or nothing where no candidate is near.
func didYouMean(word string, candidates []string) string {
	if c, ok := nearest(word, candidates); ok {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return ""
}

// maxListed is how many candidates a hint lists beside a likely one: a longer list would hide it.
const maxListed = 24

// suggestion is didYouMean followed by all that would have been known.
func suggestion(word string, candidates []string, what string) string {
	hint := didYouMean(word, candidates)
	if len(candidates) == 0 || hint != "" && len(candidates) > maxListed {
		return hint
	}
	if hint != "" {
		hint += " "
	}
	return hint + what + ": " + strings.Join(candidates, ", ")
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours between two words (the optimal string
// alignment distance).
func editDistance(a, b string) int {
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

// Nearest returns the candidate that word was most likely meant to be; false where none is near.
func Nearest(word string, candidates []string) (string, bool) { return nearest(word, candidates) }
