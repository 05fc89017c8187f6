package nat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"

	"vifd/actions/nat"
	"vifd/internal/nft"
	"vifd/internal/testhost"
)

// TestGuestsCostTheSame compares the cost of a guest among 1 000 with that of one among 10.
func TestGuestsCostTheSame(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	counted := &counting{Conn: testhost.Dial(t, h, nft.Dial)}
	table, err := nat.OpenTable(counted)
	if err != nil {
		t.Fatal(err)
	}
	install(t, table, compile(t, private))
	one := func(n int) nat.Guest {
		return guest(t, fmt.Sprintf("vif%d.0", n), nat.Forward{Protocol: nat.TCP, First: uint16(10_000 + n), To: 80})
	}
	// The time is the kernel's for the transaction, and the least of many: what else the machine does only ever adds to it.
	cost := func() (messages int, fastest time.Duration) {
		counted.dumps, counted.fastest = 0, time.Hour
		for range 100 {
			before := counted.messages
			set(t, table, one(5_000), 1)
			messages = counted.messages - before
			remove(t, table, "vif5000.0", 1)
		}
		return messages, counted.fastest
	}
	var guests []nat.Guest
	for n := range 10 {
		guests = append(guests, one(n+1))
	}
	install(t, table, compile(t, private), guests...)
	messages10, time10 := cost()
	for n := 10; n < 1000; n++ {
		guests = append(guests, one(n+1))
	}
	install(t, table, compile(t, private), guests...)
	messages1000, time1000 := cost()
	t.Logf("a guest's coming: %d messages, %v among 10; %d messages, %v among 1 000", messages10, time10, messages1000, time1000)
	if messages1000 != messages10 || counted.dumps != 0 {
		t.Errorf("%d messages among 10 guests, %d and %d dumps among 1 000", messages10, messages1000, counted.dumps)
	}
	if time1000 > 3*time10 {
		t.Errorf("a transaction takes %v among 10 guests, %v among 1 000", time10, time1000)
	}
	rules := strings.Count(h.Run(t, "nft", "list", "ruleset"), "masquerade")
	if rules != 4 {
		t.Errorf("there are %d rules that masquerade, want 4", rules)
	}
}

// counting is the real kernel, and how much it is asked.
type counting struct {
	*nft.Conn
	messages, dumps int
	fastest         time.Duration // transaction
}

func (k *counting) Commit(b *nft.Batch) error {
	k.messages += b.Len()
	start := time.Now()
	err := k.Conn.Commit(b)
	k.fastest = min(k.fastest, time.Since(start))
	return err
}

func (k *counting) Elements(s *nftables.Set) ([]nft.Element, error) {
	k.dumps++
	return k.Conn.Elements(s)
}

func (k *counting) Sets(t *nftables.Table) ([]nft.Set, error) {
	k.dumps++
	return k.Conn.Sets(t)
}

// TestStorm: guests that come at once share transactions, and none is lost, nor one that is refused taken for one that is not.
func TestStorm(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	install(t, table, compile(t, private))
	const n = 400
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		g := guest(t, fmt.Sprintf("vif%d.0", i+1), nat.Forward{Protocol: nat.TCP, First: uint16(1000 + i)})
		if i%100 == 99 {
			g.Forwards[0].First = 1000 // vif1.0's
		}
		all.Go(func() { _, errs[i] = table.Set(&g, i+1) })
	}
	all.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			refused++
		}
	}
	if refused != 4 { // of the five who want the port one gets it
		t.Errorf("%d of %d were refused, want 4", refused, n)
	}
	if got := len(open(t, h).Interfaces()); got != n-4 {
		t.Errorf("the kernel has %d guests, want %d", got, n-4)
	}
	for i := range n {
		all.Go(func() { _, errs[i] = table.Remove(fmt.Sprintf("vif%d.0", i+1), i+1) })
	}
	all.Wait()
	if list := h.Run(t, "nft", "list", "ruleset"); strings.Contains(list, "elements") {
		t.Errorf("when all have gone there is\n%s", list)
	}
	t.Logf("%d transactions for %d changes", table.Stats().Transactions, 2*n)
}

// TestAllPorts forwards every port there is.
func TestAllPorts(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	install(t, table, compile(t, private))
	g := guest(t, "vif1.0", nat.Forward{Protocol: nat.TCP, First: 1, Last: 65535})
	start := time.Now()
	set(t, table, g, 1)
	t.Logf("all ports of both families: %v", time.Since(start))
	if again := open(t, h); set(t, again, g, 1) {
		t.Error("the second time wrote")
	}
	remove(t, table, "vif1.0", 1)
	if list := h.Run(t, "nft", "list", "ruleset"); strings.Contains(list, "elements") {
		t.Errorf("there is left\n%.1000s", list)
	}
}
