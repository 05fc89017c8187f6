package format

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"vifd/rules"
)

// Width is how many columns a line in brackets may have.
const Width = 120

// Options change the form.
type Options struct {
	// Open puts the values of the outermost keys on lines of their own, also where they would fit behind them.
	Open bool
}

// Source returns text in the one form; name is what the file is called in errors. It fails for a text that is not YAML, or more of
// it than rules files may hold; what is wrong with its rules does not matter.
func Source(name, text string) (string, error) { return Options{}.Source(name, text) }

// Source is the package's Source, with options.
func (o Options) Source(name, text string) (string, error) {
	if err := readable(name, text); err != nil {
		return "", err
	}
	before, err := read(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	out := o.print(before)
	after, err := read(out)
	if err == nil {
		err = same(before, after)
	}
	if err != nil {
		return "", fmt.Errorf("%s: left as it is, because it would not say the same: %w", name, err)
	}
	return out, nil
}

// readable reports what keeps a text from being a YAML document of the rules' kind, in the words of `vifd check`.
func readable(name, text string) error {
	_, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text)})
	for _, p := range report.Problems {
		if p.Severity == rules.Error && p.Code <= lastOfYAML {
			p.Pos.File = name
			return errors.New(p.String())
		}
	}
	return nil
}

// lastOfYAML is the last code of what is wrong with a text before its keys are looked at, and not just with one value in it.
const lastOfYAML = "VIF010"

// document parses a text of one YAML document; nil where it holds nothing. The library knows states that it panics in.
func document(text string) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case !errors.Is(dec.Decode(&second), io.EOF):
		return nil, errors.New("a second document")
	case len(doc.Content) == 0:
		return nil, nil
	}
	return doc.Content[0], nil
}

// same reports how two texts differ in what they say: in their values, or in their comments.
func same(a, b *text) error {
	switch {
	case (a.root == nil) != (b.root == nil):
		return errors.New("one of the two is empty")
	case a.root != nil:
		if err := sameNode(a.root.Node, b.root.Node); err != nil {
			return err
		}
	}
	if !slices.Equal(a.comments(), b.comments()) {
		return errors.New("a comment is not the same")
	}
	return nil
}

func sameNode(a, b *yaml.Node) error {
	switch {
	case a.Kind != b.Kind || len(a.Content) != len(b.Content):
		return fmt.Errorf("line %d has another shape", a.Line)
	case a.Value != b.Value, plain(a) != plain(b) && !isText(a.Value) && !strings.Contains(a.Value, "\n"):
		return fmt.Errorf("line %d has another value", a.Line)
	}
	for i := range a.Content {
		if err := sameNode(a.Content[i], b.Content[i]); err != nil {
			return err
		}
	}
	return nil
}
