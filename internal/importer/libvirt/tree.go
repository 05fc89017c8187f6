package libvirt

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"vifd/internal/importer/model"
)

// What a file may hold. A domain with hundreds of devices has some thousand elements, ten deep.
const (
	maxDepth    = 64
	maxElements = 200_000
)

// element is an XML element with its place.
type element struct {
	pos   model.Pos
	name  string
	attrs []xml.Attr
	text  string
	inner []*element
}

// attr is an attribute's value, empty where there is none.
func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// child is the first element of a name within e; one without anything where there is none.
func (e *element) child(name string) *element {
	for _, c := range e.inner {
		if c.name == name {
			return c
		}
	}
	return &element{pos: e.pos}
}

// parse reads a file's one element.
func parse(text model.Text) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(text.Data, "\ufeff")))
	var root *element
	var open []*element
	count := 0
	for {
		line, col := d.InputPos()
		pos := model.Pos{File: text.File, Line: line, Col: col}
		tok, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && root != nil:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, &model.Error{Pos: pos, Msg: "there is no XML element"}
		case err != nil:
			var syntax *xml.SyntaxError
			msg := err.Error()
			if errors.As(err, &syntax) {
				msg = syntax.Msg
			}
			line, col = d.InputPos()
			return nil, &model.Error{Pos: model.Pos{File: text.File, Line: line, Col: col}, Msg: "not XML: " + msg}
		}
		switch tok := tok.(type) {
		case xml.Directive:
			return nil, &model.Error{Pos: pos, Msg: "a document type", Hint: "libvirt writes none, and entities are not taken"}
		case xml.StartElement:
			if count++; count > maxElements || len(open) == maxDepth {
				return nil, &model.Error{Pos: pos, Msg: "too many elements, or too deeply in each other"}
			}
			e := &element{pos: pos, name: tok.Name.Local, attrs: tok.Copy().Attr}
			if tok.Name.Space != "" {
				e.name = tok.Name.Space + ":" + e.name // not libvirt's own
			}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.inner = append(parent.inner, e)
			case root != nil:
				return nil, &model.Error{Pos: pos, Msg: "a second element begins here", Hint: "a file holds one domain, network or filter"}
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(tok)
			}
		}
	}
}
