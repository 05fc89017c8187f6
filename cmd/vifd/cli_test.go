package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cli runs a command line within this process.
func cli(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command{in: strings.NewReader(stdin), out: &out, err: &errs}
	code = c.main(args)
	return out.String(), errs.String(), code
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		code int
		say  string // on standard error
	}{
		{"no verb", nil, exitUsage, ""},
		{"help", []string{"--help"}, exitDone, ""},
		{"unknown verb", []string{"lisen"}, exitUsage, `there is no verb "lisen": did you mean "listen"? (vifd --help`},
		{"unknown verb of a verb", []string{"network", "strat"}, exitUsage, `vifd network has no verb "strat": did you mean "start"?`},
		{"no verb that is near", []string{"frobnicate"}, exitUsage, `there is no verb "frobnicate" (`},
		{"help on no verb", []string{"help", "lisen"}, exitUsage, `did you mean "listen"?`},
		{"help on no verb of a verb", []string{"help", "network", "strat"}, exitUsage, `did you mean "start"?`},
		{"help on a verb", []string{"help", "network", "start"}, exitDone, ""},
		{"unknown flag", []string{"version", "--frob"}, exitUsage, "unknown flag: --frob (vifd version --help"},
		{"bad output", []string{"version", "-o", "yaml"}, exitUsage, `--output "yaml" is not one of text, json`},
		{"no JSON to be had", []string{"completion", "bash", "-o", "json"}, exitUsage, `vifd completion prints text alone, not "json"`},
		{"no JSON of a take-over", []string{"network", "start", "xenbr0", "-o", "json"}, exitUsage, "vifd network start prints text alone"},
		{"no code", []string{"check", "--explain="}, exitUsage, "--explain takes a code"},
		{"no buffer", []string{"listen", "--receive-buffer", "-1"}, exitUsage, "--receive-buffer -1"},
		{"no name", []string{"network", "start"}, exitUsage, "vifd network start takes NAME, and got nothing (vifd network start --help"},
		{"bad colour", []string{"version", "--color", "some"}, exitUsage, "--color"},
		{"bad level", []string{"version", "--log-level", "loud"}, exitUsage, "--log-level"},
		{"bad source", []string{"listen", "--source", "dbus"}, exitUsage, "--source"},
		{"too many arguments", []string{"version", "now"}, exitUsage, `takes no arguments, and got ["now"]`},
		{"clean", []string{"check", "testdata/good.yaml"}, exitDone, ""},
		{"problems", []string{"check", "testdata/bad.yaml"}, exitFailed, ""},
		{"warning", []string{"check", "testdata/warning.yaml"}, exitDone, ""},
		{"strict", []string{"check", "--strict", "testdata/warning.yaml"}, exitFailed, ""},
		{"no such file", []string{"check", "testdata/absent.yaml"}, exitFailed, ""},
		{"reload without listener", []string{"reload", "--state", "testdata/nowhere"}, exitCannot, "no vifd listens"},
		{"listen with bad rules", []string{"listen", "--rules", "testdata/bad.yaml", "--state", "testdata/nowhere"}, exitCannot, "errors"},
		{"explain nothing", []string{"explain"}, exitUsage, ""},
		{"explain two", []string{"explain", "a", "b", "--rules", "testdata/good.yaml"}, exitUsage, "one interface"},
		{"explain no fact", []string{"explain", "--event", "frob=1", "--rules", "testdata/good.yaml"}, exitUsage, "frob=1"},
		{"explain no link", []string{"explain", "nosuch0", "--rules", "testdata/good.yaml"}, exitFailed, "nosuch0: no such interface"},
		{"explain the host's own", []string{"explain", "lo", "--rules", "testdata/good.yaml"}, exitFailed, "the host's own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := cli(t, "", tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.say) {
				t.Errorf("vifd %s: exit %d, want %d; stderr %q, want it to say %q; stdout %q", strings.Join(tt.args, " "), code, tt.code, errs, tt.say, out)
			}
		})
	}
	if _, err := os.Stat("testdata/nowhere"); err == nil {
		t.Error("a verb that changes nothing made the state folder")
	}
}

