package rules

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/testhost"
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

// The example of the language's documentation in full.
func TestWholeExample(t *testing.T) {
	text, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, rep := Load(Options{FS: mapFS("contract.yaml", string(text)), Paths: []string{"contract.yaml"}, Library: library()})
	if set == nil || len(rep.Problems) > 0 {
		t.Fatalf("problems:\n%s", render(t, rep))
	}
	golden(t, "contract.golden", []byte(dump(set)))
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

// hostile returns texts of about size bytes that are written to be slow, each in its way.
func hostile(size int) map[string]string {
	return map[string]string{
		"brackets":   strings.Repeat("[", size),
		"dashes":     strings.Repeat("- ", size/2),
		"comments":   strings.Repeat("- #\n", size/4),
		"one key":    strings.Repeat("a:\n", size/3),
		"unclosed":   "x: \"" + strings.Repeat("a\n", size/2),
		"globs":      "rules: [{name: a, match: {driver: \"" + strings.Repeat("*?", size/2) + "\"}}]",
		"dollars":    "rules: [{name: a, bridge: \"" + strings.Repeat("${", size/2) + "\"}]",
		"statements": "templates: {t: {to-guest: [" + strings.Repeat("drop, ", size/6) + "]}}",
		"uses":       "templates: {t: {params: {p: {type: number, list: true, default: [" + strings.Repeat("1,", size/8) + "1]}}, to-guest: [" + strings.Repeat("ip ttl $p ", size/16) + "drop, " + strings.Repeat("ip ttl $p drop, ", size/32) + "]}}",
		"marks":      "templates: {t: {params: {p: {type: number}}, to-guest: [" + strings.Repeat("mark set $p ", size/16) + "drop, " + strings.Repeat("limit rate 1/second ", size/32) + "drop]}}",
		"includes":   "templates: {t: {params: {p: {type: ip}, " + params("q", size/64) + "}, to-guest: [" + strings.Repeat("include t with p = x, z = $y, ", size/64) + "]}}",
		"expected":   "tests: [" + strings.Repeat("{name: x, event: {interface: a}, expect: {rule: a, network: b, firewall: c}, packets: [{to-guest: a, expect: drop, by: d}]}, ", size/128) + "]\n" + manyRules(size/64),
		"forwards":   "rules: [{name: a, match: {driver: a}, nat: {uplink: u, subnet: 10.0.0.0/8, forward: [" + forwards(size/48) + "]}}]",
		"subnets":    "rules: [" + strings.Repeat("{nat: {subnet: [10.0.0.0/8, 10.1.0.0/16]}}, ", size/48) + "]",
		"late":       "rules: [{name: a, match: {driver: a}, bridge: {name: b, vlan: {tagged: [" + strings.Repeat(`"${env.X:-1-9}", `, size/18) + "]}}}]",
		"tags":       "rules: [{bridge: {vlan: {tagged: [" + strings.Repeat("1-4094, ", size/8) + "]}}}]",
		"escapes":    "rules: [{name: a, match: {driver: \"" + strings.Repeat(`\x41`, size/4) + "\"}}]",
	}
}

// Text written to be slow takes no more work than text of that size may: no part of the reading is quadratic. Eight times the size
// would then take 64 times the work.
func TestHostileTextIsCheap(t *testing.T) {
	const size, times = 256 << 10, 8
	small, large := hostile(size/times), hostile(size)
	for name := range large {
		t.Run(name, func(t *testing.T) {
			testhost.Growth(t, times, 3, func(larger bool) {
				text := small[name]
				if larger {
					text = large[name]
				}
				set, rep := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(text)})
				if err := rep.WriteText(io.Discard, false); err != nil {
					t.Fatal(err)
				}
				if set != nil && !slices.Contains([]string{"statements", "uses", "marks", "forwards"}, name) {
					t.Error("loaded")
				}
			})
		})
	}
}

// An alias bomb is not expanded: each line that makes its values nine times as many costs what the line before cost. As deep
// brackets as the library takes, and deeper than the language does, cost what they weigh.
func TestBombIsNotExpanded(t *testing.T) {
	bomb := func(lines int) string {
		text := "rules: &a0 [x, x]\n"
		for i := 1; i <= lines; i++ {
			last := "*a" + strconv.Itoa(i-1)
			text += "b" + strconv.Itoa(i) + ": &a" + strconv.Itoa(i) + " [" + strings.Repeat(last+", ", 8) + last + "]\n"
		}
		return text
	}
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for name, text := range map[string][2]string{
		"bomb":   {bomb(8), bomb(64)},
		"nested": {nested(9000 / 8), nested(9000)},
	} {
		t.Run(name, func(t *testing.T) {
			testhost.Growth(t, 8, 3, func(larger bool) {
				of := text[0]
				if larger {
					of = text[1]
				}
				if set, _ := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(of)}); set != nil {
					t.Error("loaded")
				}
			})
		})
	}
}

// params declares n parameters that have no default.
func params(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(prefix + strconv.Itoa(i) + ": {type: ip}, ")
	}
	return b.String()
}

