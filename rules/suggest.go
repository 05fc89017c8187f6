package rules

import (
	"strings"

	"vifd/internal/nearest"
)

// maxListed is how many candidates a hint lists beside a likely one: a longer list would hide it.
const maxListed = 24

// suggestion asks whether the nearest candidate was meant, followed by all that would have been known.
func suggestion(word string, candidates []string, what string) string {
	hint := nearest.Hint(word, candidates)
	if len(candidates) == 0 || hint != "" && len(candidates) > maxListed {
		return hint
	}
	if hint != "" {
		hint += " "
	}
	return hint + what + ": " + strings.Join(candidates, ", ")
}

// Nearest returns the candidate that word was most likely meant to be; false where none is near.
func Nearest(word string, candidates []string) (string, bool) { return nearest.Of(word, candidates) }
