package rules

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteGitHub writes the problems as workflow commands of GitHub Actions, which show them at their lines in a change.
func (r *Report) WriteGitHub(w io.Writer) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	out := bufio.NewWriter(w)
	for i := range r.Problems {
		p := &r.Problems[i]
		place := "file=" + property.Replace(p.Pos.File)
		if p.Pos.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", p.Pos.Line, p.Pos.Col)
			if p.Pos.Len > 0 {
				place += fmt.Sprintf(",endColumn=%d", p.Pos.Col+p.Pos.Len)
			}
		}
		text := fmt.Sprintf("%s [%s]", p.Msg, p.Code)
		if p.Hint != "" {
			text += "\nhint: " + p.Hint
		}
		if p.Related != nil {
			text += fmt.Sprintf("\n%s: %s", p.Related.Pos, p.Related.Msg)
		}
		// The error of a write is kept by out, which returns it from Flush.
		_, _ = fmt.Fprintf(out, "::%s %s,title=%s::%s\n", p.Severity, place, p.Code, data.Replace(text))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
