package handler

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/journal"
)

// TestRecordKeepsHooks: what a hook is given may be any bytes, and is the same after a restart.
func TestRecordKeepsHooks(t *testing.T) {
	t.Parallel()
	all := make([]byte, 0, 255)
	for b := 1; b < 256; b++ {
		all = append(all, byte(b))
	}
	for _, s := range []string{"", "plain", `\`, `\x41`, `"`, "'", "ü", "\u2028", "\uFFFD", "\xff\xfe", string(all)} {
		want := own{Hooks: &hooked{Up: words{"/bin/x", s}, Env: words{"VIFD_INTERFACE=" + s}, Done: true}}
		text, err := want.text()
		if err != nil {
			t.Fatal(err)
		}
		// As the journal does: as JSON within JSON.
		whole, err := json.Marshal(journal.Record{Own: text})
		if err != nil {
			t.Fatal(err)
		}
		var r journal.Record
		if err := json.Unmarshal(whole, &r); err != nil {
			t.Fatal(err)
		}
		got, err := ownOf(&r)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if diff := cmp.Diff(want.Hooks, got.Hooks); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s, diff)
		}
	}
	var w words
	if err := json.Unmarshal([]byte(`["a", "\\q"]`), &w); err == nil {
		t.Errorf("nonsense is read as %q", w)
	}
}

func TestHooksAsText(t *testing.T) {
	t.Parallel()
	h := hooked{Up: words{"/usr/local/bin/x", "vif3.0", "--ip=2001:db8::7/64"}, Down: words{"/bin/y", "", "a b", "it's", "$(x)", "*", "\xff"}}
	want := []string{"# then run: /usr/local/bin/x vif3.0 --ip=2001:db8::7/64", `# at its end run: /bin/y '' 'a b' 'it'\''s' '$(x)' '*' ` + "'\xff'"}
	if got := h.text(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (&hooked{Down: words{"/bin/y"}}).text(); !slices.Equal(got, []string{"# at its end run: /bin/y"}) {
		t.Errorf("down alone: %q", got)
	}
}
