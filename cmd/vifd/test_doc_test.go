package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testingDoc = "../../docs/testing.md"

// TestTestingDocument runs every command that docs/testing.md shows, on the files that it shows, and compares what comes out. With
// -update the document shows what comes out now. What it shows of files of tests is marked as yml: those cannot be checked by
// themselves as all other rules in documents are.
func TestTestingDocument(t *testing.T) {
	doc, err := filepath.Abs(testingDoc)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	t.Chdir(t.TempDir())
	files := regexp.MustCompile("(?s)```ya?ml\n# (\\S+)\n(.*?)```").FindAllStringSubmatch(text, -1)
	for _, m := range files {
		if err := os.WriteFile(m[1], []byte("# "+m[1]+"\n"+m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	commands := regexp.MustCompile("(?s)```console\n\\$ vifd (.*?)```")
	shown := len(commands.FindAllString(text, -1))
	if len(files) < 3 || shown < 4 || strings.Count(text, "```") != 2*(len(files)+shown) {
		t.Fatalf("%d files and %d commands, and blocks that are neither", len(files), shown)
	}
	got := commands.ReplaceAllStringFunc(text, func(block string) string {
		line, _, _ := strings.Cut(strings.TrimPrefix(block, "```console\n$ vifd "), "\n")
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.Trim(args[i], "'")
		}
		out, errs, code := cli(t, "", args...)
		if errs != "" {
			t.Errorf("vifd %s: %s", line, errs)
		}
		if code != exitDone {
			out += fmt.Sprintf("$ echo $?\n%d\n", code)
		}
		return "```console\n$ vifd " + line + "\n" + out + "```"
	})
	if *update {
		if err := os.WriteFile(doc, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, got); diff != "" {
		t.Errorf("docs/testing.md (-shown +comes out):\n%s", diff)
	}
}
