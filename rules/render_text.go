package rules

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Escape sequences of ECMA-48, 8.3.117 (SGR).
const (
	sgrReset  = "\x1b[0m"
	sgrBold   = "\x1b[1m"
	sgrRed    = "\x1b[1;31m"
	sgrYellow = "\x1b[1;33m"
	sgrGreen  = "\x1b[1;32m"
)

// WriteText writes the problems for people: for each FILE:LINE:COL: error[VIFnnn]: message, the source line, a marker below what is
// meant, and what helps. With color it marks them for a terminal.
func (r *Report) WriteText(w io.Writer, color bool) error {
	out := bufio.NewWriter(w)
	t := textWriter{Writer: out, color: color}
	for i := range r.Problems {
		t.problem(&r.Problems[i], r.sources[r.Problems[i].Pos.File])
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

type textWriter struct {
	*bufio.Writer
	color bool
}

func (w textWriter) paint(sgr, s string) string {
	if !w.color {
		return s
	}
	return sgr + s + sgrReset
}

// The errors of the writes below are kept by the bufio.Writer, which returns them from Flush.
func (w textWriter) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(w.Writer, format, args...)
}

func (w textWriter) problem(p *Problem, src *source) {
	sgr := sgrRed
	if p.Severity == Warning {
		sgr = sgrYellow
	}
	w.printf("%s: %s: %s\n", w.paint(sgrBold, p.Pos.String()), w.paint(sgr, fmt.Sprintf("%s[%s]", p.Severity, p.Code)), printable(p.Msg))
	if src != nil && p.Pos.Line > 0 {
		line, marker := excerpt(src.line(p.Pos.Line), p.Pos.Col, p.Pos.Len)
		w.printf("%s\n%s\n", line, w.paint(sgrGreen, marker))
	}
	if p.Hint != "" {
		w.printf("hint: %s\n", printable(p.Hint))
	}
	if p.Related != nil {
		w.printf("%s: note: %s\n", p.Related.Pos, printable(p.Related.Msg))
	}
}

// maxExcerpt bounds the part of a line that is shown, in bytes, and beforeMark how much of it stands before the marked place.
const (
	maxExcerpt = 160
	beforeMark = 60
)

// excerpt returns a line, cut to what is near col where it is long, and the marker to put below it. Tabs are kept in both, so that
// they align wherever the tab stops are; characters of two columns get two.
func excerpt(line string, col, length int) (shown, marker string) {
	start := min(max(col-1, 0), len(line))
	end := min(start+max(length, 1), len(line))
	from, to := 0, len(line)
	cutBefore, cutAfter := "", ""
	if len(line) > maxExcerpt {
		from = runeStart(line, max(0, start-beforeMark))
		to = runeStart(line, min(len(line), from+maxExcerpt))
		if from > 0 {
			cutBefore = "…"
		}
		if to < len(line) {
			cutAfter = "…"
		}
		end = min(end, to)
	}
	var text, mark strings.Builder
	text.WriteString(cutBefore)
	mark.WriteString(strings.Repeat(" ", len([]rune(cutBefore))))
	sign := "^"
	for i, r := range line[from:to] {
		at := from + i
		r = visible(r)
		text.WriteRune(r)
		switch {
		case at >= end && at > start:
		case at < start && r == '\t':
			mark.WriteByte('\t')
		case at < start:
			mark.WriteString(strings.Repeat(" ", columns(r)))
		default:
			mark.WriteString(strings.Repeat(sign, min(1, columns(r))))
			sign = "~"
			mark.WriteString(strings.Repeat(sign, max(0, columns(r)-1)))
		}
	}
	if start >= to {
		mark.WriteByte('^')
	}
	text.WriteString(cutAfter)
	return text.String(), mark.String()
}

// runeStart moves i back to where a character begins.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
