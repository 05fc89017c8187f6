package packet_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"vifd/internal/frame"
	"vifd/internal/nft"
	"vifd/internal/packet"
	"vifd/internal/testhost"
)

// oracle is the kernel: a host with a hook whose rules write down, for each frame and each load, what they have loaded. A rule
// adds the frame's source address, by which the test tells frames apart, and the value to a set of its own; where the load
// ends the rule, nothing is added.
type oracle struct {
	family packet.Family
	host   *testhost.Host
	port   *testhost.Port // sends to the hook
	conn   *nft.Conn
	table  *nftables.Table
	loads  []load
	marker []byte // a frame that the hook sees
}

const (
	vif  = "vif1.0"
	seen = "seen" // the set of all frames that reached the hook
	mark = "mark" // of those sent to know that the ones before have been judged

	idReg    = unix.NFT_REG32_00
	valueReg = idReg + 2
)

var (
	vifMAC    = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x01}
	bridgeMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x02}
)

// own are the addresses that make a frame the host's.
func own(f packet.Family) []net.HardwareAddr {
	if f == packet.Bridge {
		return []net.HardwareAddr{vifMAC, bridgeMAC}
	}
	return []net.HardwareAddr{vifMAC}
}

// newOracle makes the world of a family, with room for n frames.
func newOracle(t *testing.T, f packet.Family, loads []load, n int) *oracle {
	t.Helper()
	o := &oracle{family: f, host: testhost.New(t), loads: loads}
	guest := o.host.Guest(t, vif, "02:00:00:00:00:03")
	o.host.Run(t, "ip", "link", "set", vif, "address", vifMAC.String(), "mtu", "9000", "up")
	guest.Run(t, "ip", "link", "set", testhost.GuestIf, "mtu", "9000")
	if f == packet.Bridge {
		o.host.Run(t, "ip", "link", "add", "br0", "address", bridgeMAC.String(), "type", "bridge")
		o.host.Run(t, "ip", "link", "set", "br0", "up")
		o.host.Run(t, "ip", "link", "set", vif, "master", "br0")
	}
	o.host.WaitUp(t, vif)
	guest.WaitUp(t, testhost.GuestIf)
	if f == packet.Bridge {
		testhost.Wait(t, vif+" to forward", func() bool {
			return strings.Contains(o.host.Run(t, "bridge", "link", "show", "dev", vif), "state forwarding")
		})
	}
	o.port = guest.Packet(t, testhost.GuestIf)
	o.host.Do(t, func() (err error) {
		o.conn, err = nft.Dial()
		return err
	})
	t.Cleanup(func() { _ = o.conn.Close() })
	eth := frame.Ethernet{Dst: frame.Broadcast(), Src: vifMAC}
	o.marker = frame.Build(eth, frame.ARP{})
	if f == packet.Inet {
		o.marker = frame.Build(eth, frame.IPv4{}, frame.UDP{})
	}
	o.install(t, n)
	return o
}

func (o *oracle) install(t *testing.T, n int) {
	t.Helper()
	families := map[packet.Family]nftables.TableFamily{
		packet.Bridge: nftables.TableFamilyBridge, packet.Inet: nftables.TableFamilyINet, packet.ARP: nftables.TableFamilyARP,
	}
	o.table = &nftables.Table{Name: "oracle", Family: families[o.family]}
	policy := nftables.ChainPolicyDrop // so that nothing comes of the frames
	chain := &nftables.Chain{
		Table: o.table, Name: "judge", Type: nftables.ChainTypeFilter, Policy: &policy,
		// 0 is NF_BR_PRE_ROUTING, NF_INET_PRE_ROUTING and NF_ARP_IN alike.
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(-300),
	}
	b := nft.NewBatch()
	b.AddTable(o.table)
	b.AddChain(chain)
	// rule adds, after what exprs do, the source address and size bytes of value to a set.
	rule := func(name string, size int, exprs ...expr.Any) {
		set := &nftables.Set{
			Table: o.table, Name: name, Dynamic: true, Size: uint32(n) + 1000,
			KeyType: nftables.SetDatatype{Name: "integer", Bytes: uint32(8 + (size+3)/4*4)},
		}
		b.AddSet(set)
		id := &expr.Payload{DestRegister: idReg, Base: expr.PayloadBaseLLHeader, Offset: 6, Len: 6}
		add := &expr.Dynset{SrcRegKey: idReg, SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_ADD}
		b.AddRule(&nftables.Rule{Table: o.table, Chain: chain, Exprs: append(append([]expr.Any{id}, exprs...), add)}, name, "")
	}
	rule(seen, 0)
	rule(mark, 0, &expr.Cmp{Op: expr.CmpOpEq, Register: idReg, Data: markID(0)[:2]})
	for _, l := range o.loads {
		rule(l.name, l.size, l.expr)
	}
	if err := o.conn.Commit(b); err != nil {
		t.Fatal(err)
	}
}

// frameID is a source address that says which frame it is; markID the same of marks.
func frameID(i int) []byte { return binary.BigEndian.AppendUint32([]byte{0x02, 0xaa}, uint32(i)) }
func markID(i int) []byte  { return binary.BigEndian.AppendUint32([]byte{0x02, 0xbb}, uint32(i)) }

// answers are, for each set by its name and each frame by its number, what was loaded.
type answers map[string]map[int][]byte

// ask sends the frames, with source addresses of their own, and returns what the kernel has loaded. It waits for each few
// hundred: a CPU's queue of received frames (net.core.netdev_max_backlog) holds a thousand.
func (o *oracle) ask(t *testing.T, frames [][]byte) answers {
	t.Helper()
	const few = 250
	for i, data := range frames {
		copy(data[6:], frameID(i))
		o.port.Send(t, data)
		if i%few == few-1 || i == len(frames)-1 {
			copy(o.marker[6:], markID(i))
			o.port.Send(t, o.marker)
			want := string(markID(i))
			testhost.Wait(t, fmt.Sprintf("frame %d to be judged", i), func() bool {
				for _, e := range o.elements(t, mark) {
					if string(e.Key[:6]) == want {
						return true
					}
				}
				return false
			})
		}
	}
	got := answers{seen: o.answers(t, seen)}
	for _, l := range o.loads {
		got[l.name] = o.answers(t, l.name)
	}
	return got
}

func (o *oracle) elements(t *testing.T, set string) []nft.Element {
	t.Helper()
	elems, err := o.conn.Elements(&nftables.Set{Table: o.table, Name: set})
	if err != nil {
		t.Fatal(err)
	}
	return elems
}

func (o *oracle) answers(t *testing.T, set string) map[int][]byte {
	t.Helper()
	got := make(map[int][]byte)
	for _, e := range o.elements(t, set) {
		if string(e.Key[:2]) == string(frameID(0)[:2]) {
			got[int(binary.BigEndian.Uint32(e.Key[2:]))] = e.Key[8:]
		}
	}
	return got
}
