package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's XML as CI systems read it, in the form that Jenkins checks (its xunit plugin's junit-10.xsd). There are no
// times: the same rules and tests give the same file.
type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Errors   int           `xml:"errors,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

// junitSuite is the tests of one file.
type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	File     string      `xml:"file,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"` // the file
	Skipped   *junitMessage `xml:"skipped"`
	Error     *junitMessage `xml:"error"`
	Failure   *junitMessage `xml:"failure"`
}

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit's XML, a suite for each file.
func (rep *Report) WriteJUnit(w io.Writer) error {
	all := &junitSuites{Name: "vifd test"}
	suite := func(file string) *junitSuite {
		for _, s := range all.Suites {
			if s.Name == file {
				return s
			}
		}
		s := &junitSuite{Name: file, File: file}
		all.Suites = append(all.Suites, s)
		return s
	}
	for _, r := range rep.Tests {
		s := suite(r.file)
		c := junitCase{Name: r.Name, ClassName: r.file}
		switch {
		case len(r.Problems) > 0:
			c.Error = &junitMessage{Type: "test", Message: r.Problems[0], Text: strings.Join(r.Problems, "\n") + "\n"}
			s.Errors++
			all.Errors++
		case !r.Passed:
			c.Failure = r.junit()
			s.Failures++
			all.Failures++
		}
		s.Tests++
		s.Cases = append(s.Cases, c)
	}
	for _, t := range rep.notStarted {
		s := suite(t.Pos.File)
		s.Tests++
		s.Skipped++
		s.Cases = append(s.Cases, junitCase{Name: t.Name, ClassName: t.Pos.File, Skipped: &junitMessage{Message: "not started: a test before it failed"}})
	}
	for _, s := range all.Suites {
		all.Tests += s.Tests
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junit is what failed: the first of it in one line, and all of it as it is printed.
func (r *Result) junit() *junitMessage {
	plain := func(s string) string { return s } // XML has its own way with what cannot be printed
	p := &printer{Style: Style{Printable: plain, Good: plain, Bad: plain}}
	p.say("%s", r.Pos)
	p.failures(r)
	m := &junitMessage{Type: "expectation", Text: p.b.String()}
	if len(r.Failures) > 0 {
		f := &r.Failures[0]
		m.Message = fmt.Sprintf("%s: wanted %s, got %s", f.What, f.Wanted, firstLine(f.Got))
	}
	return m
}

func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
