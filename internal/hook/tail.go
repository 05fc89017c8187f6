package hook

import (
	"strings"
	"unicode"
)

const (
	// maxSaid is how much is kept of what a program says, in bytes. Its end says more than its beginning.
	maxSaid = 4096
	// maxLine is how much of a line goes into an error, in bytes.
	maxLine = 200
)

// tail keeps the end of what is written to it. Not for concurrent use: exec writes standard output and error by one goroutine
// where they are the same.
type tail struct{ buf []byte }

// Write never fails, so that a program that says much goes on.
func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(0, len(p)-maxSaid):]...)
	if over := len(t.buf) - maxSaid; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// text is what was kept, as UTF-8: the cut may have gone through a character.
func (t *tail) text() string { return strings.ToValidUTF8(string(t.buf), "\uFFFD") }

// lastLine is the last line of said that holds anything, without what would act on a terminal or make two lines of it.
func lastLine(said string) string {
	said = strings.TrimSpace(said)
	line := strings.TrimSpace(said[strings.LastIndexAny(said, "\n\r")+1:])
	line = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, line)
	if len(line) <= maxLine {
		return line
	}
	return strings.ToValidUTF8(line[:maxLine], "") + "…"
}
