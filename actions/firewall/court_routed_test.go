package firewall_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/nft"
	"vifd/internal/packet"
	"vifd/internal/testhost"
)

// routedCourt judges what a routed guest sends, in inet's prerouting and ARP's input. Few of such frames go on to anywhere, so a chain
// right behind vifd's writes down which come so far, and lets none go on.
type routedCourt struct {
	*stage
	conn    *nft.Conn
	watches [2]*nftables.Set // of inet and ARP
	tracked bool             // the kernel is asked about connections and routes
}

// Of a frame the addresses are written down, and so many bytes of what follows the header: all that every packet has, and ARP.
var watched = [2]int{20, 28}

func newRoutedCourt(t *testing.T) *routedCourt {
	t.Helper()
	c := &routedCourt{stage: newStage(t)}
	c.cast.checksums, c.cast.toHosts = true, 60
	c.cast.hosts = c.cast.hosts[:1]
	c.host.Run(t, "sysctl", "-qw", "net.ipv6.conf."+strings.ReplaceAll(guestPort, ".", "/")+".disable_ipv6=0")
	c.conn = testhost.Dial(t, c.host, nft.Dial)
	b := nft.NewBatch()
	for i, family := range []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyARP} {
		table := &nftables.Table{Name: "watch", Family: family}
		// NF_INET_PRE_ROUTING and NF_ARP_IN are both 0; vifd's priorities there are -150 and 0.
		priority := []nftables.ChainPriority{-149, 1}[i]
		drop := nftables.ChainPolicyDrop
		chain := &nftables.Chain{
			Table: table, Name: "watch", Type: nftables.ChainTypeFilter, Policy: &drop, Hooknum: nftables.ChainHookPrerouting, Priority: &priority,
		}
		c.watches[i] = &nftables.Set{
			Table: table, Name: "passed", Dynamic: true, Size: 65535, KeyType: nftables.SetDatatype{Name: "integer", Bytes: uint32(12 + watched[i])},
		}
		b.AddTable(table)
		b.AddChain(chain)
		b.AddSet(c.watches[i])
		const reg = unix.NFT_REG32_00
		b.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseLLHeader, Len: 12},
			&expr.Payload{DestRegister: reg + 3, Base: expr.PayloadBaseNetworkHeader, Len: uint32(watched[i])},
			&expr.Dynset{SrcRegKey: reg, SetName: "passed", Operation: unix.NFT_DYNSET_OP_ADD},
		}}, "watch", "")
	}
	if err := c.conn.Commit(b); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *routedCourt) pass(t *testing.T, frames [][]byte) (passed []bool) {
	t.Helper()
	for some := range slices.Chunk(frames, batch) {
		for _, f := range some {
			c.guest.Send(t, f)
		}
		c.serial++
		id := binary.BigEndian.AppendUint32([]byte{2, 0xbb}, uint32(c.serial))
		end := frame.Ethernet{Dst: frame.Broadcast(), Src: id}
		c.third.Send(t, frame.Build(end, frame.IPv4{}, frame.UDP{}))
		c.third.Send(t, frame.Build(end, frame.ARP{}))
		var got [2]map[string]bool
		for i := range c.watches {
			testhost.Wait(t, "the marker to be judged", func() bool {
				got[i] = c.written(t, i)
				return got[i][string(append(frame.Broadcast(), id...))]
			})
		}
		for _, f := range some {
			key := c.alike(f)
			passed = append(passed, got[0][key] || got[1][key])
		}
		c.forget(t)
	}
	return passed
}

// forget empties the sets: nothing is under way any more.
func (c *routedCourt) forget(t *testing.T) {
	t.Helper()
	b := nft.NewBatch()
	for _, set := range c.watches {
		elems, err := c.conn.Elements(set)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range elems {
			b.DelElements(set, []nftables.SetElement{{Key: e.Key}}, "passed")
		}
	}
	if err := c.conn.Commit(b); err != nil {
		t.Fatal(err)
	}
}

// written are the frames that have passed, and the addresses of each.
func (c *routedCourt) written(t *testing.T, i int) map[string]bool {
	t.Helper()
	elems, err := c.conn.Elements(c.watches[i])
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool, len(elems))
	for _, e := range elems {
		got[string(e.Key[:12+watched[i]])] = true
		got[string(e.Key[:12])] = true
	}
	return got
}

func (c *routedCourt) alike(data []byte) string {
	p, n := packet.Dissect(data, packet.Inet), watched[0]
	if arp := packet.Dissect(data, packet.ARP); arp.Unseen() == "" {
		p, n = arp, watched[1]
	}
	link, _ := p.Payload(packet.LinkHeader, 0, 12)
	rest, ok := p.Payload(packet.NetworkHeader, 0, n)
	if !ok {
		return string(data) // not seen: it can be nothing that is written down
	}
	return string(link) + string(rest)
}

func (c *routedCourt) traffic(data []byte) firewall.Traffic {
	in := firewall.Traffic{Frame: data, Hosts: c.cast.hosts}
	if c.tracked {
		in.Routes = routes
	}
	return in
}

func (c *routedCourt) random(rng *rand.Rand) []byte {
	data := c.cast.frame(rng, c.cast.mac[:], c.cast.far)
	p := packet.Dissect(data, packet.Inet)
	if arp := packet.Dissect(data, packet.ARP); arp.Unseen() == "" {
		p = arp
	}
	kind, seen := p.PktType(c.cast.hosts...)
	switch {
	case c.tracked && !begins(&p):
		return nil
	case (!seen || kind == packet.OtherHost) && rng.IntN(10) > 0:
		return nil // a few are enough
	}
	return data
}
