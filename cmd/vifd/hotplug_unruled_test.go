package main

import (
	"regexp"
	"strings"
	"testing"
)

// brokenRules are an administrator's in the middle of an edit.
const brokenRules = "rules: 5\n"

// TestRulesBreakWhileGuestsRun: taking back needs no rules, for the record says what was done. A guest that goes leaves nothing behind, the others stay
// guarded as they are, and a listener goes on by the rules that it has.
func TestRulesBreakWhileGuestsRun(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"vif-bridge", "vif-route", "vif-nat"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			for _, listening := range []bool{false, true} {
				x := newXenHost(t, noRules)
				if listening {
					x.listenXen(t)
				}
				x.uplink(t)
				x.bridges(t, "xenbr0")
				for _, domid := range []int{3, 4} {
					x.plug(t, domid, 0, map[string]string{"ip": "198.51.100." + testVif(domid, 0)[3:4]})
					x.mustCall(t, script, "online", testVif(domid, 0), domid, 0)
				}
				index := x.ifindex(t, "vif3.0")
				x.write(t, brokenRules)
				other, chains := x.about(t, "vif4.0"), x.Run(t, "nft", "-s", "-t", "list", "ruleset")

				for range 2 {
					errs, code := x.call(t, script, "offline", "vif3.0", 3, 0)
					if code != exitDone || listening == strings.Contains(errs, "warning: vif3.0: what is on record of it was taken back without rules: the rules have an error: ") {
						t.Errorf("offline, listening=%v: exit %d, %q", listening, code, errs)
					}
				}
				x.wantLink(t, "vif3.0", "state DOWN")
				link := x.Run(t, "ip", "link", "show", "dev", "vif3.0") + x.Run(t, "ip", "route", "show", "dev", "vif3.0") + x.Run(t, "ip", "-4", "-br", "addr", "show", "dev", "vif3.0")
				if strings.Contains(link, "master") || strings.Contains(link, "192.0.2") || strings.Contains(link, "198.51.100") {
					t.Errorf("after offline:\n%s", link)
				}
				if left := x.about(t, "vif3.0"); !listening && left != "" {
					t.Errorf("after offline, of vif3.0:\n%s", left)
				}
				if out, _, _ := x.run(t, "status", "-o", "json"); !strings.Contains(out, `"state":"blocked","error":"Xen has taken it offline"`) {
					t.Errorf("after offline: %s", out)
				}

				// What is there is not to be decided about without rules.
				if errs, code := x.event(t, "change", "vif4.0", x.ifindex(t, "vif4.0")); !listening && code != exitCannot {
					t.Errorf("an event of vif4.0: exit %d, %s", code, errs)
				}
				x.Unplug(t, "vif3.0")
				for range 2 {
					if errs, code := x.event(t, "remove", "vif3.0", index); code != exitDone {
						t.Errorf("remove: exit %d, %s", code, errs)
					}
				}
				if left := x.about(t, "vif3.0"); left != "" {
					t.Errorf("after remove, of vif3.0:\n%s", left)
				}
				if now := x.about(t, "vif4.0"); now != other || other == "" {
					t.Errorf("vif4.0 was\n%s\nand is\n%s", other, now)
				}
				if now := x.Run(t, "nft", "-s", "-t", "list", "ruleset"); now != chains {
					t.Errorf("the tables were\n%s\nand are\n%s", chains, now)
				}
				x.wantStatus(t, 4, 0, "connected")

				// One that comes has the rules that a listener has; without one, nobody's.
				x.plug(t, 5, 0, map[string]string{"ip": "198.51.100.5"})
				errs, code := x.call(t, script, "online", "vif5.0", 5, 0)
				if listening != (code == exitDone) || !listening && !strings.Contains(errs, "rules") {
					t.Errorf("online, listening=%v: exit %d, %q", listening, code, errs)
				}
				if listening {
					x.wantStatus(t, 5, 0, "connected")
				} else {
					x.wantStatus(t, 5, 0, "error")
				}

				// A vif that goes without a word from Xen, with the way to the network that it had.
				index = x.ifindex(t, "vif4.0")
				x.Unplug(t, "vif4.0")
				if errs, code := x.event(t, "remove", "vif4.0", index); code != exitDone {
					t.Errorf("remove: exit %d, %s", code, errs)
				}
				if left := x.about(t, "vif4.0"); left != "" {
					t.Errorf("after remove, of vif4.0:\n%s", left)
				}
			}
		})
	}
}

// TestTapGoesWithoutRules: its vif stays as it is.
func TestTapGoesWithoutRules(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, noRules)
	x.bridges(t, "xenbr0")
	x.plug(t, 1, 0, map[string]string{"ip": "192.0.2.7", "type": "vif_ioemu"})
	x.Run(t, "ip", "tuntap", "add", "vif1.0-emu", "mode", "tap")
	x.mustCall(t, "vif-bridge", "online", "vif1.0", 1, 0)
	x.mustCall(t, "vif-bridge", "add", "vif1.0-emu", 1, 0)
	vif := x.about(t, "vif1.0")
	x.write(t, brokenRules)
	x.mustCall(t, "vif-bridge", "remove", "vif1.0-emu", 1, 0)
	x.wantLink(t, "vif1.0-emu", "state DOWN")
	if link := x.Run(t, "ip", "link", "show", "dev", "vif1.0-emu"); strings.Contains(link, "master") {
		t.Errorf("after remove:\n%s", link)
	}
	x.wantLink(t, "vif1.0", "master xenbr0", "UP")
	if now := x.about(t, "vif1.0"); now != vif || vif == "" || x.about(t, "vif1.0-emu") != "" {
		t.Errorf("the vif was guarded as\n%s\nand is as\n%s\nthe tap as\n%s", vif, now, x.about(t, "vif1.0-emu"))
	}
}

// counted is what an element counts, which goes on.
var counted = regexp.MustCompile(`counter packets \d+ bytes \d+`)

// about are the elements of vifd's tables that are a vif's.
func (x *xenHost) about(t *testing.T, iface string) string {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(x.Run(t, "nft", "list", "ruleset"), "\n") {
		for part := range strings.SplitSeq(line, ",") {
			if strings.Contains(part, `"`+iface+`"`) {
				_, part, _ = strings.Cut(part, `"`)
				lines = append(lines, strings.Trim(counted.ReplaceAllString(part, ""), " {}"))
			}
		}
	}
	return strings.Join(lines, "\n")
}
