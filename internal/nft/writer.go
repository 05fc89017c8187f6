package nft

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/nftables"

	"vifd/internal/gather"
)

// Kernel is what it takes to keep a table: a Conn, or what a test puts in its place.
type Kernel interface {
	// Commit carries out all of a batch or nothing; ErrUnknown says that nobody knows which.
	Commit(b *Batch) error
	// Check asks whether Commit would, and changes nothing.
	Check(b *Batch) error
	// Chains lists a table's chains; a table that is not there has none.
	Chains(t *nftables.Table) ([]Chain, error)
	// Sets lists a table's named sets and maps; a table that is not there has none.
	Sets(t *nftables.Table) ([]Set, error)
	// Elements lists a set's elements; one that is not there has none.
	Elements(s *nftables.Set) ([]Element, error)
}

var _ Kernel = (*Conn)(nil)

// A Writer makes all changes of a table, or of tables that change together. Guests come and go by Submit: what is submitted while a
// transaction is under way is carried out together in the next one. Whoever changes more locks the Writer, then calls Commit.
type Writer[E any] struct {
	sync.Mutex // held through every transaction and everything that reads the kernel

	kernel Kernel
	try    func(group []*Request[E]) error
	repair func() error
	queue  gather.Queue[Request[E]]
	last   time.Time // when the last transaction was committed

	transactions, changes, repairs atomic.Uint64
}

// A Request says which elements a guest is to have.
type Request[E any] struct {
	Iface string // the guest's interface
	Owner int    // its ifindex: a name may come to be another device's
	Want  []E    // nil: everything of Iface is taken out
	Wrote bool   // there was something to change

	err error
}

// Stats counts since the Writer was made.
type Stats struct {
	Transactions uint64 // committed, the installations of programs among them
	Changes      uint64 // requests that they carried out
	Repairs      uint64 // times that the kernel held something else than was put there
}

// A request that comes so soon after the last transaction is one of many: it waits a little for the others, so that a
// thousand vifs at once do not cost the kernel a thousand transactions. One that comes alone does not wait.
const (
	stormGap  = 4 * time.Millisecond
	gathering = 2 * time.Millisecond
)

// NewWriter makes a Writer of two functions, which it calls with itself locked. Try commits a group in one transaction and sets Wrote of
// each; where it fails, nothing is changed. Repair reads the kernel back and puts right whatever is not as it was left.
func NewWriter[E any](kernel Kernel, try func(group []*Request[E]) error, repair func() error) *Writer[E] {
	return &Writer[E]{kernel: kernel, try: try, repair: repair, queue: gather.Queue[Request[E]]{Gap: stormGap, Wait: gathering}}
}

// Submit has r carried out, together with what waits beside it; wrote tells whether there was anything to change. It blocks until r is
// in force, or the error says why not.
func (w *Writer[E]) Submit(r *Request[E]) (wrote bool, err error) {
	w.queue.Submit(&w.Mutex, r, w.carryOut)
	return r.Wrote && r.err == nil, r.err
}

// Waiting is the number of requests that nobody has taken up yet.
func (w *Writer[E]) Waiting() int { return w.queue.Waiting() }

// carryOut commits a group of requests in one transaction. Where that fails, each is tried alone, so that one bad guest
// does not keep the others out.
func (w *Writer[E]) carryOut(group []*Request[E]) {
	err := w.attempt(group)
	for _, r := range group {
		if err != nil && len(group) > 1 {
			r.err = w.attempt([]*Request[E]{r})
		} else {
			r.err = err
		}
	}
}

// attempt commits a group; what the kernel turns out to hold differently is put right first.
func (w *Writer[E]) attempt(group []*Request[E]) error {
	err := w.try(group)
	if err != nil && Drifted(err) {
		w.repairs.Add(1)
		if err = w.repair(); err == nil {
			err = w.try(group)
		}
	}
	if err == nil {
		w.changes.Add(uint64(len(group)))
	}
	return err
}

// Commit carries b out. The Writer must be locked.
func (w *Writer[E]) Commit(b *Batch) error {
	if b.Len() == 0 {
		return nil
	}
	err := w.kernel.Commit(b)
	w.last = time.Now()
	if err == nil {
		w.transactions.Add(1)
	}
	return err
}

// settled is how long after a transaction no packet is still on its way that began before it.
const settled = 20 * time.Millisecond

// Settle waits before rules are rewritten. The kernel has room for two generations of a chain. A packet that has been on its
// way since before the last transaction would read the new rules from the place of the old ones, while the sets that come with
// them are not yet there for it: an honest packet could be dropped, and what it missed its whole connection would lack
// (nf_tables_commit_chain, net/netfilter/nf_tables_api.c). With transactions on each other's heels, and interval sets, that was seen once
// in some thirty rewritings under load. The Writer must be locked.
func (w *Writer[E]) Settle() {
	if wait := settled - time.Since(w.last); wait > 0 {
		time.Sleep(wait)
	}
}

// Stats may be called at any time. The counts are each exact, but not all of the same moment.
func (w *Writer[E]) Stats() Stats {
	return Stats{Transactions: w.transactions.Load(), Changes: w.changes.Load(), Repairs: w.repairs.Load()}
}