// forwards leads one port to a guest from n sources, each by a forward of its own.
func forwards(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("{proto: tcp, port: 1, from: 10." + strconv.Itoa(i>>16) + "." + strconv.Itoa(i>>8&255) + "." + strconv.Itoa(i&255) + "}, ")
	}
	return b.String()
}

func manyRules(n int) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range n {
		b.WriteString("  - {name: r" + strconv.Itoa(i) + ", match: {interface: x}, bridge: \"b${env.X" + strconv.Itoa(i) + "}\"}\n")
	}
	return b.String()
}

// As many guests as the largest file holds, and one that has the addresses of all others.
func TestManyGuestAddresses(t *testing.T) {
	const guests, times = 100_000, 8
	file := func(n int) fs.FS {
		var b strings.Builder
		b.WriteString("guests:\n")
		for i := range n {
			b.WriteString("- {interface: v" + strconv.Itoa(i) + ", ip: 10." + strconv.Itoa(i>>16) + "." + strconv.Itoa(i>>8&255) + "." + strconv.Itoa(i&255) + "}\n")
		}
		b.WriteString("- {interface: last, ip: 10.0.0.0/8}\n")
		return mapFS("t.yaml", b.String())
	}
	small, large := file(guests/times), file(guests)
	testhost.Growth(t, times, 3, func(larger bool) {
		fsys := small
		if larger {
			fsys = large
		}
		_, rep := Load(Options{FS: fsys, Paths: []string{"t.yaml"}})
		if diff := cmp.Diff([]string{codeGuestTwice}, codes(rep)); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
	})
}

// A file of the library holds a template and its tests; those of the users may have the same names.
func TestLibraryTests(t *testing.T) {
	const lib = "templates:\n  x: {to-guest: [drop]}\ntests:\n  - {name: shuts, template: x, packets: [{to-guest: arp, expect: drop}]}\n"
	set, rep := Load(Options{
		Library: mapFS("templates/x.yaml", lib), Paths: []string{"u.yaml"},
		FS: mapFS("u.yaml", "tests:\n  - {name: shuts, template: x, packets: [{from-guest: arp, expect: accept}]}\n"),
	})
	if set == nil || len(rep.Problems) > 0 {
		t.Fatalf("problems:\n%s", render(t, rep))
	}
	if len(set.Tests) != 2 || !set.Tests[0].Library || set.Tests[1].Library {
		t.Errorf("tests: %+v", set.Tests)
	}
	_, rep = Load(Options{Library: mapFS("templates/x.yaml", lib+"  - {name: y, event: {interface: vif1.0}, expect: {rule: z}}\n")})
	if diff := cmp.Diff("<library>/templates/x.yaml:5:15: error[VIF101]: a test of the template library has no event\n"+
		"  - {name: y, event: {interface: vif1.0}, expect: {rule: z}}\n              ^~~~~\n"+
		"hint: there are no rules beside the library; test a template\n", render(t, rep)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Where a file could not be read, what it would define is not missed in tests.
func TestBrokenFileHidesUnknownNamesInTests(t *testing.T) {
	_, rep := Load(Options{
		FS: mapFS(
			"d/a.yaml", "tests:\n  - {name: a, event: {interface: x}, expect: {rule: r, network: n, firewall: [f]}, packets: [{to-guest: arp, expect: drop, by: f}]}\n",
			"d/b.yaml", "rules: [",
		),
		Paths: []string{"d"},
	})
	if diff := cmp.Diff([]string{codeSyntax}, codes(rep)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

// A packet's text is read after the load, perhaps by several at once: every byte of it has its place, whatever the quoting.
func TestPlacesInPacketsAfterLoad(t *testing.T) {
	line := `  - {name: a, template: x, packets: [{to-guest: "tcp\u0020dport x", expect: drop}, {to-guest: 'tcp ''x', expect: drop},` +
		strings.Repeat(" ", 4*stride) + "{to-guest: tcp x, expect: drop}]}\n"
	set := mustLoad(t, "templates:\n  x: {to-guest: [drop]}\ntests:\n"+line+
		"  - name: b\n    template: x\n    packets:\n      - to-guest: |\n          tcp\n          x\n        expect: drop\n")
	in4 := func(part string) string { return "4:" + strconv.Itoa(strings.Index(line, part)+1) + "+1" }
	done := make(chan string)
	place := func(p *Packet) {
		pos := p.At(strings.IndexByte(p.Text, 'x')+1, 1)
		done <- strconv.Itoa(pos.Line) + ":" + strconv.Itoa(pos.Col) + "+" + strconv.Itoa(pos.Len)
	}
	for _, tc := range []struct {
		packet *Packet
		want   string
	}{
		{&set.Tests[0].Packets[0], in4(`x", e`)},
		{&set.Tests[0].Packets[1], in4(`x', e`)},
		{&set.Tests[0].Packets[2], in4(`x, expect`)},
		{&set.Tests[1].Packets[0], "10:11+1"},
	} {
		go place(tc.packet)
		go place(tc.packet)
		for range 2 {
			if got := <-done; got != tc.want {
				t.Errorf("%q: x is at %s, want %s", tc.packet.Text, got, tc.want)
			}
		}
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
