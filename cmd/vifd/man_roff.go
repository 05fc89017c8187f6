package main

import (
	"fmt"
	"strings"

	"vifd/internal/lazy"
)

// roff makes a manual page of what documents use of Markdown: headings, paragraphs, lists, terms with ": " below them, tables, code
// between fences or indented, `words` and [links](…). The macros are those of man(7), tables are tbl(1)'s.
func roff(title, section, markdown string) string {
	w := roffWriter{}
	lines := strings.Split(markdown, "\n")
	for i := 0; i < len(lines); {
		i += w.block(lines[i:])
	}
	head := ""
	if w.tables {
		head = "'\\\" t\n"
	}
	return head + fmt.Sprintf(".TH %s %s \"\" vifd \"vifd manual\"\n.nh\n.ad l\n", title, section) + w.b.String()
}

type roffWriter struct {
	b      strings.Builder
	tables bool
	headed bool // what comes is the first below a heading, which begins a paragraph by itself
}

// block prints what begins with the first line, and returns how many lines it has.
func (w *roffWriter) block(lines []string) int {
	line := lines[0]
	level := len(line) - len(strings.TrimLeft(line, "#"))
	switch {
	case strings.TrimSpace(line) == "":
		return 1
	case level > 0 && strings.HasPrefix(line[level:], " "):
		text := strings.TrimSpace(line[level:])
		macro := ".SH"
		if level > 1 {
			macro = ".SS"
		} else {
			text = strings.ToUpper(text)
		}
		fmt.Fprintf(&w.b, "%s %s\n", macro, inline(text))
		w.headed = true
		return 1
	case strings.HasPrefix(line, "```"):
		return w.code(lines[1:], func(l string) bool { return !strings.HasPrefix(l, "```") }, "") + 2
	case strings.HasPrefix(line, "    "):
		return w.code(lines, func(l string) bool { return strings.HasPrefix(l, "    ") }, "    ")
	case strings.HasPrefix(line, "|"):
		return w.table(lines)
	case strings.HasPrefix(line, "- "):
		n := until(lines, func(i int, l string) bool { return i > 0 && (strings.HasPrefix(l, "- ") || strings.TrimSpace(l) == "") })
		w.headed = false
		fmt.Fprintf(&w.b, ".IP \\(bu 2\n%s\n", paragraph(append([]string{line[2:]}, lines[1:n]...)))
		return n
	case len(lines) > 1 && strings.HasPrefix(lines[1], ": "):
		n := until(lines, func(_ int, l string) bool { return strings.TrimSpace(l) == "" })
		w.headed = false
		fmt.Fprintf(&w.b, ".TP\n%s\n%s\n", inline(line), paragraph(append([]string{lines[1][2:]}, lines[2:n]...)))
		return n
	}
	n := until(lines, func(_ int, l string) bool { return strings.TrimSpace(l) == "" })
	w.gap()
	w.b.WriteString(paragraph(lines[:n]) + "\n")
	return n
}

// gap begins a paragraph.
func (w *roffWriter) gap() {
	if !w.headed {
		w.b.WriteString(".PP\n")
	}
	w.headed = false
}

// until counts the lines before the first of which end is true.
func until(lines []string, end func(i int, line string) bool) int {
	for i, l := range lines {
		if end(i, l) {
			return i
		}
	}
	return len(lines)
}

func (w *roffWriter) code(lines []string, more func(string) bool, indent string) int {
	n := until(lines, func(_ int, l string) bool { return !more(l) })
	w.gap()
	w.b.WriteString(".RS 4\n.EX\n")
	for _, l := range lines[:n] {
		w.b.WriteString(atMargin(escapeRoff(strings.TrimPrefix(l, indent), true)) + "\n")
	}
	w.b.WriteString(".EE\n.RE\n")
	return n
}

func (w *roffWriter) table(lines []string) int {
	n := until(lines, func(_ int, l string) bool { return !strings.HasPrefix(l, "|") })
	w.tables = true
	w.gap()
	for i, l := range lines[:n] {
		if i == 1 {
			continue // the line below the head
		}
		cells := tableCells(l)
		if i == 0 {
			// The second column takes what the others leave of the line.
			fmt.Fprintf(&w.b, ".TS\ntab(\t);\nlw(16n) lx%s.\n", strings.Repeat(" lw(22n)", max(len(cells)-2, 0)))
		}
		for j, c := range cells {
			if j > 0 {
				w.b.WriteString("\t")
			}
			text := atMargin(inline(c))
			if i == 0 {
				text = "\\fI" + text + "\\fR"
			}
			w.b.WriteString("T{\n.nh\n" + text + "\nT}")
		}
		w.b.WriteString("\n")
	}
	w.b.WriteString(".TE\n")
	return n
}

// tableCells takes a row of a table apart; a | between backticks is text.
func tableCells(line string) []string {
	var cells []string
	code, from := false, 1
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == '`':
			code = !code
		case line[i] == '|' && !code:
			cells = append(cells, strings.TrimSpace(line[from:i]))
			from = i + 1
		}
	}
	return cells
}

func paragraph(lines []string) string {
	text := inline(strings.Join(lines, "\n"))
	parts := strings.Split(text, "\n")
	for i := range parts {
		parts[i] = atMargin(strings.TrimSpace(parts[i]))
	}
	return strings.Join(parts, "\n")
}

// atMargin keeps a line that begins with a dot or quote from being a request.
func atMargin(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

var markdownLink = lazy.Regexp(`\[([^\]]+)\]\(([^)]+)\)`)

// inline prints text with `words` in bold.
func inline(text string) string {
	text = markdownLink().ReplaceAllString(text, "$1 ($2)")
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			b.WriteString(`\fB` + escapeRoff(part, true) + `\fR`)
			continue
		}
		b.WriteString(escapeRoff(unescapeMarkdown(part), false))
	}
	return b.String()
}

func unescapeMarkdown(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\*`, "*", `\<`, "<", `\_`, "_").Replace(text)
}

// escapeRoff keeps text from being roff. Dashes are minus signs, for what a reader copies has to be what was typed, and so are quotes
// and carets of what is literal; what is not ASCII goes by its number (groff_char(7)).
func escapeRoff(text string, literal bool) string {
	if text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text); literal {
		text = strings.NewReplacer("'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	}
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\[u%04X]`, r)
	}
	return b.String()
}
