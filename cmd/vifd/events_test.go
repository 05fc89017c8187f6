package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vifd/internal/testhost"
)

// recordings are of a real Xen host, as udevadm monitor has printed them.
const recordings = "../../test/xenreplay/testdata/"

func TestReplay(t *testing.T) {
	t.Parallel()
	out, errs, code := cli(t, "", "replay", "--rules", "testdata/replay.yaml", recordings+"uevents-hvm-tap.txt")
	golden(t, "replay-hvm", out)
	if code != exitDone || errs != "" {
		t.Errorf("exit %d, %s", code, errs)
	}
	out, _, code = cli(t, "", "replay", "-o", "json", "--rules", "testdata/replay.yaml", recordings+"uevents-hvm-tap.txt")
	golden(t, "replay-json", out)
	for line := range strings.Lines(out) {
		if !json.Valid([]byte(line)) || code != exitDone {
			t.Errorf("exit %d, %s", code, line)
		}
	}
	// Every recording there is can be replayed.
	files, err := filepath.Glob(recordings + "uevents-*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		out, errs, code := cli(t, "", "replay", "--rules", "testdata/replay.yaml", file)
		if code != exitDone || !strings.Contains(out, "guests        bridge xenbr0") || !strings.Contains(out, "gone") {
			t.Errorf("%s: exit %d, %s\n%s", file, code, errs, out)
		}
	}
}

// hostile is a recording with a name that would act on a terminal, and what a listener is told nothing of.
const hostile = `vifd-events 1
source kernel

event 1 2026-11-26T08:47:12.1Z
  add@/devices/virtual/net/vif1.0\xff\x1b[2J
  ACTION=add
  SUBSYSTEM=net
  INTERFACE=vif\xff\x1b[2J
  IFINDEX=7

event 2 2026-11-26T08:47:12.2Z
  add@/devices/virtual/net/vif1.0/queues/rx-0
  ACTION=add
  SUBSYSTEM=queues

event 3 2026-11-26T08:47:12.4Z
  add@/devices/virtual/net/br9
  ACTION=add
  SUBSYSTEM=net
  DEVTYPE=bridge
  INTERFACE=vifbridge
  IFINDEX=8

event 4 2026-11-26T08:47:12.4Z
  remove@/devices/virtual/net/vif1.0
  ACTION=remove
  SUBSYSTEM=net
  INTERFACE=vif\xff\x1b[2J
  IFINDEX=7
`

func TestReplayHostile(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	out, errs, code := cli(t, hostile, "replay", "--speed", "2", "--rules", "testdata/replay.yaml", "-")
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("300 ms at twice the speed took %v", took)
	}
	if code != exitDone || acts(out) {
		t.Errorf("exit %d, %s, %q", code, errs, out)
	}
	golden(t, "replay-hostile", out)
}

func TestEventsExitCodes(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "events")
	if err := os.WriteFile(name, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"replay"}, exitUsage, "takes FILE, and got nothing"},
		{[]string{"replay", "--speed", "-1", name}, exitUsage, "--speed"},
		{[]string{"replay", "testdata/absent"}, exitFailed, "testdata/absent"},
		{[]string{"replay", "testdata/good.yaml"}, exitFailed, "neither a recording of vifd"},
		{[]string{"replay", "--rules", "testdata/bad.yaml", name}, exitCannot, "errors"},
		{[]string{"events", "now"}, exitUsage, ""},
		{[]string{"events", "--source", "dbus"}, exitUsage, "--source"},
		{[]string{"events", "-n", "-1"}, exitUsage, "-n"},
		{[]string{"events", "--for", "-1s"}, exitUsage, "--for"},
		{[]string{"events", "--rules", "testdata/bad.yaml"}, exitCannot, "errors"},
		{[]string{"events", "--record", "testdata/absent/file"}, exitFailed, "testdata/absent/file"},
		{[]string{"explain", "--recorded", name + ":9"}, exitFailed, "no event 9"},
		{[]string{"explain", "--recorded", name + ":2"}, exitFailed, "about no interface"},
		{[]string{"explain", "--recorded", name + ":3"}, exitFailed, "the host's own"},
		{[]string{"explain", "--recorded", name, "--event", "interface=a"}, exitUsage, "one of"},
		{[]string{"explain", "--recorded", name, "vif1.0"}, exitUsage, "no other argument"},
		{[]string{"explain", "--recorded", name, "--live"}, exitUsage, "--live"},
		{[]string{"explain", "--recorded", "testdata/absent"}, exitFailed, "testdata/absent"},
	} {
		args := tt.args
		if !strings.Contains(strings.Join(args, " "), "--rules") {
			args = append(args, "--rules", "testdata/replay.yaml")
		}
		out, errs, code := cli(t, "", args...)
		if code != tt.code || !strings.Contains(errs, tt.say) {
			t.Errorf("%v: exit %d, want %d; %q, want it to say %q; %s", tt.args, code, tt.code, errs, tt.say, out)
		}
	}
}

