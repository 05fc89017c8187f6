package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"vifd/docs"
	"vifd/rules"
)

// checkList is what check --list prints.
type checkList struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Checks     []listedCheck `json:"checks"`
}

type listedCheck struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Phase    string `json:"phase"`
	Title    string `json:"title"`
}

func (c *command) listChecks() error {
	list := checkList{APIVersion: "vifd/v1", Kind: "CheckList"}
	for _, code := range rules.Codes() {
		list.Checks = append(list.Checks, listedCheck{code.ID, code.Severity.String(), code.Phase().String(), code.Title})
	}
	var err error
	switch c.output {
	case "json":
		enc := json.NewEncoder(c.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(list)
	case "text":
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CODE\tSEVERITY\tPHASE\tTITLE")
		for _, ch := range list.Checks {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", ch.Code, ch.Severity, ch.Phase, ch.Title)
		}
		err = w.Flush()
	default:
		return exit(exitUsage, fmt.Errorf("--list is printed as text or json, not as %s", c.output))
	}
	if err != nil {
		return exit(exitCannot, fmt.Errorf("write the list of checks: %w", err))
	}
	return nil
}

// explainCode prints the section of the documentation that is about a code.
func (c *command) explainCode(id string) error {
	code, err := rules.LookupCode(strings.ToUpper(id))
	if err != nil {
		return exit(exitUsage, fmt.Errorf("--explain: %w", err))
	}
	if _, err := fmt.Fprintln(c.out, strings.TrimSpace(checkSection(code.ID))); err != nil {
		return exit(exitCannot, fmt.Errorf("write the explanation: %w", err))
	}
	return nil
}

// checkSection is the section of docs/checks.md about a code; empty where there is none.
func checkSection(id string) string {
	const heading = "\n### "
	_, section, found := strings.Cut(docs.Checks, heading+id+":")
	if !found {
		return ""
	}
	for _, next := range []string{heading, "\n## "} {
		section, _, _ = strings.Cut(section, next)
	}
	return id + ":" + section + "\n"
}
