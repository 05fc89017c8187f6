package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/cmd/vifd/ruletest"
)

func TestTestPrints(t *testing.T) {
	for _, tt := range []struct {
		golden string
		code   int
		args   []string
	}{
		{"test-passing", exitDone, []string{"testdata/tests.yaml"}},
		{"test-verbose", exitDone, []string{"-v", "testdata/tests.yaml"}},
		{"test-steps", exitDone, []string{"--steps", "--run", "guarded", "testdata/tests.yaml"}},
		{"test-failing", exitFailed, []string{"testdata/tests-failing.yaml"}},
		{"test-json", exitFailed, []string{"-o", "json", "--run", "fate|cannot", "testdata/tests-failing.yaml"}},
		{"test-none", exitDone, []string{"testdata/good.yaml"}},
		{"test-beside", exitFailed, []string{"testdata/beside"}},
		{"test-beside-color", exitFailed, []string{"--color", "always", "testdata/beside/50-web.yaml"}},
		{"test-list", exitDone, []string{"--list", "testdata/beside/50-web.test.yaml"}},
		{"test-list-json", exitDone, []string{"--list", "-o", "json", "--run", "guard", "testdata/tests.yaml"}},
		{"test-coverage", exitDone, []string{"--coverage", "--run", "guarded", "testdata/tests.yaml"}},
		{"test-coverage-enough", exitDone, []string{"--coverage-min", "90", "testdata/tests.yaml"}},
		{"test-coverage-short", exitFailed, []string{"--coverage-min", "92", "testdata/tests.yaml"}},
		{"test-coverage-json", exitFailed, []string{"-o", "json", "--coverage-min", "30", "--run", "otherwise", "testdata/beside"}},
		{"test-stale", exitFailed, []string{"testdata/tests-stale.yaml"}},
		{"test-stale-json", exitFailed, []string{"-o", "json", "--run", "renamed|unreadable", "testdata/tests-stale.yaml"}},
		{"test-fail-fast", exitFailed, []string{"--fail-fast", "--parallel", "3", "testdata/tests-failing.yaml"}},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			out, errs, code := cli(t, "", append([]string{"test"}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit %d, want %d: %s", code, tt.code, errs)
			}
			golden(t, tt.golden, out)
		})
	}
}

// TestTestJUnit writes the file beside what is printed, also where tests fail.
func TestTestJUnit(t *testing.T) {
	name := filepath.Join(t.TempDir(), "junit.xml")
	out, errs, code := cli(t, "", "test", "--junit", name, "testdata/beside")
	if code != exitFailed || !strings.HasSuffix(out, "1 passed, 1 failed\n") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "test-junit", string(text))
	stdout, errs, code := cli(t, "", "test", "--junit", "-", "testdata/beside")
	if code != exitFailed || stdout != string(text) || errs != out {
		t.Errorf("to standard output: exit %d: %s\nand to standard error %s", code, stdout, errs)
	}
	if stdout, _, _ = cli(t, "", "test", "--junit", "-", "testdata/tests-stale.yaml"); !strings.Contains(stdout, `failures="2" errors="3"`) || !strings.Contains(stdout, `<error type="test" message="testdata/tests-stale.yaml:`) {
		t.Errorf("of tests that cannot be read: %s", stdout)
	}
	_, errs, code = cli(t, "", "test", "--junit", filepath.Join(t.TempDir(), "none", "junit.xml"), "testdata/tests.yaml")
	if code != exitCannot || !strings.Contains(errs, "--junit: ") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestFilesOfTestsAreNotInForce: what reads rules to put them in force does not even open a file of tests.
func TestFilesOfTestsAreNotInForce(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "rules: [{name: a, match: {interface: \"*\"}, block: true}]\n", "a.test.yaml": "tests: [not one]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs, code := cli(t, "", "explain", "--rules", dir, "--event", "interface=vif7.0"); code != exitDone {
		t.Errorf("explain: exit %d: %s%s", code, out, errs)
	}
	if out, errs, code := cli(t, "", "test", dir); code != exitFailed || !strings.Contains(out, "a.test.yaml:1:9: error") {
		t.Errorf("test: exit %d: %s%s", code, out, errs)
	}
}

