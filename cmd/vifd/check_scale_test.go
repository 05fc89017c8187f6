package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// tenThousand are rules as a host with many guests has them, one for each.
func tenThousand() string {
	var b strings.Builder
	b.WriteString("networks: {xenbr0: {bridge: {uplink: eth0, create: true}}}\ntemplates:\n  web:\n" +
		"    params: {ports: {type: port, list: true, default: [80, 443]}}\n    to-guest: [tcp dport $ports accept, drop]\nrules:\n")
	for i := range 10_000 {
		match := [...]string{
			fmt.Sprintf(`domain: "web-%d"`, i), fmt.Sprintf(`domain: ["db-%[1]d-*", "db-%[1]d"], vifid: 0`, i),
			fmt.Sprintf(`mac: "00:16:3e:%02x:%02x:*"`, i>>8, i&0xff), fmt.Sprintf(`domid: %d`, i), fmt.Sprintf(`ip: "10.%d.%d.0/28"`, i>>8, i&0xff),
		}[i%5]
		fmt.Fprintf(&b, "  - name: r%d\n    match: {interface: \"vif*\", %s, not: {mac: \"00:16:3e:ff:*\"}}\n"+
			"    bridge: {name: xenbr0, isolated: true}\n    firewall: [source-guard, {template: web, with: {ports: [80, %d]}}]\n", i, match, 1000+i%7)
	}
	return b.String()
}

// BenchmarkCheckTenThousandRules is all of `vifd check` but starting the program; the budget is a second, and 300 MiB.
func BenchmarkCheckTenThousandRules(b *testing.B) {
	text := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		var said strings.Builder
		c := command{in: strings.NewReader(text), out: &said, err: io.Discard}
		if code := c.main([]string{"check", "--strict", "-"}); code != exitDone {
			b.Fatalf("exit %d\n%.1000s", code, said.String())
		}
	}
}