func TestCheckPrints(t *testing.T) {
	out, errs, _ := cli(t, "", "check", "testdata/bad.yaml")
	golden(t, "check-bad", out)
	if errs != "" {
		t.Errorf("standard error: %s", errs)
	}
	bad, err := os.ReadFile("testdata/bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if fromStdin, _, code := cli(t, string(bad), "check", "-"); code != exitFailed || strings.ReplaceAll(fromStdin, "<stdin>", "testdata/bad.yaml") != out {
		t.Errorf("from standard input: exit %d\n%s", code, fromStdin)
	}
	for _, form := range []string{"json", "sarif"} {
		out, _, code := cli(t, "", "check", "-o", form, "testdata/bad.yaml")
		if code != exitFailed || !json.Valid([]byte(out)) {
			t.Errorf("-o %s: exit %d, %s", form, code, out)
		}
	}
	if out, _, _ := cli(t, "", "check", "-o", "github", "testdata/bad.yaml"); !strings.HasPrefix(out, "::error file=testdata/bad.yaml,line=") {
		t.Errorf("-o github: %s", out)
	}
	if out, _, _ := cli(t, "", "check", "--color", "always", "testdata/bad.yaml"); !strings.Contains(out, "\x1b[") {
		t.Errorf("--color always: %q", out)
	}
}

// What comes of compiling the templates is reported as what comes of reading them: with its place.
func TestCheckCompiles(t *testing.T) {
	out, errs, code := cli(t, "", "check", "testdata/compile.yaml")
	golden(t, "check-compile", out)
	if code != exitFailed || errs != "" {
		t.Errorf("exit %d, standard error: %s", code, errs)
	}
	out, _, code = cli(t, "", "check", "testdata/unseen.yaml")
	golden(t, "check-unseen", out)
	if code != exitDone {
		t.Errorf("exit %d with warnings alone", code)
	}
	if _, _, code := cli(t, "", "check", "--strict", "testdata/unseen.yaml"); code != exitFailed {
		t.Errorf("exit %d with --strict", code)
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		facts []string
	}{
		{"explain-web", []string{"interface=vif7.0", "domain=web-1"}},
		{"explain-default", []string{"interface=vif7.0", "bridge=br9"}},
		{"explain-not", []string{"interface=vif7.1", "domain=web-2", "mac=00:16:3e:ff:00:01"}},
		{"explain-unknown-mac", []string{"interface=vif9.0"}},
		{"explain-unmatched", []string{"interface=tap0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := cli(t, "", append([]string{"explain", "--rules", "testdata/good.yaml", "--event"}, tt.facts...)...)
			if code != 0 {
				t.Fatalf("exit %d: %s", code, errs)
			}
			golden(t, tt.name, out)
		})
	}
	out, _, code := cli(t, "", "explain", "--rules", "testdata/good.yaml", "-o", "json", "--event", "interface=vif7.0", "domain=web-1")
	var x explanation
	if err := json.Unmarshal([]byte(out), &x); err != nil || code != 0 || x.Rule != "web" || x.Network != "xenbr0" || x.Kind != "Explanation" {
		t.Errorf("-o json: exit %d, %v, %s", code, err, out)
	}
}

// TestExplainLive explains a vif of the host: the plan is what is still to be done, nothing once it is done.
func TestExplainLive(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	before, errs, code := h.run(t, "explain", "vif1.0")
	if code != 0 || !strings.Contains(before, "ip link set dev vif1.0 up") || !strings.Contains(before, "ip link add") {
		t.Errorf("before: exit %d, %s%s", code, errs, before)
	}
	p := h.listen(t)
	h.waitState(t, "configured", "vif1.0")
	after, errs, code := h.run(t, "explain", "vif1.0")
	if code != 0 || strings.Contains(after, "ip link") {
		t.Errorf("after: exit %d, %s%s", code, errs, after)
	}
	stop(t, p)
}

func TestVersion(t *testing.T) {
	out, _, code := cli(t, "", "version")
	if code != 0 || !strings.HasPrefix(out, "vifd ") {
		t.Errorf("exit %d, %q", code, out)
	}
	out, _, code = cli(t, "", "version", "-o", "json")
	var v versionInfo
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || v.Kind != "Version" || v.Version == "" {
		t.Errorf("exit %d, %v, %q", code, err, out)
	}
}

func TestStatusWithoutAnything(t *testing.T) {
	out, _, code := cli(t, "", "status", "--state", "testdata/nowhere", "-o", "json")
	if code != 0 || out != `{"apiVersion":"vifd/v1","kind":"Status","vifs":[]}`+"\n" {
		t.Errorf("exit %d, %s", code, out)
	}
	out, errs, code := cli(t, "", "status", "--state", "testdata/nowhere")
	if code != 0 || !strings.HasPrefix(out, "INTERFACE") || !strings.Contains(errs, "no listener") {
		t.Errorf("exit %d, %s, %s", code, out, errs)
	}
}

// TestDemo runs the main job as `make demo` does.
func TestDemo(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	cmd := h.Command(h.self, "demo")
	cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"vif3.0  configured", "vif3.0 → vif2.0", "nothing arrives", "nothing is left behind", "All steps came true"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
}