func TestTestReport(t *testing.T) {
	rules, err := os.ReadFile("testdata/tests-failing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// PATHs replace --rules, and - is standard input.
	out, errs, code := cli(t, string(rules), "test", "--rules", "testdata/tests.yaml", "-o", "json", "-")
	var rep ruletest.Report
	if err := json.Unmarshal([]byte(out), &rep); err != nil || code != exitFailed {
		t.Fatalf("exit %d, %v: %s%s", code, err, errs, out)
	}
	if rep.Kind != "TestReport" || rep.APIVersion != "vifd/v1" || rep.Passed != 1 || rep.Failed != 4 || len(rep.Tests) != 5 {
		t.Errorf("%+v", rep)
	}
	out, _, code = cli(t, "", "test", "--color", "always", "testdata/tests-failing.yaml")
	if code != exitFailed || !strings.Contains(out, "\x1b[1;31mFAIL\x1b[0m everything is wrong (testdata/tests-failing.yaml:8:5)") {
		t.Errorf("--color always: exit %d, %q", code, out)
	}
	out, _, code = cli(t, "", "test", "--library", "testdata/good.yaml")
	if code != exitDone || !strings.Contains(out, "(<library>/templates/") {
		t.Errorf("--library: exit %d, %s", code, out)
	}
}

// TestTestKernel sends the packets of the tests through this kernel, as a user who is nobody would.
func TestTestKernel(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("testdata/tests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, string(rules))
	out, errs, code := h.run(t, "test", "--kernel", "-v")
	if code != exitDone {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for _, want := range []string{
		"from-guest ether saddr 00:16:3e:00:00:99 ip saddr 192.0.2.7: drop, in the kernel drop", "from-guest udp dport 53: accept, in the kernel accept",
		"from-guest ip saddr 198.51.100.15: accept, in the kernel accept", "from-guest meta pkttype host: accept, in the kernel accept",
		"to-guest tcp dport 443: accept, in the kernel accept", "to-guest tcp dport 22: drop, in the kernel drop",
		"not run in the kernel: to-guest tcp dport 113: its guest is routed", "7 passed, 0 failed, 3 packets not run in the kernel",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
	h.write(t, strings.Replace(string(rules), "tcp dport 443, expect: accept", "tcp dport 443, expect: drop", 1))
	out, errs, code = h.run(t, "test", "--kernel", "--run", "guarded")
	if code != exitFailed || !strings.Contains(out, "    want  drop\n    got   accept\n") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestExplainPacket(t *testing.T) {
	event := []string{"--rules", "testdata/tests.yaml", "--event", "interface=vif7.0", "domain=web-1"}
	for _, tt := range []struct {
		golden string
		args   []string
	}{
		{"explain-packet", []string{"--from-guest", "--packet", "ether saddr 00:16:3e:00:00:99 ip saddr 192.0.2.7", "--packet", "udp dport 53"}},
		{"explain-packet-steps", []string{"--to-guest", "--packet", "tcp dport 22", "--steps"}},
		{"explain-packet-json", []string{"-o", "json", "--to-guest", "--packet", "tcp dport 22"}},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			out, errs, code := cli(t, "", append(append([]string{"explain"}, event...), tt.args...)...)
			if code != exitDone {
				t.Errorf("exit %d: %s", code, errs)
			}
			golden(t, tt.golden, out)
		})
	}
	debug, _, _ := cli(t, "", append([]string{"explain", "--log-level", "debug", "--to-guest", "--packet", "tcp dport 22"}, event...)...)
	if !strings.Contains(debug, "step: web testdata/tests.yaml:") {
		t.Errorf("--log-level debug shows no step: %s", debug)
	}
	for _, tt := range []struct{ iface, say string }{
		{"vif666.0", "verdict: drop\n  by: the vif is blocked and passes nothing"}, {"eth7", "verdict: accept\n  by: the vif is unmatched: nothing judges its packets"},
	} {
		out, errs, code := cli(t, "", "explain", "--rules", "testdata/tests.yaml", "--event", "interface="+tt.iface, "--from-guest", "--packet", "udp dport 53")
		if code != exitDone || !strings.Contains(out, tt.say) {
			t.Errorf("%s: exit %d, %s%s", tt.iface, code, out, errs)
		}
	}
}

func TestPacketUsage(t *testing.T) {
	event := []string{"--rules", "testdata/tests.yaml", "--event", "interface=vif7.0"}
	for _, tt := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"explain", "--packet", "udp dport 53"}, exitUsage, "one of --from-guest and --to-guest"},
		{[]string{"explain", "--packet", "udp dport 53", "--from-guest", "--to-guest"}, exitUsage, "one of --from-guest and --to-guest"},
		{[]string{"explain", "--from-guest"}, exitUsage, "there is none"},
		{[]string{"explain", "--from-guest", "--packet", "ip saddr 192.0.2.7 frob"}, exitUsage, "--packet:1:20: unknown word \"frob\""},
		{[]string{"explain", "--from-guest", "--packet", "ip sadr 1", "--packet", "tcp dport 99999"}, exitUsage, "--packet:1:11: "},
		{[]string{"test", "--run", "("}, exitUsage, "--run"},
		{[]string{"test", "--run", "nowhere", "testdata/tests.yaml"}, exitUsage, `no test's name matches "nowhere"`},
		{[]string{"test", "--parallel", "-1", "testdata/tests.yaml"}, exitUsage, "--parallel"},
		{[]string{"test", "--coverage-min", "100.5", "testdata/tests.yaml"}, exitUsage, "--coverage-min"},
		{[]string{"test", "--coverage-min", "-1", "testdata/tests.yaml"}, exitUsage, "--coverage-min"},
		{[]string{"test", "--coverage-min", "NaN", "testdata/tests.yaml"}, exitUsage, "--coverage-min"},
		{[]string{"test", "--list", "--junit", "x", "testdata/tests.yaml"}, exitUsage, "--list"},
		{[]string{"test", "--rules", "testdata/bad.yaml"}, exitCannot, "errors"},
		{[]string{"test", "testdata/bad.yaml"}, exitCannot, "errors"},
		{[]string{"test", "-o", "sarif"}, exitUsage, "--output"},
	} {
		args := tt.args
		if args[0] == "explain" {
			args = append(args, event...)
		}
		if out, errs, code := cli(t, "", args...); code != tt.code || !strings.Contains(errs, tt.say) {
			t.Errorf("vifd %s: exit %d, want %d; %s%s", strings.Join(args, " "), code, tt.code, out, errs)
		}
	}
}

// TestExplainPacketLive asks about a vif of the host, whose port and bridge have addresses of their own.
func TestExplainPacketLive(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.Run(t, "ip", "link", "set", "vif1.0", "address", "02:00:00:00:00:77")
	out, errs, code := h.run(t, "explain", "vif1.0", "--from-guest", "--packet", "ether daddr 02:00:00:00:00:77", "--packet", "ether saddr 02:00:00:00:00:99")
	if code != exitDone || !strings.Contains(out, "> 02:00:00:00:00:77 ip") || !strings.Contains(out, "verdict: accept") || !strings.Contains(out, "by: template no-mac-spoofing, <library>/") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
