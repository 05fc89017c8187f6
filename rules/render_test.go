package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// sample is a report that holds everything a renderer has to deal with.
func sample(t *testing.T) *Report {
	t.Helper()
	const text = "rules:\n" +
		"  - name: a\n" +
		"    match: {alias: \"日本, 100%\",\tinterfac: \"x\"}\n" +
		"    block: true\n" +
		"    firewall: none\n" +
		"  - name: a\n" +
		"    match: {interface: \"vif[\"}\n" +
		"    bridge: ${domid\n"
	_, rep := Load(Options{FS: mapFS("d/a, b:c%.yaml", text), Paths: []string{"missing", "d"}})
	if rep.Errors() == 0 || rep.Warnings() == 0 {
		t.Fatalf("%d errors, %d warnings", rep.Errors(), rep.Warnings())
	}
	return rep
}

func TestRenderers(t *testing.T) {
	rep := sample(t)
	for name, write := range map[string]func(io.Writer) error{
		"text":   func(w io.Writer) error { return rep.WriteText(w, false) },
		"color":  func(w io.Writer) error { return rep.WriteText(w, true) },
		"json":   rep.WriteJSON,
		"sarif":  rep.WriteSARIF,
		"github": rep.WriteGitHub,
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, "render/"+name+".golden", b.Bytes())
			if (name == "json" || name == "sarif") && !json.Valid(b.Bytes()) {
				t.Error("not JSON")
			}
			if err := write(failingWriter{}); !errors.Is(err, errFull) {
				t.Errorf("on a full disk: %v", err)
			}
		})
	}
}

var errFull = errors.New("no space")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestRenderNothing(t *testing.T) {
	_, rep := Load(Options{})
	var b bytes.Buffer
	if err := rep.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"apiVersion\": \"vifd/v1\",\n  \"kind\": \"CheckReport\",\n  \"problems\": []\n}\n"; b.String() != want {
		t.Errorf("got %s", b.String())
	}
	if got := render(t, rep); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestFileURI(t *testing.T) {
	for name, want := range map[string]string{
		"rules.d/a.yaml":     "rules.d/a.yaml",
		"/etc/vifd/a b.yaml": "file:///etc/vifd/a%20b.yaml",
		"a:b.yaml":           "./a:b.yaml",
		"<stdin>":            "%3Cstdin%3E",
		"täb#?.yaml":         "t%C3%A4b%23%3F.yaml",
	} {
		if got := fileURI(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// The mark must stand below what is meant on a terminal: tabs are copied, wide characters take two columns, accents none.
func TestExcerpt(t *testing.T) {
	for _, tc := range []struct {
		name, line  string
		col, length int
		shown, mark string
	}{
		{"plain", "abc def", 5, 3, "abc def", "    ^~~"},
		{"tab before", "\ta", 2, 1, "\ta", "\t^"},
		{"wide before", "日a", 4, 1, "日a", "  ^"},
		{"wide marked", "日本", 1, 6, "日本", "^~~~"},
		{"accent of its own", "e\u0301x", 4, 1, "e\u0301x", " ^"},
		{"no length", "abc", 2, 0, "abc", " ^"},
		{"past the end", "abc", 4, 1, "abc", "   ^"},
		{"far past the end", "abc", 9, 1, "abc", "   ^"},
		{"empty line", "", 1, 1, "", "^"},
		{"escape sequence", "a\x1b[31mb", 7, 1, "a\ufffd[31mb", "      ^"},
		{"bidi override", "a\u202eb", 5, 1, "a\ufffdb", "  ^"},
		{"length past the end", "abc", 2, 100, "abc", " ^~"},
	} {
		shown, mark := excerpt(tc.line, tc.col, tc.length)
		if shown != tc.shown || mark != tc.mark {
			t.Errorf("%s: %q / %q, want %q / %q", tc.name, shown, mark, tc.shown, tc.mark)
		}
	}
}

// Nothing a file or its name holds reaches the terminal as a control sequence.
func TestTextHoldsNoControlCharacters(t *testing.T) {
	_, rep := Load(Options{
		FS:    mapFS("a\x1b[2J.yaml", "\"a\\e[31m\": 1\nrules:\n  - {name: \"\\e]0;x\\a\", match: {interface: \"\\u202e\"}, bridge: \"\\e[0m\"}\n\x7f"),
		Paths: []string{"a\x1b[2J.yaml", "b\x1bc"},
	})
	if got := render(t, rep); strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && visible(r) != r }) {
		t.Errorf("got %q", got)
	}
}

func TestCodes(t *testing.T) {
	last := ""
	form := regexp.MustCompile(`^VIF[0-6]\d\d$`)
	var all strings.Builder
	for _, name := range []string{"bad/*.golden", "good/*.golden", "*.golden", "render/*.golden"} {
		for _, f := range names(t, name, 1) {
			text, err := os.ReadFile("testdata/" + strings.TrimSuffix(name, "*.golden") + f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	for _, c := range Codes() {
		if !form.MatchString(c.ID) || c.ID <= last || c.Title == "" {
			t.Errorf("%+v after %s", c, last)
		}
		last = c.ID
		// What needs files of its own is asserted where those are made: folder_test.go, load_test.go. What comes of the
		// rules as a whole, or of the host, is found by `vifd check`, and asserted there.
		if c.ID != codeTooLarge && c.ID != codeNotRead && c.ID < "VIF4" && !strings.Contains(all.String(), c.ID) {
			t.Errorf("no golden shows %s (%s)", c.ID, c.Title)
		}
	}
	for _, code := range regexp.MustCompile(`\[(VIF\d+)\]: `).FindAllStringSubmatch(all.String(), -1) {
		if !strings.Contains(codeList(), code[1]) {
			t.Errorf("%s is not in the table", code[1])
		}
	}
}

func codeList() string {
	var ids []string
	for _, c := range Codes() {
		ids = append(ids, c.ID)
	}
	return strings.Join(ids, " ")
}
