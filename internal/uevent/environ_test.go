package uevent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/vif"
)

func TestFromEnviron(t *testing.T) {
	t.Parallel()
	good := []string{
		"ACTION=move", "SUBSYSTEM=net", "DEVPATH=/devices/vif-5-0/net/web0", "DEVPATH_OLD=/devices/vif-5-0/net/vif5.0",
		"INTERFACE=web0", "IFINDEX=8", "ID_NET_NAME=a=b", "lower=no", "Mixed=no", "9=no", "=no", "junk",
	}
	with := func(more ...string) []string { return append(append([]string(nil), good...), more...) }
	without := func(key string) []string {
		var kept []string
		for _, v := range good {
			if !strings.HasPrefix(v, key+"=") {
				kept = append(kept, v)
			}
		}
		return kept
	}

	want := vif.Event{
		Action: "move", Subsystem: "net", Devpath: "/devices/vif-5-0/net/web0", DevpathOld: "/devices/vif-5-0/net/vif5.0",
		Interface: "web0", Ifindex: 8,
		Env: map[string]string{
			"ACTION": "move", "SUBSYSTEM": "net", "DEVPATH": "/devices/vif-5-0/net/web0",
			"DEVPATH_OLD": "/devices/vif-5-0/net/vif5.0", "INTERFACE": "web0", "IFINDEX": "8", "ID_NET_NAME": "a=b",
		},
	}
	got, err := FromEnviron(good)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong event (-want +got):\n%s", diff)
	}
	if _, err := FromEnviron(without("IFINDEX")); err != nil {
		t.Errorf("without IFINDEX: %v", err)
	}

	for _, tc := range []struct {
		name    string
		environ []string
		want    string
	}{
		{"nothing", nil, "the environment holds no udev event: ACTION is not set"},
		{"no action", without("ACTION"), "the environment holds no udev event: ACTION is not set"},
		{"empty action", with("ACTION="), "the environment holds no udev event: ACTION is not set"},
		{"no subsystem", without("SUBSYSTEM"), `SUBSYSTEM is "", not "net"`},
		{"other subsystem", with("SUBSYSTEM=block"), `SUBSYSTEM is "block", not "net"`},
		{"no interface", without("INTERFACE"), "INTERFACE is not set"},
		{"bad interface", with("INTERFACE=a/b"), `interface name "a/b" holds`},
		{"bad index", with("IFINDEX=x"), `IFINDEX "x" is not a number above 0`},
		{"bad path", with("DEVPATH=x"), `DEVPATH "x" does not begin with a slash`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if e, err := FromEnviron(tc.environ); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("FromEnviron: %+v, %v, want an error with %q", e, err, tc.want)
			}
		})
	}
}
