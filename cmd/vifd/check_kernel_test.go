package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"vifd/rules"
)

// TestCheckKernel: what the kernel does not take is an error at the statement, and nothing else is; nft is asked the same.
// Which of these a kernel takes differs: the bridge family's ct, reject, fib and ibrname are options of their own.
func TestCheckKernel(t *testing.T) {
	t.Parallel()
	statements := []string{
		"ct state established accept", "tcp dport 25 reject", "fib saddr . iif oif missing drop", `meta ibrname "br0" drop`,
		"limit rate over 100000/second drop", "tcp flags syn counter accept", "ip saddr != $ip drop", "log prefix \"x\" drop",
	}
	var file strings.Builder
	file.WriteString("templates:\n  t:\n    from-guest:\n")
	for _, s := range statements {
		fmt.Fprintf(&file, "      - '%s'\n", s)
	}
	file.WriteString("rules:\n  - {name: r, match: {interface: \"vif*\"}, bridge: x, firewall: t}\n")
	h := newHost(t, file.String())
	out, errs, code := h.run(t, "check", "--kernel", "-o", "json", h.rules)
	var report struct {
		Problems []struct {
			Line int    `json:"line"`
			Code string `json:"code"`
			Msg  string `json:"message"`
			Hint string `json:"hint"`
		} `json:"problems"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	refused := make(map[int]string)
	for _, p := range report.Problems {
		if p.Code == rules.CodeLacking && strings.Contains(p.Hint, "CONFIG_") {
			refused[p.Line] = p.Hint
		} else if p.Code != "VIF316" {
			t.Errorf("line %d: %s %s", p.Line, p.Code, p.Msg)
		}
	}
	lacking := 0
	for i, s := range statements {
		cmd := h.Command("nft", "-c", "-f", "-")
		cmd.Stdin = strings.NewReader("table bridge x {\nset guest-ip { type ifname . ipv4_addr; }\nchain c {\ntype filter hook prerouting priority 0\n" +
			strings.ReplaceAll(s, "ip saddr != $ip", "iifname . ip saddr != @guest-ip") + "\n}\n}\n")
		said, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(string(said), "Could not process rule") {
			t.Fatalf("nft does not read %q: %s", s, said)
		}
		if err != nil {
			lacking++
		}
		if (err != nil) != (refused[4+i] != "") {
			t.Errorf("%q: nft says %v %s, vifd %q", s, err, said, refused[4+i])
		}
	}
	if wantCode := min(lacking, 1); code != wantCode {
		t.Errorf("exit %d, want %d", code, wantCode)
	}
	if list := h.Run(t, "nft", "list", "ruleset"); list != "" {
		t.Errorf("a check has put something in force:\n%s", list)
	}
	// Without the right to ask, that is what it says.
	cmd := h.Command("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", h.self, "check", "--kernel", h.rules)
	cmd.Env = h.vifd().Env
	said, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != exitCannot || !strings.Contains(string(said), "CAP_NET_ADMIN") {
		t.Errorf("without capabilities: exit %d, %s", cmd.ProcessState.ExitCode(), said)
	}
}

// TestStatusCountsFrames: --counters says what nft says of the same elements.
func TestStatusCountsFrames(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	p := h.listen(t)
	one := h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/8")
	h.Guest(t, "vif2.0", "00:16:3e:00:00:02", "10.0.0.2/8")
	h.waitState(t, "configured", "vif1.0", "vif2.0")
	h.WaitUp(t, "vif1.0", "vif2.0")
	one.Run(t, "ping", "-c", "3", "-i", "0.01", "-W", "10", "10.0.0.2")
	// Guests talk by themselves as well: both sides are read again until nothing came between.
	for range 100 {
		before := h.Run(t, "nft", "list", "map", "bridge", "vifd", "from-guest") + h.Run(t, "nft", "list", "map", "bridge", "vifd", "to-guest")
		out, errs, code := h.run(t, "status", "--counters", "-o", "json")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		if after := h.Run(t, "nft", "list", "map", "bridge", "vifd", "from-guest") + h.Run(t, "nft", "list", "map", "bridge", "vifd", "to-guest"); after != before {
			continue
		}
		var status struct {
			Vifs []struct {
				Interface string
				Counters  struct {
					FromGuest, ToGuest struct{ Packets, Bytes uint64 }
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil || len(status.Vifs) != 2 {
			t.Fatalf("%v: %s", err, out)
		}
		for _, v := range status.Vifs {
			for _, n := range []struct{ Packets, Bytes uint64 }{v.Counters.FromGuest, v.Counters.ToGuest} {
				want := fmt.Sprintf(`%q counter packets %d bytes %d :`, v.Interface, n.Packets, n.Bytes)
				if n.Packets < 3 || !strings.Contains(before, want) {
					t.Errorf("status says %s\nnft says\n%s", want, before)
				}
			}
		}
		text, _, _ := h.run(t, "status", "--counters")
		if !strings.Contains(text, "FROM GUEST") || !strings.Contains(text, " B)") {
			t.Errorf("status --counters prints\n%s", text)
		}
		stop(t, p)
		return
	}
	t.Error("the counters never stood still")
}
