package format_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vifd/rules/format"
)

// TestDiffIsPatch has patch(1) carry differences out: random ones, those at both ends, and those of files without a last line's end.
func TestDiffIsPatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			fmt.Fprintf(&b, "%c\n", 'a'+rune(r.IntN(4)))
		}
		return b.String()
	}
	pairs := [][2]string{{"", "a\n"}, {"a\n", ""}, {"a", "a\n"}, {"a\nb", "a\nc"}, {"a\n", "a"}, {strings.Repeat("a\n", 3000), strings.Repeat("b\n", 3000)}}
	for range 60 {
		pairs = append(pairs, [2]string{random(40), random(40)})
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "x.yaml")
	for i, p := range pairs {
		diff := format.Diff("x.yaml", p[0], p[1])
		if (diff == "") != (p[0] == p[1]) {
			t.Errorf("%q and %q: %q", p[0], p[1], diff)
		}
		if diff == "" {
			continue
		}
		if err := os.WriteFile(file, []byte(p[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "patch", "--quiet", "--fuzz=0", "--no-backup-if-mismatch", file)
		cmd.Stdin = strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%d: %v\n%s\nof\n%s", i, err, out, diff)
		}
		got, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) { // patch removes what has become empty
			t.Fatal(err)
		}
		if string(got) != p[1] {
			t.Errorf("%d: patch made %q of %q, want %q", i, got, p[0], p[1])
		}
	}
}
