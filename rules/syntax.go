package rules

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxFileSize is the largest rules file read, in bytes.
const maxFileSize = 4 << 20

// maxLocate is the largest file in which the place of a syntax error is searched for byte by byte.
const maxLocate = 256 << 10

// maxTries is for how many quotes it is asked whether they are the one that matters: each takes reading the file again.
const maxTries = 32

// parse reads a file's one YAML document, and reports everything about it that this language refuses whatever its keys say. It
// returns nil for a file that holds nothing, and for one that is not YAML; the latter is marked broken.
func (s *source) parse(rep *Report) *yaml.Node {
	if !s.checkBytes(rep) {
		s.broken = true
		return nil
	}
	docs, err := documents(s.data)
	if err != nil {
		s.broken = true
		s.syntaxError(rep, err)
		return nil
	}
	if len(docs) == 0 || len(docs[0].Content) == 0 {
		return nil
	}
	if len(docs) > 1 {
		rep.add(Problem{
			Pos: s.pos(s.offset(docs[1]), 3), Code: codeSecondDoc, Msg: "a second document begins here; a rules file holds one",
			Hint: "put it into a file of its own, or remove the line",
		})
	}
	root := docs[0].Content[0]
	if s.apart {
		s.setApart(rep, root)
	}
	s.inspect(rep, root, 1)
	if root.Kind == yaml.ScalarNode && root.Value == "" && plain(root) {
		return nil
	}
	return root
}

// documents parses the first two documents of data. The library is archived and knows states it panics in ("internal error");
// such a panic becomes an error here.
func documents(data string) (docs []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(data))
	for len(docs) < 2 {
		var doc yaml.Node
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, err
		}
		docs = append(docs, &doc)
	}
	return docs, nil
}

