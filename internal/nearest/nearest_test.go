package nearest

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	known := []string{"name", "match", "mac", "ip", strings.Repeat("long", 20)}
	for word, want := range map[string]string{
		"nmae": "name", "Match": "match", "matches": "match", "mack": "mac", "macs!": "mac", "ipp": "ip", "i": "ip",
		"x": "", "": "", "zzzzz": "", "acm": "", "mac": "", // written right, or a short word two edits away
		strings.Repeat("name", 100): "", strings.Repeat("long", 20) + "g": "",
	} {
		got, ok := Of(word, known)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q (%t), want %q", word, got, ok, want)
		}
	}
	if got, _ := Of("cap", []string{"cat", "cup", "can"}); got != "cat" {
		t.Errorf("of those equally near: %q, want the first", got)
	}
}

func TestHint(t *testing.T) {
	if got := Hint("drpo", []string{"accept", "drop"}); got != `did you mean "drop"?` {
		t.Errorf("%q", got)
	}
	if got := Hint("jump", []string{"accept", "drop"}); got != "" {
		t.Errorf("%q, want nothing", got)
	}
}

// edited returns every word one edit away from word, written as a definition and not as a table.
func edited(word string, letters string) map[string]bool {
	words := map[string]bool{}
	for i := range len(word) + 1 {
		for _, l := range letters {
			words[word[:i]+string(l)+word[i:]] = true
			if i < len(word) {
				words[word[:i]+string(l)+word[i+1:]] = true
			}
		}
		if i < len(word) {
			words[word[:i]+word[i+1:]] = true
		}
		if i+1 < len(word) {
			words[word[:i]+word[i+1:i+2]+word[i:i+1]+word[i+2:]] = true
		}
	}
	delete(words, word)
	return words
}

// All words of up to four letters: one is at distance 1 exactly where one edit makes it the other, and at 0 where it is the other.
func TestDistanceIsThatOfEdits(t *testing.T) {
	const letters = "ab"
	words := []string{""}
	for i := 0; len(words[i]) < 4; i++ {
		for _, l := range letters {
			words = append(words, words[i]+string(l))
		}
	}
	for _, a := range words {
		near := edited(a, letters)
		for _, b := range words {
			d := distance(a, b)
			if (d == 0) != (a == b) || (d == 1) != near[b] || d != distance(b, a) {
				t.Errorf("distance(%q, %q) = %d, the other way %d, one edit: %t", a, b, d, distance(b, a), near[b])
			}
		}
	}
}
