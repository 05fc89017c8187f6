package stmt

import (
	"fmt"
	"strings"
)

// suggestion is a hint for who wrote word instead of one of names: the one that was meant, or all of them.
func suggestion(word string, names []string) string {
	if near, ok := nearest(word, names); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "expected one of " + strings.Join(names, ", ")
}

// nearest returns the name that word most likely was meant to be: at most two edits away, and fewer than its own length.
func nearest(word string, names []string) (string, bool) {
	best, bestDist := "", 3
	for _, n := range names {
		if d := distance(word, n); d < bestDist && d < len(word) {
			best, bestDist = n, d
		}
	}
	return best, best != ""
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diag+cost)
			diag, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