// checkBytes refuses what is no text before the YAML library sees it: its lines would not be ours (it also ends lines at a lone
// carriage return, NEL, LS and PS).
func (s *source) checkBytes(rep *Report) bool {
	if !utf8.ValidString(s.data) {
		off := 0
		for off < len(s.data) {
			r, size := utf8.DecodeRuneInString(s.data[off:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			off += size
		}
		rep.add(Problem{
			Pos: s.pos(off, 1), Code: codeEncoding, Msg: fmt.Sprintf("byte 0x%02x is not UTF-8", s.data[off]),
			Hint: "save the file as UTF-8",
		})
		return false
	}
	if i := strings.IndexByte(s.data, 0); i >= 0 {
		rep.add(Problem{Pos: s.pos(i, 1), Code: codeControl, Msg: "a NUL byte; this is not a text file"})
		return false
	}
	for i, r := range s.data {
		bad := r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == '\ufeff'
		if r == '\r' {
			bad = !strings.HasPrefix(s.data[i+1:], "\n")
		}
		if bad {
			rep.add(Problem{
				Pos: s.pos(i, utf8.RuneLen(r)), Code: codeControl, Msg: fmt.Sprintf("control character U+%04X", r),
				Hint: "remove it, or write it as an escape in double quotes",
			})
			return false
		}
	}
	return true
}

// syntaxError reports what the YAML library says, at a place of our own: the library names a line only, often that of the block
// around the error, and none in the first line.
func (s *source) syntaxError(rep *Report, err error) {
	msg := syntaxMessage(err)
	off := s.locate(msg)
	if name, ok := strings.CutPrefix(msg, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		rep.add(Problem{
			Pos: s.pos(off-len(name), len(name)+1), Code: codeAnchor, Msg: fmt.Sprintf("alias *%s: anchors and aliases are not taken", name),
			Hint: "write the value out, or quote it if it is text",
		})
		return
	}
	before := s.data[:off]
	indent := before[strings.LastIndexByte(before, '\n')+1:]
	if off < len(s.data) && s.data[off] == '\t' {
		indent += "\t"
	}
	if strings.TrimLeft(indent, " \t") == "" && strings.Contains(indent, "\t") {
		tab := strings.LastIndexByte(before, '\n') + 1 + strings.IndexByte(indent, '\t')
		rep.add(Problem{Pos: s.pos(tab, 1), Code: codeTab, Msg: "a tab in the indentation; YAML takes spaces only", Hint: "use two spaces"})
		return
	}
	rep.add(Problem{Pos: s.pos(off, 1), Code: codeSyntax, Msg: "not YAML: " + msg, Hint: syntaxHint(msg)})
}

// syntaxMessage is the library's message without the position.
func syntaxMessage(err error) string {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok && allOf(number, isDigit) {
			return text
		}
	}
	return msg
}

// endings are how a beginning of a text may go on: with nothing, with another entry of what is in brackets, or with a value and other entries.
// The library reads two tokens ahead; only behind those stands what it refuses in other words, if it refused nothing before.
var endings = [...]string{"", "\n, x, x, x, @", "\nx, x, x, x, @"}

// refused reports whether a beginning of a text is refused with the words msg however it goes on. A beginning that merely ends too early, as
// inside of brackets, may be refused in the same words, but goes on well in one way or another.
func refused(beginning, msg string) bool {
	for _, ending := range endings {
		if _, err := documents(beginning + ending); err == nil || syntaxMessage(err) != msg {
			return false
		}
	}
	return true
}

// locate returns the byte with which the text stops being YAML: where the shortest beginning of the file ends that the library refuses with
// the same words however it goes on. What it refuses so it refuses also where more is known of the text, which makes a binary search right.
func (s *source) locate(msg string) int {
	if len(s.data) > maxLocate {
		return 0
	}
	switch msg {
	case msgQuote:
		return s.openQuote(msg)
	case msgColon:
		return s.indented(s.errorLine())
	}
	good, bad := 0, len(strings.TrimRight(s.data, " \t\r\n"))
	for good+1 < bad {
		mid := good + (bad-good)/2
		if refused(strings.ToValidUTF8(s.data[:mid], ""), msg) {
			bad = mid
		} else {
			good = mid
		}
	}
	off := max(bad-1, 0)
	for off > 0 && off < len(s.data) && !utf8.RuneStart(s.data[off]) {
		off--
	}
	if msg == msgEscape {
		return max(strings.LastIndexByte(s.data[:off+1], '\\'), 0)
	}
	return s.quoteStart(off, msg)
}

// Messages of the library about what began before the place that it found out at.
const (
	msgQuote  = "found unexpected end of stream" // a quote is not closed
	msgColon  = "could not find expected ':'"
	msgEscape = "found unknown escape character"
)

// errorLine is the line in which the library says that the construct began that it refuses, from 1.
func (s *source) errorLine() int {
	_, err := documents("\n" + s.data) // it names no first line
	line := 0
	if err != nil {
		number, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: line "), ":")
		line, _ = strconv.Atoi(number)
	}
	return min(max(line-1, 1), len(s.starts))
}

// indented is the first byte of a line that is no blank.
func (s *source) indented(n int) int {
	line := s.line(n)
	return s.starts[n-1] + len(line) - len(strings.TrimLeft(line, " \t"))
}

// openQuote finds the quote that nobody closes: what ends before it is another text.
func (s *source) openQuote(msg string) int {
	n := s.errorLine()
	line := s.line(n)
	for at, tries := len(line)-1, 0; at >= 0 && tries < maxTries; at-- {
		if line[at] != '"' && line[at] != '\'' {
			continue
		}
		tries++
		if _, err := documents(s.data[:s.starts[n-1]+at]); err == nil || syntaxMessage(err) != msg {
			return s.starts[n-1] + at
		}
	}
	return s.indented(n)
}

// quoteStart is the first byte of the text in quotes that ends at off, where one does: it is refused as a whole. Another text in its
// place would be, too.
func (s *source) quoteStart(off int, msg string) int {
	quote := s.data[off : off+1]
	if quote != `"` && quote != "'" {
		return off
	}
	for at, tries := off-1, 0; at >= 0 && tries < maxTries; at-- {
		if s.data[at:at+1] != quote {
			continue
		}
		tries++
		if before := s.data[:at]; !refused(before, msg) && refused(before+" x", msg) && refused(before+quote+quote, msg) {
			return at
		}
	}
	return off
}

func syntaxHint(msg string) string {
	for _, h := range [...]struct{ part, hint string }{
		{"mapping values are not allowed", `quote a text that holds ": "; or look at the indentation`},
		{"cannot start any token", "quote a text that begins with @, ` or %"},
		{"unknown escape", `in double quotes a backslash begins an escape; use single quotes, or write \\`},
		{"did not find expected key", "look at the indentation, and for a quote that ends too early"},
		{"did not find expected '-'", "every item of a list begins with a dash in the same column"},
		{"did not find expected ','", "a [ or { is not closed, or a comma is missing"},
		{"did not find expected node content", "a value is missing, or a bracket too many"},
		{"unexpected end of stream", "a quote is not closed"},
		{"could not find expected ':'", `a key needs ": " after it`},
	} {
		if strings.Contains(msg, h.part) {
			return h.hint
		}
	}
	return ""
}
