package rules

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mkfifo(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
}

// codes returns the codes of a report's problems, in order.
func codes(rep *Report) []string {
	var got []string
	for i := range rep.Problems {
		got = append(got, rep.Problems[i].Code)
	}
	return got
}

// The example of the language's documentation in full: what is not built is said to be, and nothing else is found wrong with it.
func TestWholeExampleIsNotSupportedYet(t *testing.T) {
	text, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, rep := Load(Options{FS: mapFS("contract.yaml", string(text)), Paths: []string{"contract.yaml"}, Library: library()})
	if set != nil {
		t.Error("loaded")
	}
	for i := range rep.Problems {
		if rep.Problems[i].Code != codeLater {
			t.Errorf("unexpected: %s", rep.Problems[i])
		}
	}
	golden(t, "contract.golden", []byte(render(t, rep)))
}

func TestNamesAcrossFiles(t *testing.T) {
	_, rep := Load(Options{
		FS: mapFS(
			"d/a.yaml", "networks: {br0: {bridge: {}}}\ntemplates: {t: {to-guest: [drop]}}\ndefaults: {unmatched: block}\nguests: [{interface: vif1.0}]\n"+rule("r"),
			"d/b.yaml", "networks: {br0: {bridge: {}}}\ntemplates: {t: {to-guest: [drop]}}\ndefaults: {unmatched: block}\nguests: [{interface: vif1.0}]\n"+rule("r"),
		),
		Paths: []string{"d"},
	})
	golden(t, "across-files.golden", []byte(render(t, rep)))
}

func TestReferencesAcrossFiles(t *testing.T) {
	set, rep := Load(Options{
		FS: mapFS(
			"d/a.yaml", "rules:\n  - {name: a, match: {interface: \"*\"}, bridge: br0, firewall: [late, source-guard]}\n",
			"d/b.yaml", "templates:\n  late: {to-guest: [include established, drop]}\n",
		),
		Paths: []string{"d"}, Library: library(),
	})
	if set == nil || len(rep.Problems) > 0 {
		t.Fatalf("problems:\n%s", render(t, rep))
	}
	if got := set.Rules[0].Firewall[0].Name; got != "late" {
		t.Errorf("first template %q, want late", got)
	}
}

// Where a file is no YAML nobody knows what it defines: the references to it are not reported beside the one true error.
func TestBrokenFileHidesUnknownTemplates(t *testing.T) {
	_, rep := Load(Options{
		FS: mapFS(
			"d/a.yaml", "rules:\n  - {name: a, match: {interface: \"*\"}, bridge: br0, firewall: late}\n",
			"d/b.yaml", "templates:\n  late: {to-guest: [drop}\n",
		),
		Paths: []string{"d"},
	})
	if diff := cmp.Diff([]string{codeSyntax}, codes(rep)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func TestLibraryHoldsTemplatesOnly(t *testing.T) {
	set, rep := Load(Options{Library: mapFS("templates/x.yaml", "templates:\n  x: {to-guest: [drop]}\n"+rule("r"))})
	if set != nil {
		t.Error("a library with rules was loaded")
	}
	if diff := cmp.Diff([]string{codeUnknownKey}, codes(rep)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func TestNothingToLoad(t *testing.T) {
	set, rep := Load(Options{})
	if set == nil || len(rep.Problems) > 0 {
		t.Fatalf("problems:\n%s", render(t, rep))
	}
	if set.Defaults.Unmatched != Ignore {
		t.Errorf("unmatched %s, want ignore", set.Defaults.Unmatched)
	}
}

func TestReadErrors(t *testing.T) {
	_, rep := Load(Options{Paths: []string{Stdin}, Stdin: iotest.ErrReader(errors.New("wire cut"))})
	if diff := cmp.Diff("<stdin>: error[VIF001]: wire cut\n", render(t, rep)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, rep = Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(strings.Repeat("#\n", maxFileSize/2) + "#")})
	if diff := cmp.Diff("<stdin>: error[VIF004]: larger than 4 MiB\nhint: split it\n", render(t, rep)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Problems are bounded in number, and a flood of warnings cannot hide an error.
func TestFloods(t *testing.T) {
	text := "rules:\n" + strings.Repeat("  - nam: x\n", 1000)
	_, rep := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(text)})
	if len(rep.Problems) > maxProblems+1 {
		t.Errorf("%d problems", len(rep.Problems))
	}
	warnings := "templates:\n  t:\n    params: {" + strings.Repeat("x", 10) + ": {type: ip, default: 192.0.2.1}}\n    to-guest: [accept, drop]\nrules:\n"
	for i := range maxProblems + 10 {
		warnings += "  - {name: r" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + ", match: {interface: \"*\"}, block: true, firewall: t}\n"
	}
	set, rep := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(warnings + "  - {name: last}\n")})
	if set != nil || rep.Errors() == 0 || rep.Warnings() == 0 {
		t.Errorf("%d errors and %d warnings", rep.Errors(), rep.Warnings())
	}
}

// Text written to be slow takes no longer than text of that size may: an alias bomb is not expanded, and no part of the
// reading is quadratic. The bound is generous, because it is a machine's under load.
func TestHostileTextIsCheap(t *testing.T) {
	const size = 256 << 10
	bomb := "rules: &a [x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		last := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+last+", ", 8) + "*" + last + "]\n"
	}
	for name, text := range map[string]string{
		"bomb":       bomb,
		"brackets":   strings.Repeat("[", size),
		"nested":     strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"dashes":     strings.Repeat("- ", size/2),
		"comments":   strings.Repeat("- #\n", size/4),
		"one key":    strings.Repeat("a:\n", size/3),
		"unclosed":   "x: \"" + strings.Repeat("a\n", size/2),
		"globs":      "rules: [{name: a, match: {driver: \"" + strings.Repeat("*?", size/2) + "\"}}]",
		"dollars":    "rules: [{name: a, bridge: \"" + strings.Repeat("${", size/2) + "\"}]",
		"statements": "templates: {t: {to-guest: [" + strings.Repeat("drop, ", size/6) + "]}}",
		"escapes":    "rules: [{name: a, match: {driver: \"" + strings.Repeat(`\x41`, size/4) + "\"}}]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			set, rep := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(text)})
			var out bytes.Buffer
			if err := rep.WriteText(&out, false); err != nil {
				t.Fatal(err)
			}
			if set != nil && name != "statements" {
				t.Error("loaded")
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A chain of includes as long as a file can hold is followed without a cycle being seen in it.
func TestLongIncludeChain(t *testing.T) {
	var b strings.Builder
	b.WriteString("templates:\n  t0: {to-guest: [drop]}\n")
	for i := 1; i < 2000; i++ {
		b.WriteString("  t" + strconv.Itoa(i) + ": {to-guest: [include t" + strconv.Itoa(i-1) + "]}\n")
	}
	if set := mustLoad(t, b.String()); len(set.Templates) != 2002 {
		t.Errorf("%d templates", len(set.Templates))
	}
}
