package rules

import (
	"encoding/json"
	"fmt"
	"io"
)

// apiVersion is that of every JSON document vifd writes.
const apiVersion = "vifd/v1"

type jsonReport struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Problems   []jsonProblem `json:"problems"`
}

// jsonPlace has line, column (both from 1, in bytes) and length only where they are known.
type jsonPlace struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Length int    `json:"length,omitempty"`
}

type jsonProblem struct {
	jsonPlace
	Severity string       `json:"severity"`
	Code     string       `json:"code"`
	Message  string       `json:"message"`
	Hint     string       `json:"hint,omitempty"`
	Related  *jsonRelated `json:"related,omitempty"`
}

type jsonRelated struct {
	jsonPlace
	Message string `json:"message"`
}

// WriteJSON writes the report as one document of kind CheckReport.
func (r *Report) WriteJSON(w io.Writer) error {
	doc := jsonReport{APIVersion: apiVersion, Kind: "CheckReport", Problems: make([]jsonProblem, 0, len(r.Problems))}
	for i := range r.Problems {
		p := &r.Problems[i]
		jp := jsonProblem{jsonPlace: placeOf(p.Pos), Severity: p.Severity.String(), Code: p.Code, Message: p.Msg, Hint: p.Hint}
		if p.Related != nil {
			jp.Related = &jsonRelated{jsonPlace: placeOf(p.Related.Pos), Message: p.Related.Msg}
		}
		doc.Problems = append(doc.Problems, jp)
	}
	return writeJSON(w, doc)
}

func placeOf(p Pos) jsonPlace {
	return jsonPlace{File: p.File, Line: p.Line, Column: p.Col, Length: p.Len}
}

func writeJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
