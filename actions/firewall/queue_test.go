package firewall

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/nftables"

	"vifd/internal/nft"
	"vifd/internal/testhost"
)

// slow is a kernel whose transactions wait to be let go, and that then takes everything.
type slow struct {
	entered chan struct{}
	release chan struct{}
	mu      sync.Mutex
	sizes   []int // of the batches, in messages
}

func (k *slow) Commit(b *nft.Batch) error {
	k.entered <- struct{}{}
	<-k.release
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sizes = append(k.sizes, b.Len())
	return nil
}

func (k *slow) Check(*nft.Batch) error                        { return nil }
func (k *slow) Sets(*nftables.Table) ([]nft.Set, error)       { return nil, nil }
func (k *slow) Chains(*nftables.Table) ([]nft.Chain, error)   { return nil, nil }
func (k *slow) Elements(*nftables.Set) ([]nft.Element, error) { return nil, nil }

func (t *Table) waiting() int { return t.writes.Waiting() }

// TestCallsGatherWhileATransactionIsUnderWay: however many come in the meantime, the next transaction carries them all out.
func TestCallsGatherWhileATransactionIsUnderWay(t *testing.T) {
	t.Parallel()
	k := &slow{entered: make(chan struct{}, 8), release: make(chan struct{})}
	table, err := OpenTable(k)
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{}
	open := func(iface string) *Guest { return &Guest{Interface: iface, Profile: p.Open()} }
	const n = 200
	errs := make(chan error, n+4)
	submit := func(call func() (bool, error), wantWrote bool) {
		before := table.waiting()
		go func() {
			wrote, err := call()
			if err == nil && wrote != wantWrote {
				err = fmt.Errorf("wrote is %v, want %v", wrote, wantWrote)
			}
			errs <- err
		}()
		testhost.Wait(t, "a call to be queued", func() bool { return table.waiting() == before+1 })
	}
	go func() {
		_, err := table.Set(open("first"), 1)
		errs <- err
	}()
	<-k.entered
	for i := range n {
		submit(func() (bool, error) { return table.Set(open(fmt.Sprintf("vif%d.0", i)), 10+i) }, true)
	}
	// Calls about one name are carried out in their order, and each is told what it did itself.
	submit(func() (bool, error) { return table.Set(open("vif0.0"), 10) }, false)
	submit(func() (bool, error) { return table.Set(&Guest{Interface: "vif0.0", Profile: p.Blocked()}, 99) }, true)
	submit(func() (bool, error) { return table.Remove("vif0.0", 10) }, false) // the name is 99's by then
	close(k.release)
	for range n + 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	// Two elements for each guest, and the two of vif0.0 once more out and in.
	if got, want := fmt.Sprint(k.sizes), fmt.Sprint([]int{2, 2*n + 4}); got != want {
		t.Errorf("transactions of %s messages, want %s", got, want)
	}
	stats := table.Stats()
	if stats.Transactions != 2 || stats.Changes != n+4 || stats.Repairs != 0 {
		t.Errorf("Stats() = %+v", stats)
	}
	if owner := table.owners["vif0.0"]; owner != 99 {
		t.Errorf("vif0.0 belongs to %d, want 99", owner)
	}
	if have := table.have["vif0.0"]; len(have) != 2 || have[0].verdict.Kind != VerdictDrop {
		t.Errorf("vif0.0 has %v, want it blocked", have)
	}
}
