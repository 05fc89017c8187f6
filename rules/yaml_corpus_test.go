package rules

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// A suiteCase is one document of the YAML 1.2 test suite (testdata/yaml-suite/README.md).
type suiteCase struct {
	ID    string
	YAML  string
	Error bool    // no YAML
	JSON  *string // what it says, one value for each document; nil where JSON cannot say it
}

func yamlSuite(t *testing.T) []suiteCase {
	t.Helper()
	data, err := os.ReadFile("testdata/yaml-suite/suite.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var cases []suiteCase
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var c suiteCase
		if err := dec.Decode(&c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) != 402 {
		t.Fatalf("%d documents of the suite's 402", len(cases))
	}
	return cases
}

// refusedByDesign are the problems of documents that YAML takes and this language does not, whatever they are used for.
var refusedByDesign = map[string]string{
	codeSecondDoc:  "a file holds one document: which of two counts nobody would know",
	codeAnchor:     "what a rule says stands where the rule is; and aliases are how a small file becomes a large one",
	codeTag:        "a tag is another way to say a type, and each key has one type",
	codeKeyNotText: "keys are names",
	codeNumber:     "YAML 1.1 and 1.2 read 014, 0o14, 0x14 and 1_000 differently",
}

// refusedByLibrary are documents that YAML takes and the YAML library does not: it reads YAML 1.1. The user is told, and writes it
// in another way.
var refusedByLibrary = map[string]string{
	"a %YAML directive of 1.2, or another directive":              "27NA 2LFX 6LVF BEC7 DK95/7 MUS6/5 MUS6/6 RTP8 W4TN",
	"a tab where the library takes spaces only":                   "6BCT 6CA3 96NN/0 96NN/1 A2M4 DK95/0 DK95/3 DK95/4 Q5MG R4YG Y79Y/1 Y79Y/10",
	"in brackets, a key of several lines, or a colon on the next": "4MUZ/0 4MUZ/1 4MUZ/2 5MUD 9SA2 K3WX NJ66 UT92 VJP3/1",
	"in brackets, a text that begins with a colon or holds a ?":   "58MP 5T43 DBG4 HM87/0 JR7V",
	"in brackets, a tag before a comma":                           "WZ62",
	"the end of a document, and what may follow it":               "7Z25 HWV9 M7A3 QT73",
	"a block in the first column":                                 "DK3J FP8R",
	"an anchor's name, before it could be refused as an anchor":   "2SXE 8XYN W5VH",
	`the escape \/`: "3UYS",
}

// takenByLibrary are documents that are no YAML, and that the library reads all the same. In each, what it reads is what the author
// can only have meant: nothing is left out, and nothing is added.
var takenByLibrary = map[string]string{
	"a # without a blank before it begins a comment":                                    "9JBA CVW2 SU5Z X4QW",
	"lines in brackets or quotes are not indented":                                      "9C9N QB6E",
	"lines in brackets or quotes are indented by a tab":                                 "DK95/1 Y79Y/3",
	"a dash in brackets is the text -":                                                  "G5U8 YJV2",
	`the escape \'`:                                                                     "HRE5",
	"a block of empty lines, one of them longer than the comment behind it is indented": "S98Z",
	"a %YAML directive with something behind it, before an empty document":              "MUS6/0",
}

// readDifferently are documents that the library reads as YAML 1.1 did, or wrongly, and that no key of this language tells apart.
var readDifferently = map[string]string{
	"a block that the file ends in, in a line of blanks without a newline, has that line as text": "JEF9/2 L24T/1",
}

// listed returns the documents of a table by their ids.
func listed(table map[string]string) map[string]bool {
	ids := map[string]bool{}
	for _, list := range table {
		for id := range strings.FieldsSeq(list) {
			ids[id] = true
		}
	}
	return ids
}

// TestYAMLSuite reads every document of the suite as a file, and as a template's description in one. What the suite calls an error is
// reported. All else is read as the suite says, or reported. The exceptions are in the tables above, and all of them still are.
func TestYAMLSuite(t *testing.T) {
	tables := map[string]map[string]bool{
		"refused by the library": listed(refusedByLibrary), "taken by the library": listed(takenByLibrary), "read differently": listed(readDifferently),
	}
	in := func(table, id string) bool { return tables[table][id] }
	used := map[string]bool{}
	equal := map[string]int{}
	for _, c := range yamlSuite(t) {
		read := func(place, text, wantJSON string) {
			t.Helper()
			src, rep := newSource("x", text), newReport()
			root := src.parse(rep)
			is, want := "", ""
			switch {
			case rep.Errors() > 0 && (c.Error || onlyByDesign(rep) || c.JSON == nil):
				is = "refused"
				want = is
			case rep.Errors() > 0:
				is = "refused by the library"
			case c.Error:
				is = "taken by the library"
			case c.JSON == nil || !cmp.Equal(fromJSON(t, wantJSON), meaning(t, root)):
				is = "read differently"
			default:
				equal[place]++
				is = "read"
				want = is
			}
			if is != want {
				used[is+" "+c.ID] = true
			}
			if is != want && !in(is, c.ID) {
				t.Errorf("%s, %s: it is %s:\n%s\nthe suite says: %s\nread: %v\n%s", c.ID, place, is, text, wantJSON, meaning(t, root), render(t, rep))
			}
		}
		said := ""
		if c.JSON != nil {
			said = *c.JSON
		}
		read("as a file", c.YAML, said)
		if text, ok := asDescription(&c); ok {
			read("as a description", text, `{"templates": {"t": {"to-guest": ["drop"], "description": `+orNull(said)+`}}}`)
		}
	}
	for table, ids := range tables {
		for id := range ids {
			if !used[table+" "+id] {
				t.Errorf("%s is no longer %s: take it off the table", id, table)
			}
		}
	}
	if equal["as a file"] < 165 || equal["as a description"] < 155 {
		t.Errorf("read as the suite says: %v", equal)
	}
}

// TestYAMLSuiteLoads has every document of the suite loaded by Load, as a file and as a template's description. A description is text: it
// is the suite's, or there is a problem. Whatever a document is cut off to, Load does not panic, and what it reports has a place.
func TestYAMLSuiteLoads(t *testing.T) {
	load := func(text string) (*Set, *Report) {
		set, rep := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(text)})
		if (set == nil) != (rep.Errors() > 0) {
			t.Fatalf("set: %t, errors: %d of\n%s", set != nil, rep.Errors(), text)
		}
		src := newSource("x", text)
		for i := range rep.Problems {
			checkProblem(t, src, &rep.Problems[i])
		}
		return set, rep
	}
	texts := 0
	for _, c := range yamlSuite(t) {
		for end := range len(c.YAML) {
			load(c.YAML[:end])
		}
		set, rep := load(c.YAML)
		for _, write := range []func(io.Writer) error{
			func(w io.Writer) error { return rep.WriteText(w, true) }, rep.WriteJSON, rep.WriteSARIF, rep.WriteGitHub,
		} {
			if err := write(io.Discard); err != nil {
				t.Errorf("%s: %v", c.ID, err)
			}
		}
		if set != nil && len(set.Rules)+len(set.Templates)+len(set.Networks)+len(set.Tests) > 0 {
			t.Errorf("%s says something about vifs", c.ID)
		}
		text, ok := asDescription(&c)
		if set, _ = load(text); !ok || set == nil {
			continue
		}
		if c.Error || c.JSON == nil {
			t.Errorf("%s is a description: %q", c.ID, set.Templates["t"].Description)
			continue
		}
		if got := any(set.Templates["t"].Description); !cmp.Equal(fromJSON(t, *c.JSON), got) {
			t.Errorf("%s is the description %q, and the suite says %s", c.ID, got, *c.JSON)
		}
		texts++
	}
	if texts < 25 {
		t.Errorf("%d descriptions only", texts)
	}
}

