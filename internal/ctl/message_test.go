package ctl

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/vif"
)

func requests() []Request {
	return []Request{
		EventRequest{},
		EventRequest{Event: vif.Event{
			Action: vif.Move, Subsystem: "net", Devpath: "/devices/virtual/net/vif1.0", DevpathOld: "/devices/virtual/net/eth0",
			Interface: "vif1.0", Ifindex: 7,
			Env: map[string]string{"INTERFACE": "vif1.0", "A": "x=y=z", "B": "", "ID": `a\x20b`},
		}},
		EventRequest{Event: vif.Event{Action: "\xff", Interface: "v\xfei\"f\n\x1b[31m", Env: map[string]string{"\xf0": "\\\xf1é\ufffd"}}},
		ReloadRequest{},
		StatusRequest{},
		SyncRequest{},
		SyncRequest{Interfaces: []string{"vif1.0", "v\xfei\"f\n\x1b[31m\\"}},
		VersionRequest{},
	}
}

func responses() []Response {
	return []Response{
		Outcome{Interface: "vif1.0", Ifindex: 7, State: "configured", Rule: "web", Action: "bridge"},
		ReloadResult{Rules: 3, Problems: "a.yaml:1:2: error[VIF001]: no\n"},
		Status{Vifs: []VifStatus{{Interface: "vif1.0", Ifindex: 7, Firewall: []string{"source-guard"}, Since: time.Unix(1, 2).UTC()}}},
		SyncResult{Vifs: []Outcome{{Interface: "vif1.0", Ifindex: 7, State: "failed", Error: "no"}}},
		SyncResult{Vifs: []Outcome{}, Problems: "no"},
		Version{Version: "1.0", Pid: 42},
		Failure{Reason: "no"},
	}
}

func TestMessagesKeepEveryByte(t *testing.T) {
	t.Parallel()
	for _, m := range requests() {
		line, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRequest(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", line, d)
		}
		if strings.ContainsAny(string(line), "\n\x1b") {
			t.Errorf("%q is not one plain line", line)
		}
	}
	for _, m := range responses() {
		line, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeResponse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", line, d)
		}
	}
}

// The text of a status is a contract (DESIGN.md, 2): scripts read it.
func TestWireText(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		name string
		m    interface{ kind() string }
		want string
	}{
		{"no vifs", Status{}, `{"apiVersion":"vifd/v1","kind":"Status","vifs":[]}`},
		{
			"status",
			Status{Vifs: []VifStatus{
				{Interface: "vif1.0", Ifindex: 7, Rule: "web", Action: "bridge", Network: "xenbr0", Firewall: []string{"source-guard", "web"}, State: "configured", Since: since},
				{Interface: "vif2.0", Ifindex: 8, State: "failed", Error: "x", Since: since},
			}},
			`{"apiVersion":"vifd/v1","kind":"Status","vifs":[` +
				`{"interface":"vif1.0","ifindex":7,"rule":"web","action":"bridge","network":"xenbr0","firewall":["source-guard","web"],"state":"configured","error":"","since":"2026-01-02T03:04:05Z"},` +
				`{"interface":"vif2.0","ifindex":8,"rule":"","action":"","network":"","firewall":[],"state":"failed","error":"x","since":"2026-01-02T03:04:05Z"}]}`,
		},
		{"outcome", Outcome{Interface: "vif1.0", Ifindex: 7, State: "ignored"}, `{"apiVersion":"vifd/v1","kind":"Outcome","interface":"vif1.0","ifindex":7,"state":"ignored","rule":"","action":"","error":""}`},
		{"reload", ReloadRequest{}, `{"apiVersion":"vifd/v1","kind":"ReloadRequest"}`},
		{
			"event",
			EventRequest{Event: vif.Event{Action: "add", Interface: "v\xff", Ifindex: 7, Env: map[string]string{"B": "2", "A": "1"}}},
			`{"apiVersion":"vifd/v1","kind":"EventRequest","event":{"action":"add","interface":"v\\xff","ifindex":7,"env":["A=1","B=2"]}}`,
		},
	} {
		got, err := Marshal(test.m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(test.want, string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

// garbage is what a listener must turn away, and a word of why.
func garbage() map[string]string {
	head := `{"apiVersion":"vifd/v1","kind":`
	return map[string]string{
		"":                                   "not a message",
		"\x00\xff\x00":                       "not a message",
		"GET / HTTP/1.1":                     "not a message",
		"[]":                                 "not a message",
		"{}":                                 "apiVersion",
		`{"apiVersion":"vifd/v2"}`:           "apiVersion",
		`{"apiVersion":"vifd/v1"}`:           "no kind",
		head + `"Nonsense"}`:                 "unknown kind",
		head + `"Outcome"}`:                  "unknown kind",
		head + `7}`:                          "not a message",
		head + `"StatusRequest"} {"more":1}`: "not a message",
		head + `"EventRequest"}`:             "no event",
		head + `"EventRequest","event":7}`:   "malformed EventRequest",
		head + `"EventRequest","event":{"ifindex":"7"}}`:        "malformed EventRequest",
		head + `"EventRequest","event":{"ifindex":-7}}`:         "negative",
		head + `"EventRequest","event":{"env":["x"]}}`:          "KEY=VALUE",
		head + `"EventRequest","event":{"interface":"\\x4"}}`:   "backslash",
		head + `"EventRequest","event":{"interface":"\\xgg"}}`:  "hexadecimal",
		head + `"EventRequest","event":{"interface":"a\\"}}`:    "backslash",
		head + strings.Repeat(`[`, 20000) + `}`:                 "not a message",
		head + `"StatusRequest","a":` + strings.Repeat(`[`, 99): "not a message",
	}
}

func TestDecodeRefusesGarbage(t *testing.T) {
	t.Parallel()
	for line, want := range garbage() {
		if r, err := decodeRequest([]byte(line)); err == nil {
			t.Errorf("%.80q: decoded as %#v", line, r)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: error %q does not say %q", line, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range requests() {
		line, err := Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	for line := range garbage() {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		_, _ = decodeResponse(line)
		first, err := decodeRequest(line)
		if err != nil {
			return
		}
		again, err := Marshal(first)
		if err != nil {
			t.Fatalf("%#v cannot be encoded: %v", first, err)
		}
		second, err := decodeRequest(again)
		if err != nil {
			t.Fatalf("%s, of our own making: %v", again, err)
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatalf("changed on its way (-first +second):\n%s", d)
		}
	})
}