// TestExplainRecorded explains an event of Xen's, and one with a hostile name.
func TestExplainRecorded(t *testing.T) {
	t.Parallel()
	out, errs, code := cli(t, "", "explain", "--rules", "testdata/replay.yaml", "--recorded", recordings+"uevents-hvm-tap.txt:3")
	golden(t, "explain-recorded", out)
	if code != exitDone || errs != "" {
		t.Errorf("exit %d, %s", code, errs)
	}
	name := filepath.Join(t.TempDir(), "events:1") // a name that ends as a number would
	if err := os.WriteFile(name, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := cli(t, "", "explain", "--rules", "testdata/replay.yaml", "--recorded", name+":1"); code != exitDone || acts(out) || !strings.Contains(out, "rule guests (testdata/replay.yaml:7:5): matches") {
		t.Errorf("exit %d, %s%q", code, errs, out)
	}
}

// TestExplainSays what is substituted, by whose word, and with what guard.
func TestExplainSays(t *testing.T) {
	t.Parallel()
	out, errs, code := cli(t, "", "explain", "--rules", "testdata/replay.yaml", "--guard", "--event", "interface=vif1.0", "kind=vif", "bridge=br7", "xen.bridge=br8")
	golden(t, "explain-guard", out)
	if code != exitDone || errs != "" {
		t.Errorf("exit %d, %s", code, errs)
	}
	out, _, _ = cli(t, "", "explain", "--rules", "testdata/replay.yaml", "--event", "interface=tap1", "kind=tap", "xen.bridge=br8")
	if want := "bridge: ${xen.bridge:-xenbr0} -> br8 (xen.bridge is br8, from the command line)"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}

// TestExplainGuardIsNfts holds the guard to what nft lists of vifd's own table: the same chains as those that a guest's frames come to, each with
// as many rules, and these in the same words but where nft has several for the same.
func TestExplainGuardIsNfts(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.syncs(t)
	list := h.Run(t, "nft", "list", "table", "bridge", "vifd")
	out, errs, code := h.run(t, "explain", "--guard", "-o", "json", "vif1.0")
	var x explanation
	if err := json.Unmarshal([]byte(out), &x); err != nil || code != exitDone {
		t.Fatalf("%v, exit %d, %s", err, code, errs)
	}
	listed, guard := chainsOf(list), chainsOf(x.Guard)
	if len(guard) < 10 || len(guard["from/source-guard"]) != 11 {
		t.Errorf("the guard is\n%s", x.Guard)
	}
	same := 0
	for name, rules := range guard {
		if len(rules) != len(listed[name]) {
			t.Errorf("chain %s is\n%q\nand nft lists\n%q", name, rules, listed[name])
		}
		for i, rule := range rules {
			if i < len(listed[name]) && listed[name][i] == rule {
				same++
			}
		}
	}
	for name := range listed {
		if strings.HasPrefix(name, "from/") && guard[name] == nil {
			t.Errorf("the chain %s of the only guest is missing", name)
		}
	}
	if same < 40 {
		t.Errorf("%d rules are in nft's words:\n%s\nand\n%s", same, x.Guard, list)
	}
	for _, want := range []string{`elements = { "vif1.0" . 00:16:3e:00:00:01 }`, `elements = { "vif1.0" . 10.0.0.1 }`} {
		if !strings.Contains(x.Guard, want) || !strings.Contains(list, want) {
			t.Errorf("%s is not in both of\n%s\nand\n%s", want, x.Guard, list)
		}
	}
}

// chainsOf are the rules of a listing's chains.
func chainsOf(list string) map[string][]string {
	chains := make(map[string][]string)
	for _, block := range strings.Split(list, "\tchain ")[1:] {
		block, _, _ = strings.Cut(block, "\t}\n")
		name, rules, _ := strings.Cut(block, " {\n")
		chains[name] = strings.Split(strings.TrimSpace(rules), "\n\t\t")
	}
	return chains
}

// TestEvents follows guests that come and go, keeps what the kernel sent, and replays it.
func TestEvents(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	kept := filepath.Join(t.TempDir(), "events")
	p := h.vifd("events", "--record", kept, "-n", "3").Background(t)
	p.WaitOutput(t, "listening to events of the kernel")
	far := testhost.New(t)
	h.Veths(t, far, "vif1.0")
	p.WaitOutput(t, "vif1.0")
	h.Unplug(t, "vif1.0")
	h.Run(t, "ip", "link", "add", "br9", "type", "bridge")
	if err := p.Err(); err != nil {
		t.Fatalf("events ended with %v:\n%s", err, p.Output())
	}
	for _, want := range []string{"guests        bridge xenbr0   configured\n", "  remove   net          vif1.0           -             -               gone\n", "host\n"} {
		if !strings.Contains(p.Output(), want) {
			t.Errorf("no %q in\n%s", want, p.Output())
		}
	}
	text, err := os.ReadFile(kept)
	if err != nil || !strings.Contains(string(text), "\n  INTERFACE=vif1.0\n  IFINDEX=") {
		t.Errorf("%v: the recording is\n%s", err, text)
	}
	out, errs, code := cli(t, "", "replay", "--rules", h.rules, kept)
	if code != exitDone || !strings.Contains(out, "guests        bridge xenbr0   configured\n") || !strings.Contains(out, "      ip link set dev vif1.0 master xenbr0\n") {
		t.Errorf("replay: exit %d, %s\n%s", code, errs, out)
	}
}

// TestEventsEnd: by the time given, and by a signal; and lines of JSON.
func TestEventsEnd(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	out, errs, code := h.run(t, "events", "--for", "10ms")
	if code != exitDone || out != "" {
		t.Errorf("exit %d, %s, %s", code, errs, out)
	}
	p := h.vifd("events", "-o", "json").Background(t)
	p.WaitOutput(t, "listening")
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	p.WaitOutput(t, `"number":1,`)
	if err := p.Stop(t, syscall.SIGINT); err != nil {
		t.Errorf("%v: %s", err, p.Output())
	}
	_, line, _ := strings.Cut(p.Output(), "\n") // the first is talk
	line, _, _ = strings.Cut(line, "\n")
	var ev eventLine
	if err := json.Unmarshal([]byte(line), &ev); err != nil || ev.Rule != "guests" || ev.State != "configured" || ev.Event.Interface != "vif1.0" || ev.Event.Ifindex == 0 {
		t.Errorf("%v of %s", err, strconv.Quote(line))
	}
	if _, err := time.Parse(time.RFC3339Nano, ev.Time); err != nil {
		t.Error(err)
	}
}
