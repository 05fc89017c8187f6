package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesInDocuments checks every rule in every document, as their reader would. Those of checks.md show what is wrong
// (TestChecksDocument).
func TestExamplesInDocuments(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	examples := 0
	for _, name := range append(files, "../../README.md") {
		if filepath.Base(name) == "checks.md" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			examples++
			if out, _, code := cli(t, m[1], "check", "--strict", "-"); code != exitDone {
				t.Errorf("%s: exit %d\n%s\nof\n%s", name, code, out, m[1])
			}
		}
	}
	if examples == 0 {
		t.Error("the documents show no rules")
	}
}

// TestShippedRules checks the default rules with the verb that users check theirs with.
func TestShippedRules(t *testing.T) {
	if out, errs, code := cli(t, "", "check", "--strict", "../../rules.d/90-default.yaml"); code != exitDone {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// TestReadmeIsShort: ten lines and two commands.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var prose, commands int
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "    make "):
			commands++
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#"):
			prose++
		}
	}
	if prose > 10 || commands != 2 {
		t.Errorf("README.md has %d lines of text and %d commands, want at most 10 and 2", prose, commands)
	}
}
