package model

import "fmt"

// DidYouMean is a hint for who wrote word instead of one of names; empty where none is near.
func DidYouMean(word string, names []string) string {
	if near, ok := Nearest(word, names); ok {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return ""
}

// Nearest returns the name that word most likely was meant to be: at most two edits away, one where it is short.
func Nearest(word string, names []string) (string, bool) {
	const short = 4 // bytes: of such words any two are near each other
	best, least := "", 3
	if len(word) <= short {
		least = 2
	}
	for _, n := range names {
		if d := distance(word, n); d < least {
			best, least = n, d
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
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
