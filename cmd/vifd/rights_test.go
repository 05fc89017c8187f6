package main

import (
	"os"
	"strings"
	"testing"
)

// TestWithoutRights: a verb that the kernel answers nothing says what it takes, and what it could do without goes on.
func TestWithoutRights(t *testing.T) {
	h := newHost(t, bridgeRules(1, 1))
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	for _, tt := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"plan"}, exitCannot, "run it as root"},
		{[]string{"explain", "vif1.0", "--live"}, exitCannot, "run it as root"},
		{[]string{"status", "--counters"}, exitCannot, "run it as root"},
		{[]string{"check", "--kernel", h.rules}, exitCannot, "run it as root, or"},
		{[]string{"explain", "vif1.0"}, exitDone, ""},
		{[]string{"status"}, exitDone, ""},
		{[]string{"check", h.rules}, exitDone, ""},
	} {
		args := append([]string{"--bounding-set=-all", "--inh-caps=-all", h.self}, tt.args...)
		cmd := h.Command("setpriv", append(args, "--rules", h.rules, "--state", h.state)...)
		cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0")
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(errs.String(), tt.say) || strings.Count(errs.String(), "as root") > 1 {
			t.Errorf("vifd %q: exit %d, want %d; %s", tt.args, code, tt.code, errs.String())
		}
	}
}
