package ruletest_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// element is what Jenkins' schema for JUnit's XML (xunit plugin, junit-10.xsd) allows of one: its attributes, of which it must have
// the first few, the elements within, and whether there may be text.
type element struct {
	attrs    []string
	required int
	within   []string
	text     bool
}

var junit = map[string]element{
	"testsuites": {attrs: []string{"name", "time", "tests", "failures", "errors"}, within: []string{"testsuite"}},
	"testsuite": {
		attrs:    []string{"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
		required: 4, within: []string{"testsuite", "properties", "testcase", "system-out", "system-err"},
	},
	"testcase": {attrs: []string{"name", "time", "classname", "group"}, required: 1, within: []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":  {attrs: []string{"type", "message"}, text: true},
	"skipped":  {attrs: []string{"type", "message"}, text: true},
}

// TestJUnit: the file is what the schema allows and says what the report says, whatever names and packets hold.
func TestJUnit(t *testing.T) {
	t.Parallel()
	o := options(t, decisions+`
  - {name: "<a> & \"b\" ]]> \x01 é", event: {interface: vif666.0}, expect: {state: ignored, plan: "a<b>&c"}}
  - {name: good, event: {interface: vif666.0}, expect: {state: blocked}}
  - {name: never, event: {interface: vif666.0}, expect: {state: failed}}
`)
	for _, failFast := range []bool{false, true} {
		o.FailFast = failFast
		rep := mustRun(t, o)
		var text bytes.Buffer
		if err := rep.WriteJUnit(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text.String(), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites ") {
			t.Errorf("it begins with %.60q", text.String())
		}
		count := map[string]int{}
		var cases []string
		numbers := map[string]int{}
		walk(t, text.String(), func(name string, attrs map[string]string) {
			count[name]++
			switch name {
			case "testcase":
				cases = append(cases, attrs["name"])
			case "testsuite":
				for _, key := range []string{"tests", "failures", "errors", "skipped"} {
					n, err := strconv.Atoi(attrs[key])
					if err != nil {
						t.Errorf("%s=%q", key, attrs[key])
					}
					numbers[key] = n
				}
			case "failure":
				if count[name] == 1 && attrs["message"] != "state: wanted ignored, got blocked" {
					t.Errorf("message %q", attrs["message"])
				}
			}
		})
		// XML has no place for a control character, not even an escaped one (XML 1.0, 2.2).
		if want := []string{"<a> & \"b\" ]]> \uFFFD é", "good", "never"}; !slices.Equal(cases, want) {
			t.Errorf("cases %q", cases)
		}
		failures, skipped := 2, 0
		if failFast {
			failures, skipped = 1, 2
		}
		if count["failure"] != failures || numbers["failures"] != failures || count["skipped"] != skipped || numbers["skipped"] != skipped || numbers["tests"] != 3 || numbers["errors"] != 0 {
			t.Errorf("fail-fast %t: elements %v, numbers %v", failFast, count, numbers)
		}
		if !strings.Contains(text.String(), "a&lt;b&gt;&amp;c") || !strings.Contains(text.String(), "rule shut (r.yaml:16:5) wins") {
			t.Errorf("the failure is not told in full:\n%s", text.String())
		}
	}
}

// walk reads XML strictly, holds it against the schema, and calls seen for each element.
func walk(t *testing.T, text string, seen func(name string, attrs map[string]string)) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(text))
	var open []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name, attrs := token.Name.Local, map[string]string{}
			e, ok := junit[name]
			if !ok || len(open) == 0 && name != "testsuites" || len(open) > 0 && !slices.Contains(junit[open[len(open)-1]].within, name) {
				t.Errorf("<%s> within %q", name, open)
			}
			for _, a := range token.Attr {
				if _, twice := attrs[a.Name.Local]; twice || !slices.Contains(e.attrs, a.Name.Local) {
					t.Errorf("<%s %s=…>", name, a.Name.Local)
				}
				attrs[a.Name.Local] = a.Value
			}
			for _, key := range e.attrs[:e.required] {
				if _, ok := attrs[key]; !ok {
					t.Errorf("<%s> without %s", name, key)
				}
			}
			open = append(open, name)
			seen(name, attrs)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" && (len(open) == 0 || !junit[open[len(open)-1]].text) {
				t.Errorf("text %q within %q", token, open)
			}
		case xml.ProcInst, xml.Comment, xml.Directive:
		}
	}
}
