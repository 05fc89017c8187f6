package nft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
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
	conn  nftables.Conn // collects messages; it is never connected to anything
	parts []part
	setID uint32
	err   error
}

// part is one message of a batch.
type part struct {
	what   string
	rule   string // of a rule: its text
	family nftables.TableFamily
	// hostOrder says that a set's keys are numbers in the host's byte order, or text. nft wants to be told to list them, and
	// the library says the contrary of every anonymous set.
	hostOrder bool
	message   // without data while it is the library's and has not been fetched from there
}

// NewBatch returns an empty batch.
func NewBatch() *Batch { return &Batch{} }

// Len is the number of messages in the batch.
func (b *Batch) Len() int { return len(b.parts) }

// note says what a message of the library's is about.
func (b *Batch) note(what string, err error) { b.add(part{what: what}, err) }

func (b *Batch) add(p part, err error) {
	b.parts = append(b.parts, p)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("nft: encode %s: %w", p.what, err)
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

// AddRule appends a rule to its chain; what says which statement it is, text is the rule in nft's syntax.
func (b *Batch) AddRule(r *nftables.Rule, what, text string) {
	b.conn.AddRule(r)
	b.add(part{what: what, rule: text, family: r.Table.Family}, nil)
}

// Prepend puts all of first, which is of no use afterwards, before what b has.
func (b *Batch) Prepend(first *Batch) {
	if err := first.complete(); err != nil {
		b.Fail(err)
	}
	b.Fail(first.err)
	b.parts = append(first.parts, b.parts...)
}

// AddSet adds a named set or map without elements, unless it is there.
func (b *Batch) AddSet(s *nftables.Set) {
	b.setID++
	s.ID = b.setID
	b.note("add set "+s.Name, b.conn.AddSet(s, nil))
}

// DelSet deletes a named set or map that no rule refers to, with its elements.
func (b *Batch) DelSet(s *nftables.Set) {
	b.conn.DelSet(s)
	b.note("delete set "+s.Name, nil)
}

// FlushSet deletes all elements of a named set or map.
func (b *Batch) FlushSet(s *nftables.Set) {
	b.conn.FlushSet(s)
	b.note("flush set "+s.Name, nil)
}

// Fail keeps an error that its caller came upon while it made something for the batch.
func (b *Batch) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
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
	b.add(part{what: what, hostOrder: s.KeyByteOrder == binaryutil.NativeEndian}, err) // the set
	b.note(what, nil)                                                                  // its elements
}

// AddElements adds elements to a named set; one that is there already with the same verdict is no error.
func (b *Batch) AddElements(s *nftables.Set, elems []nftables.SetElement, what string) {
	b.elements(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, s, elems, "add "+what)
}

// DelElements deletes elements of a named set; one that is not there fails the batch with ENOENT.
func (b *Batch) DelElements(s *nftables.Set, elems []nftables.SetElement, what string) {
	b.elements(unix.NFT_MSG_DELSETELEM, 0, s, elems, "delete "+what)
}

func (b *Batch) elements(kind, flags uint16, s *nftables.Set, elems []nftables.SetElement, what string) {
	for some := range chunks(elems) {
		data, err := elementMessage(s, some)
		b.add(part{what: what, message: message{kind: unix.NFNL_SUBSYS_NFTABLES<<8 | kind, flags: unix.NLM_F_REQUEST | flags, data: data}}, err)
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
	if b.err == nil {
		b.err = b.complete()
	}
	if b.err != nil {
		return nil, b.err
	}
	const bound = unix.SizeofNlMsghdr + sizeofNfgenmsg
	size := 2 * bound
	for i := range b.parts {
		size += align(unix.SizeofNlMsghdr + len(b.parts[i].data))
	}
	buf := make([]byte, 0, size)
	buf = appendMessage(buf, seq, &message{kind: unix.NFNL_MSG_BATCH_BEGIN, flags: unix.NLM_F_REQUEST, data: boundary[:]})
	for i := range b.parts {
		m := b.parts[i].message
		if i == len(b.parts)-1 {
			m.flags |= unix.NLM_F_ACK // of the last part alone: one answer says that all is in force
		}
		buf = appendMessage(buf, seq+1+uint32(i), &m)
	}
	if end {
		last := seq + 1 + uint32(len(b.parts))
		buf = appendMessage(buf, last, &message{kind: unix.NFNL_MSG_BATCH_END, flags: unix.NLM_F_REQUEST, data: boundary[:]})
	}
	return buf, nil
}

// boundary is the struct nfgenmsg of a batch's begin and end; its resource is the subsystem, in network byte order.
var boundary = [sizeofNfgenmsg]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}

// complete fetches the messages that the library has made.
func (b *Batch) complete() error {
	open := func(p part) bool { return p.data == nil }
	if !slices.ContainsFunc(b.parts, open) {
		return nil
	}
	// The library hands the finished messages to a function made for its tests; EPERM is the one answer that makes its
	// Flush return at once.
	var msgs []netlink.Message
	b.conn.TestDial = func(req []netlink.Message) ([]netlink.Message, error) {
		if req != nil {
			msgs = req
		}
		return nil, unix.EPERM
	}
	if err := b.conn.Flush(); !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("nft: encode batch: %w", err)
	}
	msgs = msgs[1 : len(msgs)-1] // but for its begin and end
	for i := range b.parts {
		if !open(b.parts[i]) {
			continue
		}
		if len(msgs) == 0 {
			return errMessages
		}
		flags := msgs[0].Header.Flags &^ (netlink.Acknowledge | netlink.Echo)
		b.parts[i].message = message{kind: uint16(msgs[0].Header.Type), flags: uint16(flags), data: msgs[0].Data}
		if b.parts[i].hostOrder {
			sayHostOrder(b.parts[i].data)
		}
		msgs = msgs[1:]
	}
	// Errors are laid at the door of a message by its number: should the library ever send one more than was noted, every
	// name would be wrong.
	if len(msgs) > 0 {
		return errMessages
	}
	return nil
}

var errMessages = errors.New("nft: encode batch: the library made another number of messages than was asked of it")

// sayHostOrder rewrites what a message about a new set tells nft of its keys: NFTNL_UDATA_SET_KEYBYTEORDER (libnftnl/udata.h),
// a byte of type, one of length, and 1 for the host's order.
func sayHostOrder(data []byte) {
	const keyByteOrder = 0
	if udata := attribute(data[sizeofNfgenmsg:], unix.NFTA_SET_USERDATA); len(udata) >= 6 && udata[0] == keyByteOrder {
		native.PutUint32(udata[2:], 1)
	}
}

func appendMessage(b []byte, seq uint32, m *message) []byte {
	b = native.AppendUint32(b, uint32(unix.SizeofNlMsghdr+len(m.data)))
	b = native.AppendUint16(b, m.kind)
	b = native.AppendUint16(b, m.flags)
	b = native.AppendUint32(b, seq)
	b = native.AppendUint32(b, 0) // to the kernel
	return pad(append(b, m.data...))
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
