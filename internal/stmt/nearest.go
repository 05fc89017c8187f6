package stmt

import (
	"strings"

	"vifd/internal/nearest"
)

// suggestion is a hint for who wrote word instead of one of names: the one that was meant, or all of them.
func suggestion(word string, names []string) string {
	if hint := nearest.Hint(word, names); hint != "" {
		return hint
	}
	return "expected one of " + strings.Join(names, ", ")
}
