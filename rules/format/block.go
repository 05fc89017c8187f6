package format

import (
	"strings"
)

// blockText is a scalar in the form of a block, | or >.
type blockText struct {
	lines   []string // without indentation
	head    string   // | or >, and what becomes of the line breaks at its end: nothing, - or +
	comment string   // behind head
}

// readBlock reads the block that begins at start, and returns the byte behind its last line, before the line break. Empty lines at its
// end are part of it only where it keeps them. around is the column of the block around it.
func readBlock(data string, start int, value string, around int) (blockText, int) {
	header, _, _ := strings.Cut(data[start:], "\n")
	end := start + len(header)
	signs, comment, commented := strings.Cut(strings.TrimRight(header, " \t\r"), "#")
	b := blockText{head: signs[:1]}
	if commented {
		b.comment = "#" + comment
	}
	chomp := strings.TrimRight(strings.Trim(signs[1:], " \t"), "123456789")
	chomp = strings.TrimLeft(chomp, "123456789")
	indent := 0 // of the text, in columns; 0 until it is known
	if digit := strings.IndexAny(signs, "123456789"); digit >= 0 {
		indent = max(around, 0) + int(signs[digit]-'0')
	}
	var blank []string // lines that may be behind the text
	off := end + 1
	for off < len(data) {
		line, _, _ := strings.Cut(data[off:], "\n")
		next := off + len(line) + 1
		line = strings.TrimSuffix(line, "\r")
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		if spaces == len(line) && (indent == 0 || len(line) <= indent) {
			blank = append(blank, "")
			off = next
			continue
		}
		if indent == 0 && spaces > around {
			indent = max(spaces, 1)
			if around < 0 && spaces == 0 {
				indent = 0
			}
		}
		if spaces < indent || indent == 0 && around >= 0 || strings.Trim(value, "\n") == "" {
			break
		}
		b.lines = append(append(b.lines, blank...), line[indent:])
		blank = blank[:0]
		end, off = next-1, next
	}
	if chomp == "+" && len(blank) > 0 {
		b.lines = append(b.lines, blank...)
		end = off - 1
	}
	if chomp != "-" && !strings.HasSuffix(value, "\n") {
		chomp = "-" // it ends with the file, and without a line break
	}
	b.head += chomp
	return b, min(end, len(data))
}

// print returns the block's first line and the others, without their indentation.
func (b *blockText) print() (head string, lines []string) {
	head = b.head
	for _, line := range b.lines {
		if line == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			// Without a number the first line says how deep the text is.
			head = head[:1] + "2" + head[1:]
		}
		break
	}
	return head, b.lines
}
