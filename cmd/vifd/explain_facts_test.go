package main

import (
	"strings"
	"testing"
)

// TestExplainEvent: facts may stand behind --event, with = or as arguments, and be written as udev, the kernel and xenstore write them.
func TestExplainEvent(t *testing.T) {
	t.Parallel()
	const rules = `rules:
  - {name: web, match: {interface: "vif3.0", domain: x, domid: 3}, bridge: br1}
  - {name: two, match: {ip: 192.0.2.4}, bridge: br2}
  - {name: env, match: {env.DEVPATH: "*/vif9.0", action: add, subsystem: net, env.ACTION: add}, bridge: br3}
`
	for _, tt := range []struct {
		args string
		say  string
		code int
	}{
		{"--event interface=vif3.0 domain=x", "action: bridge br1\n", exitDone},
		{"--event=interface=vif3.0 domain=x", "action: bridge br1\n", exitDone},
		{"--event=interface=vif3.0 --event=domain=x", "action: bridge br1\n", exitDone},
		{"--event interface=vif3.0 --event domain=x", "action: bridge br1\n", exitDone},
		{"--event INTERFACE=vif3.0 domain=x", "action: bridge br1\n", exitDone},
		{"--event INTERFACE=vif9.0 ACTION=add SUBSYSTEM=net DEVPATH=/devices/vif9.0 IFINDEX=7 SEQNUM=1", "action: bridge br3\n", exitDone},
		{"--event interface=tap0 ip=192.0.2.3_192.0.2.4/32_2001:db8::/64", "action: bridge br2\n", exitDone},
		{"--event interface=tap0 ip=192.0.2.3 ip=192.0.2.4", "action: bridge br2\n", exitDone},
		{"--event interface=tap0 ip=_", "ip: an address is missing", exitUsage},
		{"--event interface=tap0 ip=192.0.2.3,192.0.2.4", "ip: \"192.0.2.3,192.0.2.4\" is no IP address: write it as in 192.0.2.7", exitUsage},
		{"--event interface=vif3.0 domid=abc", "domid: \"abc\" is no domid: write a number", exitUsage},
		{"--event interface=vif3.0 mac=00:16", "mac: ", exitUsage},
		{"--event interface=a/b", "interface: ", exitUsage},
		{"--event interfce=vif3.0", "did you mean \"interface\"?", exitUsage},
		{"--event DOMAIN=x", "did you mean \"domain\"?", exitUsage},
		{"--event=yes!", "it takes a fact, KEY=VALUE", exitUsage},
		{"--event", "--event needs facts", exitUsage},
		{"--event domain=x", "--event needs interface=NAME", exitUsage},
	} {
		args := append([]string{"explain", "--rules", "-"}, strings.Fields(tt.args)...)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		out, errs, code := cli(t, rules, args...)
		if code != tt.code || !strings.Contains(out+errs, tt.say) || strings.Contains(errs, "ParseBool") {
			t.Errorf("%s: exit %d, want %d and %q; %s%s", tt.args, code, tt.code, tt.say, out, errs)
		}
	}
}

// TestVersionFlag: it is what people try first.
func TestVersionFlag(t *testing.T) {
	t.Parallel()
	for _, more := range [][]string{nil, {"-o", "json"}} {
		want, _, _ := cli(t, "", append([]string{"version"}, more...)...)
		for _, flag := range []string{"--version", "-v"} {
			if out, errs, code := cli(t, "", append([]string{flag}, more...)...); code != exitDone || out != want {
				t.Errorf("%s %q: exit %d, %q, want %q; %s", flag, more, code, out, want, errs)
			}
		}
	}
}
