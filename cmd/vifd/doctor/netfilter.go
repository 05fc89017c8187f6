package doctor

import (
	"context"
	"fmt"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// bridgeNetfilter finds bridges whose frames go through iptables, where other software's rules judge them a second time.
func bridgeNetfilter(ctx context.Context, h *Host) ([]Finding, error) {
	var found []Finding
	for _, name := range []string{"iptables", "ip6tables", "arptables"} {
		path := "proc/sys/net/bridge/bridge-nf-call-" + name
		on, err := h.read(path)
		if err != nil {
			return found, err
		}
		if on == "1" {
			found = append(found, Finding{
				Level: Warning, Subject: "/" + path, Text: "frames between guests of a bridge go through " + name + ", whose rules may drop them",
				Cure: "sysctl -w net.bridge.bridge-nf-call-" + name + "=0 (and the same in /etc/sysctl.d)",
			})
		}
	}
	links, err := h.Links.Links(ctx)
	if err != nil {
		return found, err
	}
	for _, l := range links {
		for _, name := range []string{"iptables", "ip6tables", "arptables"} {
			on, err := h.read(fmt.Sprintf("sys/class/net/%s/bridge/nf_call_%s", l.Name, name))
			if err != nil {
				return found, err
			}
			if on == "1" {
				found = append(found, Finding{
					Level: Warning, Subject: l.Name, Text: "frames across this bridge go through " + name + ", whatever the host's setting",
					Cure: fmt.Sprintf("ip link set dev %s type bridge nf_call_%s 0", l.Name, name),
				})
			}
		}
	}
	return found, nil
}

// forwardPolicy finds other software's chains that drop what they do not know when it is forwarded, as Docker's and
// firewalld's do. An accept in vifd's tables does not help: any table's drop is final.
func forwardPolicy(_ context.Context, h *Host) ([]Finding, error) {
	chains, err := h.Rules.BaseChains()
	if err != nil {
		return nil, err
	}
	families := map[nftables.TableFamily]string{
		nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet", nftables.TableFamilyBridge: "bridge",
	}
	var found []Finding
	for _, c := range chains {
		if c.Hook != unix.NF_INET_FORWARD || !c.Drop {
			continue
		}
		f := Finding{
			Level: Warning, Subject: fmt.Sprintf("table %s %s, chain %s", families[c.Family], c.Table, c.Name),
			Text: "its policy drops what is forwarded to and from routed and NATed guests, and with bridge-nf-call-iptables between bridged ones",
			Cure: fmt.Sprintf("let guests pass there: nft insert rule %s %s %s iifname \"vif*\" accept, and oifname likewise", families[c.Family], c.Table, c.Name),
		}
		if c.Table == "filter" && c.Name == "FORWARD" {
			f.Cure = "let guests pass there: iptables -I FORWARD -i vif+ -j ACCEPT, and -o likewise (with Docker in the chain DOCKER-USER)"
		}
		found = append(found, f)
	}
	return found, nil
}
