package ruletest

import (
	"strings"
	"unicode/utf8"
)

// maxAligned bounds the cells of the table that alignment takes; longer lists are put one under the other as they are.
const maxAligned = 10_000

// diff is what was wanted above what was got: of a list what is in both stands in one column, and what is in one alone has a dash
// in the other; of a text of several lines each begins in the same column. Where the two differ they have colours.
func (f *Failure) diff(s *Style) []string {
	if f.want == nil && f.got == nil {
		want := labelled("want", f.Wanted, s.Good, s)
		if f.Note != "" {
			want[len(want)-1] += " (" + s.Printable(f.Note) + ")"
		}
		return append(want, labelled("got ", f.Got, s.Bad, s)...)
	}
	pairs := align(f.want, f.got)
	want, got := "want", "got "
	for i, p := range pairs {
		a, b := dash(s.Printable(p[0])), dash(s.Printable(p[1]))
		padA, padB := "", ""
		if i+1 < len(pairs) {
			width := max(utf8.RuneCountInString(a), utf8.RuneCountInString(b))
			padA, padB = strings.Repeat(" ", width-utf8.RuneCountInString(a)), strings.Repeat(" ", width-utf8.RuneCountInString(b))
		}
		if p[0] != p[1] {
			a, b = s.Good(a), s.Bad(b)
		}
		want, got = want+"  "+a+padA, got+"  "+b+padB
	}
	if f.Note != "" {
		return []string{want, got, s.Printable(f.Note)}
	}
	return []string{want, got}
}

func labelled(label, text string, paint func(string) string, s *Style) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, label+"  "+paint(s.Printable(line)))
		label = strings.Repeat(" ", len(label))
	}
	return lines
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// align pairs the parts of two lists, with as many equal ones side by side as their orders allow (a longest common subsequence).
// What differs at the same place is one pair; "" stands where one list has nothing.
func align(a, b []string) [][2]string {
	common := make([][]int, len(a)+1) // of what is left from i and j on; nil where the lists are too long
	if len(a)*len(b) <= maxAligned {
		for i := len(a); i >= 0; i-- {
			common[i] = make([]int, len(b)+1)
			for j := len(b) - 1; j >= 0 && i < len(a); j-- {
				if a[i] == b[j] {
					common[i][j] = common[i+1][j+1] + 1
				} else {
					common[i][j] = max(common[i+1][j], common[i][j+1])
				}
			}
		}
	}
	at := func(i, j int) int {
		if common[i] == nil {
			return 0
		}
		return common[i][j]
	}
	var pairs [][2]string
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j], at(i+1, j+1) == at(i, j):
			pairs = append(pairs, [2]string{a[i], b[j]})
			i, j = i+1, j+1
		case at(i+1, j) == at(i, j):
			pairs = append(pairs, [2]string{a[i], ""})
			i++
		default:
			pairs = append(pairs, [2]string{"", b[j]})
			j++
		}
	}
	for ; i < len(a); i++ {
		pairs = append(pairs, [2]string{a[i], ""})
	}
	for ; j < len(b); j++ {
		pairs = append(pairs, [2]string{"", b[j]})
	}
	return pairs
}
