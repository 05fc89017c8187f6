package main

import (
	"encoding/json"
	"fmt"
	"regexp"
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
	out, errs, code := h.run(t, "check", "--kernel", "--disable", "VIF316,VIF511,VIF514", "-o", "json", h.rules)
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
		} else {
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

// TestStatusCountsFrames: --counters says what nft says of the same elements. Guests talk by themselves as well, so that nft
// is asked before and after.
func TestStatusCountsFrames(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	p := h.listen(t)
	one := h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/8")
	h.Guest(t, "vif2.0", "00:16:3e:00:00:02", "10.0.0.2/8")
	h.waitState(t, "configured", "vif1.0", "vif2.0")
	h.WaitUp(t, "vif1.0", "vif2.0")
	one.Run(t, "ping", "-n", "-c", "3", "-i", "0.01", "-W", "10", "10.0.0.2")
	before := h.counted(t)
	out, errs, code := h.run(t, "status", "--counters", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	after := h.counted(t)
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
		for name, n := range map[string]struct{ Packets, Bytes uint64 }{"from-guest": v.Counters.FromGuest, "to-guest": v.Counters.ToGuest} {
			key := name + " " + v.Interface
			if n.Packets < 3 || n.Packets < before[key][0] || n.Packets > after[key][0] || n.Bytes < before[key][1] || n.Bytes > after[key][1] {
				t.Errorf("%s: status counts %d, nft counts %v before and %v after", key, n, before[key], after[key])
			}
		}
	}
	text, _, _ := h.run(t, "status", "--counters")
	if !strings.Contains(text, "FROM GUEST") || !strings.Contains(text, " B)") {
		t.Errorf("status --counters prints\n%s", text)
	}
	stop(t, p)
}

// counted is the packets and bytes that nft lists of each guest's elements, in the dispatch map of a direction and the sets of who
// is judged where, by direction and interface.
func (h *host) counted(t *testing.T) map[string][2]uint64 {
	t.Helper()
	counts := make(map[string][2]uint64)
	list := h.Run(t, "nft", "list", "table", "bridge", "vifd")
	for _, block := range regexp.MustCompile(`(?m)^\t(?:map|set) (from|to)[-/]\S+ {$`).FindAllStringSubmatchIndex(list, -1) {
		body, _, _ := strings.Cut(list[block[1]:], "\n\t}\n")
		for _, m := range regexp.MustCompile(`"(\S+)" counter packets (\d+) bytes (\d+)`).FindAllStringSubmatch(body, -1) {
			var packets, bytes uint64
			if _, err := fmt.Sscan(m[2]+" "+m[3], &packets, &bytes); err != nil {
				t.Fatal(err)
			}
			key := list[block[2]:block[3]] + "-guest " + m[1]
			counts[key] = [2]uint64{counts[key][0] + packets, counts[key][1] + bytes}
		}
	}
	return counts
}
