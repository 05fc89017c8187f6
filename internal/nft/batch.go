package nft

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxElements is how many set elements go into one message. All of a message's elements stand in one attribute, whose
// length is 16 bits wide: at 100 bytes for the longest element of ours, 500 of them stay below it, where the library
// would cut 700 without a word.
const maxElements = 500

// Batch is a transaction under construction. The methods that add to it never fail: the first error is kept and comes
// back from the Conn that is to commit it. Not safe for concurrent use, and good for one transaction.
type Batch struct {
	conn  *nftables.Conn
	what  []string // of every message, in order
	msgs  []netlink.Message
	setID uint32
	err   error
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	b := &Batch{}
	// The library hands the finished messages to a function made for its tests; EPERM is the one answer that makes its
	// Flush return at once.
	b.conn, b.err = nftables.New(nftables.WithTestDial(func(req []netlink.Message) ([]netlink.Message, error) {
		if req != nil {
			b.msgs = req
		}
		return nil, unix.EPERM
	}))
	return b
}

// Len is the number of messages in the batch.
func (b *Batch) Len() int { return len(b.what) }

func (b *Batch) note(what string, err error) {
	b.what = append(b.what, what)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("nft: encode %s: %w", what, err)
	}
}

// AddTable adds a table unless it is there.
func (b *Batch) AddTable(t *nftables.Table) {
	b.conn.AddTable(t)
	b.note("add table "+t.Name, nil)
}

// DelTable deletes a table and everything in it.
func (b *Batch) DelTable(t *nftables.Table) {
	b.conn.DelTable(t)
	b.note("delete table "+t.Name, nil)
}

// AddChain adds a chain unless it is there.
func (b *Batch) AddChain(c *nftables.Chain) {
	b.conn.AddChain(c)
	b.note("add chain "+c.Name, nil)
}

// FlushChain takes all rules out of a chain.
func (b *Batch) FlushChain(c *nftables.Chain) {
	b.conn.FlushChain(c)
	b.note("flush chain "+c.Name, nil)
}

// DelChain deletes a chain that nothing refers to.
func (b *Batch) DelChain(c *nftables.Chain) {
	b.conn.DelChain(c)
	b.note("delete chain "+c.Name, nil)
}

// AddRule appends a rule to its chain; what says which statement it is.
func (b *Batch) AddRule(r *nftables.Rule, what string) {
	b.conn.AddRule(r)
	b.note(what, nil)
}

// AddSet adds a named set or map without elements, unless it is there.
func (b *Batch) AddSet(s *nftables.Set) {
	b.setID++
	s.ID = b.setID
	b.note("add set "+s.Name, b.conn.AddSet(s, nil))
}

// AddAnonymousSet adds the set of a single rule, with its elements, and gives it the ID by which a lookup finds it. what
// says which statement it belongs to.
func (b *Batch) AddAnonymousSet(s *nftables.Set, elems []nftables.SetElement, what string) {
	b.setID++
	s.ID, s.Name, s.Anonymous, s.Constant = b.setID, "__set%d", true, true
	if len(elems) == 0 || len(elems) > maxElements {
		b.note(what, fmt.Errorf("a set of %d elements in one statement; at most %d fit", len(elems), maxElements))
		return
	}
	err := b.conn.AddSet(s, elems)
	b.note(what, err) // the set
	b.note(what, nil) // its elements
}

// AddElements adds elements to a named set; one that is there already with the same verdict is no error.
func (b *Batch) AddElements(s *nftables.Set, elems []nftables.SetElement, what string) {
	for part := range chunks(elems) {
		b.note("add "+what, b.conn.SetAddElements(s, part))
	}
}

// DelElements deletes elements of a named set; one that is not there fails the batch with ENOENT.
func (b *Batch) DelElements(s *nftables.Set, elems []nftables.SetElement, what string) {
	for part := range chunks(elems) {
		b.note("delete "+what, b.conn.SetDeleteElements(s, part))
	}
}

func chunks(elems []nftables.SetElement) func(yield func([]nftables.SetElement) bool) {
	return func(yield func([]nftables.SetElement) bool) {
		for len(elems) > 0 {
			n := min(len(elems), maxElements)
			if !yield(elems[:n]) {
				return
			}
			elems = elems[n:]
		}
	}
}

// encode writes the batch as the kernel reads it. The messages have the sequence numbers seq, seq+1 …, of which the first
// is the batch's begin; without end the kernel checks everything and then drops it.
func (b *Batch) encode(seq uint32, end bool) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if b.msgs == nil {
		if err := b.conn.Flush(); !errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("nft: encode batch: %w", err)
		}
	}
	// Errors are laid at the door of a message by its number: should the library ever send one more than was noted, every
	// name would be wrong.
	if len(b.msgs) != len(b.what)+2 {
		return nil, fmt.Errorf("nft: encode batch: the library made %d messages of %d", len(b.msgs)-2, len(b.what))
	}
	msgs := b.msgs
	if !end {
		msgs = msgs[:len(msgs)-1]
	}
	size := 0
	for i := range msgs {
		size += align(unix.SizeofNlMsghdr + len(msgs[i].Data))
	}
	buf := make([]byte, size)
	at := 0
	for i := range msgs {
		m := &msgs[i]
		n := unix.SizeofNlMsghdr + len(m.Data)
		flags := m.Header.Flags &^ (netlink.Acknowledge | netlink.Echo)
		if i == len(b.what) {
			flags |= netlink.Acknowledge // of the last part alone: one answer says that all is in force
		}
		native.PutUint32(buf[at:], uint32(n))
		native.PutUint16(buf[at+4:], uint16(m.Header.Type))
		native.PutUint16(buf[at+6:], uint16(flags))
		native.PutUint32(buf[at+8:], seq+uint32(i))
		copy(buf[at+unix.SizeofNlMsghdr:], m.Data)
		at += align(n)
	}
	return buf, nil
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
