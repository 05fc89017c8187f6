package format

import (
	"fmt"
	"slices"
	"strings"
)

// around is how many lines a difference shows before and after what differs.
const around = 3

// maxEdits is how many lines may differ before the whole of it is shown as one change: finding the least takes their square.
const maxEdits = 2000

// Diff returns the difference between two texts of one file as patch(1) takes it; nothing where there is none.
func Diff(name, before, after string) string {
	if before == after {
		return ""
	}
	a, b := lines(before), lines(after)
	changes := edits(a, b)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", name, name)
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].a-changes[n-1].aEnd <= 2*around {
			n++
		}
		hunk(&out, a, b, changes[:n])
		changes = changes[n:]
	}
	return out.String()
}

// lines keeps each line's end.
func lines(text string) []string { return slices.Collect(strings.Lines(text)) }

// change replaces a[a:aEnd] by b[b:bEnd].
type change struct{ a, aEnd, b, bEnd int }

func hunk(out *strings.Builder, a, b []string, changes []change) {
	first, last := changes[0], changes[len(changes)-1]
	from, to := max(first.a-around, 0), min(last.aEnd+around, len(a))
	fromB, toB := first.b-(first.a-from), last.bEnd+(to-last.aEnd)
	fmt.Fprintf(out, "@@ -%s +%s @@\n", hunkRange(from, to), hunkRange(fromB, toB))
	print := func(sign string, list []string) {
		for _, l := range list {
			out.WriteString(sign + l)
			if !strings.HasSuffix(l, "\n") {
				out.WriteString("\n\\ No newline at end of file\n")
			}
		}
	}
	for _, c := range changes {
		print(" ", a[from:c.a])
		print("-", a[c.a:c.aEnd])
		print("+", b[c.b:c.bEnd])
		from = c.aEnd
	}
	print(" ", a[from:to])
}

// hunkRange counts from 1, and for no lines names the one before.
func hunkRange(from, to int) string {
	if from == to {
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

// edits finds the least number of lines that come and go: E. Myers, An O(ND) Difference Algorithm and Its Variations, 1986.
func edits(a, b []string) []change {
	skip := 0
	for skip < min(len(a), len(b)) && a[skip] == b[skip] {
		skip++
	}
	end := 0
	for end < min(len(a), len(b))-skip && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	x, y := a[skip:len(a)-end], b[skip:len(b)-end]
	trace := search(x, y)
	if trace == nil {
		return []change{{skip, skip + len(x), skip, skip + len(y)}}
	}
	var list []change
	i, j := len(x), len(y)
	for d := len(trace) - 1; d > 0; d-- {
		v := trace[d-1]
		k := i - j
		down := k == -d || k != d && v[k-1+d] < v[k+1+d]
		prev := k - 1
		if down {
			prev = k + 1
		}
		pi := v[prev+d]
		pj := pi - prev
		c := change{pi, pi, pj, pj + 1}
		if !down {
			c = change{pi, pi + 1, pj, pj}
		}
		i, j = pi, pj
		c.a, c.aEnd, c.b, c.bEnd = c.a+skip, c.aEnd+skip, c.b+skip, c.bEnd+skip
		if n := len(list); n > 0 && list[n-1].a == c.aEnd && list[n-1].b == c.bEnd {
			list[n-1].a, list[n-1].b = c.a, c.b
			continue
		}
		list = append(list, c)
	}
	slices.Reverse(list)
	return list
}

// search returns, for each number of edits, how far each diagonal is got with them; the one of d edits is k from -d-1 to d+1, of which
// k stands at k+d+1. Nil is too many.
func search(a, b []string) [][]int {
	var trace [][]int
	last := []int{0, 0, 0}
	for d := 0; d <= min(len(a)+len(b), maxEdits); d++ {
		now := make([]int, 2*d+3)
		for k := -d; k <= d; k += 2 {
			i := 0
			switch {
			case d == 0:
			case k == -d || k != d && last[k-1+d] < last[k+1+d]:
				i = last[k+1+d]
			default:
				i = last[k-1+d] + 1
			}
			for i < len(a) && i-k < len(b) && a[i] == b[i-k] {
				i++
			}
			now[k+d+1] = i
			if i >= len(a) && i-k >= len(b) {
				return append(trace, now)
			}
		}
		trace, last = append(trace, now), now
	}
	return nil
}
