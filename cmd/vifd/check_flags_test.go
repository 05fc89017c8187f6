package main

import (
	"encoding/json"
	"strings"
	"testing"

	"vifd/rules"
)

// open is a rule that is warned of.
const open = "rules:\n  - {name: lab, match: {interface: \"vif*\"}, bridge: labbr0}%s\n"

func TestCheckFlags(t *testing.T) {
	plain := strings.ReplaceAll(open, "%s", "")
	for _, tt := range []struct {
		name, text string
		args       []string
		code       int
		out, errs  string // one of them holds this; no output where out is empty
	}{
		{"warned", plain, nil, exitDone, "warning[VIF515]", ""},
		{"strict", plain, []string{"--strict"}, exitFailed, "warning[VIF515]", ""},
		{"disabled", plain, []string{"--strict", "--disable", "VIF515"}, exitDone, "", ""},
		{"several disabled", plain, []string{"--strict", "--disable", "VIF501,VIF515"}, exitDone, "", ""},
		{"ignored", strings.ReplaceAll(open, "%s", " # vifd:ignore VIF515 the lab"), []string{"--strict"}, exitDone, "", ""},
		{"ignored too much", strings.ReplaceAll(open, "%s", " # vifd:ignore VIF515,VIF501 the lab"), []string{"--strict"}, exitFailed, "warning[VIF017]", ""},
		{"ignored of the host", strings.ReplaceAll(open, "%s", " # vifd:ignore VIF515,VIF601 the lab"), []string{"--strict"}, exitDone, "", ""},
		{"ignored beside an error", strings.ReplaceAll(open, "%s", " # vifd:ignore VIF515 the lab\n  - {name: lab}"), nil, exitFailed, "error[VIF103]", ""},
		{"an error disabled", plain, []string{"--disable", "VIF101"}, exitUsage, "", "cannot be disabled"},
		{"a code misspelled", plain, []string{"--disable", "VIF5155"}, exitUsage, "", "did you mean VIF515?"},
		{"no code", plain, []string{"--disable", "firewall"}, exitUsage, "", `unknown code "firewall"`},
		{"json", plain, []string{"-o", "json"}, exitDone, `"code": "VIF515"`, ""},
		{"sarif", plain, []string{"-o", "sarif"}, exitDone, `"ruleId": "VIF515"`, ""},
		{"github", plain, []string{"-o", "github"}, exitDone, "::warning file=<stdin>,line=2,col=45", ""},
		{"list in sarif", plain, []string{"--list", "-o", "sarif"}, exitUsage, "", "text or json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := cli(t, tt.text, append(append([]string{"check"}, tt.args...), "-")...)
			if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.errs) || tt.out == "" && out != "" {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.code, out, errs)
			}
			if strings.Contains(out, "[VIF017]") != (tt.out == "warning[VIF017]") {
				t.Errorf("about comments:\n%s", out)
			}
		})
	}
}

func TestCheckList(t *testing.T) {
	text, _, code := cli(t, "", "check", "--list")
	golden(t, "check-list", text)
	if code != exitDone {
		t.Errorf("exit %d", code)
	}
	out, _, _ := cli(t, "", "check", "--list", "-o", "json")
	var list checkList
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Checks) != len(rules.Codes()) || list.Kind != "CheckList" {
		t.Errorf("%v: %s", err, out)
	}
	for _, c := range list.Checks {
		if !strings.Contains(text, c.Code) || c.Phase == "" || c.Title == "" {
			t.Errorf("%+v", c)
		}
	}
}
