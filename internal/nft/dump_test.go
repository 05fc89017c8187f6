package nft

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// TestDumpsAgreeWithNft reads what nft made, beside tables of the same name and of the same family.
func TestDumpsAgreeWithNft(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	script := h.Command("nft", "-f", "-")
	script.Stdin = strings.NewReader(`
		table bridge t {
			map m { type ifname : verdict; elements = { "a" : accept, "b" : drop, "c" : goto one, "d" : jump two, "e" : return }; }
			set s { type ether_addr; elements = { 00:16:3e:00:00:01, 00:16:3e:00:00:02 }; }
			chain one { ether type ip accept; drop comment "why"; }
			chain two { accept; }
			chain empty { }
			chain base { type filter hook prerouting priority 0; iifname vmap @m; iifname "x*" drop; }
		}
		table bridge other { chain one { accept; accept; }; set s { type ether_addr; elements = { 00:16:3e:00:00:09 }; }; }
		table inet t { chain alone { accept; }; set s { type ether_addr; elements = { 00:16:3e:00:00:0a }; }; }
	`)
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	c := testhost.Dial(t, h, Dial)
	chains, err := c.Chains(table)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, ch := range chains {
		got[ch.Name] = len(ch.Rules)
		for i, data := range ch.Rules {
			if commented := ch.Name == "one" && i == 1; commented != strings.Contains(string(data), "why") {
				t.Errorf("rule %d of chain %s has the user data %q", i, ch.Name, data)
			}
		}
	}
	var listed struct {
		Nftables []struct {
			Chain *struct{ Name string }
			Rule  *struct{ Chain string }
		}
	}
	if err := json.Unmarshal([]byte(h.Run(t, "nft", "-j", "list", "table", "bridge", "t")), &listed); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]int)
	for _, o := range listed.Nftables {
		if o.Chain != nil {
			want[o.Chain.Name] += 0
		}
		if o.Rule != nil {
			want[o.Rule.Chain]++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 4 {
		t.Errorf("rules by chain (-nft +Chains):\n%s", diff)
	}

	ifname := func(s string) string { return hex.EncodeToString(append([]byte(s), make([]byte, 16-len(s))...)) }
	wantElements(t, c, &nftables.Set{Table: table, Name: "m"},
		ifname("a")+" 1 ", ifname("b")+" 0 ", ifname("c")+" -4 one", ifname("d")+" -3 two", ifname("e")+" -5 ")
	wantElements(t, c, &nftables.Set{Table: table, Name: "s"}, "00163e000001 0 ", "00163e000002 0 ")
	wantElements(t, c, &nftables.Set{Table: table, Name: "nosuch"})
}

// wantElements compares a set's elements: key, verdict (NF_DROP is 0, NF_ACCEPT 1, NFT_JUMP -3, NFT_GOTO -4, NFT_RETURN -5),
// chain.
func wantElements(t *testing.T, c *Conn, s *nftables.Set, want ...string) {
	t.Helper()
	elems, err := c.Elements(s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range elems {
		got = append(got, fmt.Sprintf("%x %d %s", e.Key, e.Verdict, e.Chain))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("elements of %s (-want +got):\n%s", s.Name, diff)
	}
}

// TestChainsAreOfOneGeneration lists a table that is swapped for another all the time: one chain of 3 rules, or two of 5.
func TestChainsAreOfOneGeneration(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	writer, reader := testhost.Dial(t, h, Dial), testhost.Dial(t, h, Dial)
	world := func(chains, rules int) *Batch {
		b := NewBatch()
		b.AddTable(table)
		b.DelTable(table)
		b.AddTable(table)
		for i := range chains {
			ch := &nftables.Chain{Table: table, Name: fmt.Sprintf("c%d", i)}
			b.AddChain(ch)
			for j := range rules {
				b.AddRule(&nftables.Rule{Table: table, Chain: ch, UserData: []byte{0x70, 1, byte(rules)}}, fmt.Sprintf("rule %d", j), "")
			}
		}
		return b
	}
	if err := writer.Commit(world(1, 3)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := errors.Join(writer.Commit(world(2, 5)), writer.Commit(world(1, 3))); err != nil {
				t.Errorf("churn: %v", err)
				return
			}
		}
	})
	for range 50 {
		chains, err := reader.Chains(table)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			t.Error(err)
			break
		}
		for _, ch := range chains {
			if rules := map[int]int{1: 3, 2: 5}[len(chains)]; len(ch.Rules) != rules {
				t.Errorf("%d chains, and %s has %d rules: a mixture of two states", len(chains), ch.Name, len(ch.Rules))
			}
		}
	}
	close(stop)
	churn.Wait()
	if chains, err := reader.Chains(table); err != nil || len(chains) != 1 || len(chains[0].Rules) != 3 {
		t.Errorf("after the churn Chains() = %v, %v", chains, err)
	}
}

func TestErrorSaysWhatAndWhy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{What: "add chain c", Errno: unix.EEXIST}, "nft: add chain c: file exists"},
		{Error{What: "rule 3", Errno: unix.EOPNOTSUPP}, "nft: rule 3: operation not supported (the kernel lacks what this needs)"},
		{Error{What: "rule 3", Errno: unix.EINVAL, Text: "no such luck"}, "nft: rule 3: invalid argument: no such luck"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error() = %q, want %q", got, tt.want)
		}
	}
}

// TestExtendedAck reads the kernel's words from an answer laid out as netlink_ack does it (net/netlink/af_netlink.c).
func TestExtendedAck(t *testing.T) {
	t.Parallel()
	tail := append(appendString(nil, unix.NLMSGERR_ATTR_MSG, "why not"), 0, 0) // and two bytes that are no attribute
	answer := append(make([]byte, 4+unix.SizeofNlMsghdr), tail...)
	if got := (message{flags: unix.NLM_F_ACK_TLVS, data: answer}).extendedAck(); got != "why not" {
		t.Errorf("extendedAck() = %q", got)
	}
	if got := (message{data: answer}).extendedAck(); got != "" {
		t.Errorf("extendedAck() of an answer without attributes = %q", got)
	}
	if got := (message{flags: unix.NLM_F_ACK_TLVS, data: answer[:4]}).extendedAck(); got != "" {
		t.Errorf("extendedAck() of a cut answer = %q", got)
	}
}
