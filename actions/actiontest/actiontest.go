package actiontest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Steps compares steps with the commands that a person would type for them. What is said of the difference begins with what.
func Steps[S fmt.Stringer](t testing.TB, what string, got []S, want ...string) {
	t.Helper()
	var text []string
	for _, s := range got {
		text = append(text, s.String())
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Error checks an error's kind and its words.
func Error(t testing.TB, err, kind error, words string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(fmt.Sprint(err), words) {
		t.Errorf("got error %v, want one that is %v and says %q", err, kind, words)
	}
}
