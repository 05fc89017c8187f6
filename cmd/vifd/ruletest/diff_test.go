package ruletest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func marked() *Style {
	mark := func(l, r string) func(string) string { return func(s string) string { return l + s + r } }
	return &Style{Printable: func(s string) string { return strings.ReplaceAll(s, "\x1b", "?") }, Good: mark("<", ">"), Bad: mark("[", "]")}
}

// TestDiff: what is in both stands in one column and without colour, and the rest in the colours of what is wanted and what is not.
func TestDiff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		f    Failure
		want string
	}{
		{Failure{Wanted: "web", Got: "re\x1bst"}, "want  <web>\ngot   [re?st]"},
		{Failure{Wanted: "master br0", Got: "a\nb"}, "want  <master br0>\ngot   [a]\n      [b]"},
		{Failure{want: []string{"source-guard", "web", "end"}, got: []string{"source-guard", "other", "end"}}, "want  source-guard  <web>    end\ngot   source-guard  [other]  end"},
		{Failure{want: []string{"a", "b"}, got: []string{"b", "ccc"}}, "want  <a>  b  <->\ngot   [-]  b  [ccc]"},
		{Failure{want: []string{}, got: []string{"é", "b"}}, "want  <->  <->\ngot   [é]  [b]"},
		{Failure{want: []string{"a"}, got: nil}, "want  <a>\ngot   [-]"},
	} {
		if diff := cmp.Diff(tt.want, strings.Join(tt.f.diff(marked()), "\n")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.f, diff)
		}
	}
}

// common is the length of a longest common subsequence, found by trying everything.
func common(a, b []string) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case a[0] == b[0]:
		return 1 + common(a[1:], b[1:])
	}
	return max(common(a[1:], b), common(a, b[1:]))
}

// TestAlign: both lists are there in their order, and as much of them as can be is side by side.
func TestAlign(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	list := func() []string {
		l := make([]string, rnd.IntN(7))
		for i := range l {
			l[i] = string(rune('a' + rnd.IntN(4)))
		}
		return l
	}
	for range 2000 {
		a, b := list(), list()
		var left, right []string
		same := 0
		for _, p := range align(a, b) {
			left, right = append(left, p[0]), append(right, p[1])
			if p[0] == p[1] {
				same++
			}
		}
		blank := func(s string) bool { return s == "" }
		if left, right = slices.DeleteFunc(left, blank), slices.DeleteFunc(right, blank); !slices.Equal(left, a) || !slices.Equal(right, b) {
			t.Fatalf("%q and %q become %q and %q", a, b, left, right)
		}
		if want := common(a, b); same != want {
			t.Fatalf("%q and %q: %d side by side, want %d", a, b, same, want)
		}
	}
	long := slices.Repeat([]string{"a"}, 200)
	if got := align(long, long[:150]); len(got) != 200 || got[149] != [2]string{"a", "a"} || got[150] != [2]string{"a", ""} {
		t.Errorf("long lists: %d pairs", len(got))
	}
}
