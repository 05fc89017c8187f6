package rules

import (
	"io"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// The types below are the part of SARIF 2.1.0 (OASIS, sarif-v2.1.0) that a linter needs.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string       `json:"id"`
	ShortDescription sarifMessage `json:"shortDescription"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID           string          `json:"ruleId"`
	RuleIndex        int             `json:"ruleIndex"`
	Level            string          `json:"level"`
	Message          sarifMessage    `json:"message"`
	Locations        []sarifLocation `json:"locations"`
	RelatedLocations []sarifLocation `json:"relatedLocations,omitempty"`
}

type sarifLocation struct {
	ID               int           `json:"id,omitempty"`
	PhysicalLocation sarifPhysical `json:"physicalLocation"`
	Message          *sarifMessage `json:"message,omitempty"`
}

type sarifPhysical struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndColumn   int `json:"endColumn,omitempty"`
}

// WriteSARIF writes the report as a SARIF 2.1.0 log with one run.
func (r *Report) WriteSARIF(w io.Writer) error {
	driver := sarifDriver{Name: "vifd"}
	index := map[string]int{}
	for i, c := range codeTable {
		index[c.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{ID: c.ID, ShortDescription: sarifMessage{c.Title}})
	}
	run := sarifRun{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: make([]sarifResult, 0, len(r.Problems))}
	for i := range r.Problems {
		p := &r.Problems[i]
		text := p.Msg
		if p.Hint != "" {
			text += "\nhint: " + p.Hint
		}
		res := sarifResult{
			RuleID: p.Code, RuleIndex: index[p.Code], Level: p.Severity.String(), Message: sarifMessage{text},
			Locations: []sarifLocation{{PhysicalLocation: r.sarifPlace(p.Pos)}},
		}
		if p.Related != nil {
			res.RelatedLocations = []sarifLocation{{
				ID: 1, PhysicalLocation: r.sarifPlace(p.Related.Pos), Message: &sarifMessage{p.Related.Msg},
			}}
		}
		run.Results = append(run.Results, res)
	}
	return writeJSON(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// sarifPlace counts columns in characters, as SARIF has them.
func (r *Report) sarifPlace(p Pos) sarifPhysical {
	phys := sarifPhysical{ArtifactLocation: sarifArtifact{fileURI(p.File)}}
	if p.Line == 0 {
		return phys
	}
	line := ""
	if src := r.sources[p.File]; src != nil {
		line = src.line(p.Line)
	}
	start := min(max(p.Col-1, 0), len(line))
	end := min(start+p.Len, len(line))
	region := &sarifRegion{StartLine: p.Line, StartColumn: utf8.RuneCountInString(line[:start]) + 1}
	if p.Len > 0 {
		region.EndColumn = region.StartColumn + utf8.RuneCountInString(line[start:end])
	}
	phys.Region = region
	return phys
}

// fileURI is the URI of an absolute path, or the reference of a relative one (RFC 3986, 4.2).
func fileURI(name string) string {
	if strings.HasPrefix(name, "/") {
		return (&url.URL{Scheme: "file", Path: path.Clean(name)}).String()
	}
	return (&url.URL{Path: name}).String()
}