// onlyByDesign reports whether nothing was reported that the language does not refuse on purpose.
func onlyByDesign(rep *Report) bool {
	return !slices.ContainsFunc(rep.Problems, func(p Problem) bool { return refusedByDesign[p.Code] == "" })
}

// asDescription returns a file in which the document is a template's description. False where it cannot stand in another one: it has
// markers or directives, which stand in the first column, or its error is what stands behind the marker.
func asDescription(c *suiteCase) (string, bool) {
	doc := c.YAML
	if strings.HasPrefix(doc, "---\n") || strings.HasPrefix(doc, "--- ") && !c.Error {
		doc = "   " + doc[len("---"):]
	}
	var b strings.Builder
	b.WriteString("templates:\n  t:\n    to-guest: [drop]\n    description:\n")
	for line := range strings.Lines(doc) {
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "..."), strings.HasPrefix(line, "%"), strings.HasPrefix(line, "\ufeff"):
			return "", false
		case line != "\n":
			b.WriteString("     ") // one column more than the key, as a document has one more than what is around it
		}
		b.WriteString(line)
	}
	return b.String(), true
}

// orNull is what JSON has to say of a file without document.
func orNull(text string) string {
	if strings.TrimSpace(text) == "" {
		return "null"
	}
	return text
}

func fromJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(orNull(text)), &v); err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return v
}

// meaning is what this language takes a node for, as encoding/json would have it.
func meaning(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = meaning(t, n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, meaning(t, c))
		}
		return list
	}
	switch classify(n) {
	case scalarEmpty:
		return nil
	case scalarBool:
		return n.Value == "true"
	case scalarInteger, scalarNumber:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			t.Errorf("%q is a number: %v", n.Value, err)
		}
		return f
	case scalarText, scalarSwitch: // which is text in YAML 1.2, a boolean in 1.1, and refused by every key here
	}
	return n.Value
}
