package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Chain is a chain as the kernel has it, with the user data of its rules in order.
type Chain struct {
	Name  string
	Rules [][]byte // nil for a rule without user data
}

// Element is an element of a set or of a map.
type Element struct {
	Key     []byte
	Value   []byte // of a map, unless it is a verdict map
	Verdict int32  // of a verdict map: NF_ACCEPT, NFT_GOTO … (<linux/netfilter/nf_tables.h>)
	Chain   string // of NFT_GOTO and NFT_JUMP
	Packets uint64 // that the element's counter has counted, if it has one
	Bytes   uint64
}

// Set is a named set or map as the kernel has it.
type Set struct {
	Name    string
	KeyType uint32 // nft's number for it
	KeyLen  uint32 // bytes
	Timeout time.Duration
}

// errInterrupted says that the ruleset changed while it was being read.
var errInterrupted = errors.New("nft: the ruleset kept changing while it was being read")

// Chains returns the chains of a table with their rules; a table that is not there has none. It reads no other table:
// someone else's may be huge.
func (c *Conn) Chains(t *nftables.Table) ([]Chain, error) {
	var chains []Chain
	err := c.consistent(func() error {
		chains = nil
		index := make(map[string]int)
		err := c.dump(unix.NFT_MSG_GETCHAIN, t, nil, func(attrs []byte) {
			if cString(attribute(attrs, unix.NFTA_CHAIN_TABLE)) != t.Name {
				return
			}
			name := cString(attribute(attrs, unix.NFTA_CHAIN_NAME))
			index[name] = len(chains)
			chains = append(chains, Chain{Name: name})
		})
		if err != nil {
			return err
		}
		table := appendString(nil, unix.NFTA_RULE_TABLE, t.Name)
		return c.dump(unix.NFT_MSG_GETRULE, t, table, func(attrs []byte) {
			i, ok := index[cString(attribute(attrs, unix.NFTA_RULE_CHAIN))]
			if ok && cString(attribute(attrs, unix.NFTA_RULE_TABLE)) == t.Name {
				chains[i].Rules = append(chains[i].Rules, append([]byte(nil), attribute(attrs, unix.NFTA_RULE_USERDATA)...))
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("nft: list chains of table %s: %w", t.Name, err)
	}
	return chains, nil
}

// Sets returns the named sets and maps of a table; a table that is not there has none.
func (c *Conn) Sets(t *nftables.Table) ([]Set, error) {
	var sets []Set
	err := c.consistent(func() error {
		sets = nil
		query := appendString(nil, unix.NFTA_SET_TABLE, t.Name)
		return c.dump(unix.NFT_MSG_GETSET, t, query, func(attrs []byte) {
			number := func(kind uint16) uint32 {
				if b := attribute(attrs, kind); len(b) >= 4 {
					return binary.BigEndian.Uint32(b)
				}
				return 0
			}
			if number(unix.NFTA_SET_FLAGS)&unix.NFT_SET_ANONYMOUS != 0 {
				return
			}
			s := Set{Name: cString(attribute(attrs, unix.NFTA_SET_NAME)), KeyType: number(unix.NFTA_SET_KEY_TYPE), KeyLen: number(unix.NFTA_SET_KEY_LEN)}
			if b := attribute(attrs, unix.NFTA_SET_TIMEOUT); len(b) >= 8 {
				s.Timeout = time.Duration(binary.BigEndian.Uint64(b)) * time.Millisecond
			}
			sets = append(sets, s)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("nft: list sets of table %s: %w", t.Name, err)
	}
	return sets, nil
}

// Elements returns the elements of a set or map; one that is not there has none.
func (c *Conn) Elements(s *nftables.Set) ([]Element, error) {
	var elems []Element
	query := appendString(appendString(nil, unix.NFTA_SET_ELEM_LIST_TABLE, s.Table.Name), unix.NFTA_SET_ELEM_LIST_SET, s.Name)
	err := c.consistent(func() error {
		elems = nil
		return c.dump(unix.NFT_MSG_GETSETELEM, s.Table, query, func(attrs []byte) {
			for _, item := range attributes(attribute(attrs, unix.NFTA_SET_ELEM_LIST_ELEMENTS)) {
				elems = append(elems, parseElement(item))
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("nft: list elements of set %s: %w", s.Name, err)
	}
	return elems, nil
}

func parseElement(attrs []byte) Element {
	e := Element{Key: append([]byte(nil), attribute(attribute(attrs, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE)...)}
	data := attribute(attrs, unix.NFTA_SET_ELEM_DATA)
	e.Value = append([]byte(nil), attribute(data, unix.NFTA_DATA_VALUE)...)
	verdict := attribute(data, unix.NFTA_DATA_VERDICT)
	if code := attribute(verdict, unix.NFTA_VERDICT_CODE); len(code) >= 4 {
		e.Verdict = int32(binary.BigEndian.Uint32(code))
	}
	e.Chain = cString(attribute(verdict, unix.NFTA_VERDICT_CHAIN))
	e.Packets, e.Bytes = parseCounter(attribute(attrs, unix.NFTA_SET_ELEM_EXPR))
	return e
}

// parseCounter reads an element's stateful expression, if it is a counter.
func parseCounter(attrs []byte) (packets, bytes uint64) {
	if cString(attribute(attrs, unix.NFTA_EXPR_NAME)) != "counter" {
		return 0, 0
	}
	data := attribute(attrs, unix.NFTA_EXPR_DATA)
	number := func(kind uint16) uint64 {
		if b := attribute(data, kind); len(b) >= 8 {
			return binary.BigEndian.Uint64(b)
		}
		return 0
	}
	return number(unix.NFTA_COUNTER_PACKETS), number(unix.NFTA_COUNTER_BYTES)
}

// consistent repeats read until no change of the ruleset came between its parts. The kernel marks a dump whose parts are of
// different generations, but not one during whose last part a transaction was committed: the generation is asked for before
// and after as well.
func (c *Conn) consistent(read func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range dumpRetries {
		before, err := c.generation()
		if err != nil {
			return err
		}
		err = read()
		switch {
		case errors.Is(err, errInterrupted):
			continue
		case errors.Is(err, unix.ENOENT): // the table or set is not there
			return nil
		case err != nil:
			return err
		}
		if after, err := c.generation(); err != nil || after == before {
			return err
		}
	}
	return errInterrupted
}

// generation is the number of the ruleset's last change.
func (c *Conn) generation() (id uint32, err error) {
	err = c.request(unix.NFT_MSG_GETGEN, unix.NLM_F_ACK, unix.AF_UNSPEC, nil, func(attrs []byte) {
		if b := attribute(attrs, unix.NFTA_GEN_ID); len(b) >= 4 {
			id = binary.BigEndian.Uint32(b)
		}
	})
	return id, err
}

// dump asks for all objects of a kind and calls each with the attributes of every one.
func (c *Conn) dump(kind uint16, t *nftables.Table, attrs []byte, each func(attrs []byte)) error {
	return c.request(kind, unix.NLM_F_DUMP, byte(t.Family), attrs, each)
}

// request sends one request and reads its answer to the end: a dump's, or an acknowledgement.
func (c *Conn) request(kind, flags uint16, family byte, attrs []byte, each func(attrs []byte)) error {
	c.seq++
	const header = unix.SizeofNlMsghdr + sizeofNfgenmsg
	req := make([]byte, header, header+len(attrs))
	native.PutUint32(req, uint32(header+len(attrs)))
	native.PutUint16(req[4:], unix.NFNL_SUBSYS_NFTABLES<<8|kind)
	native.PutUint16(req[6:], unix.NLM_F_REQUEST|flags)
	native.PutUint32(req[8:], c.seq)
	req[unix.SizeofNlMsghdr] = family
	if err := unix.Sendto(c.fd, append(req, attrs...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	interrupted, wait := false, 0
	for {
		n, _, err := unix.Recvfrom(c.fd, c.reply, wait)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			// Something is missing: the rest is read to its end, which may be what is missing, then all of it again. The kernel
			// answers within sendmsg and recvmsg, so that an empty queue is the end.
			interrupted, wait = true, unix.MSG_DONTWAIT
			continue
		case errors.Is(err, unix.EAGAIN) && wait != 0:
			return errInterrupted
		case err != nil:
			return err
		}
		for m := range messages(c.reply[:n]) {
			if m.seq != c.seq {
				continue
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case m.kind == unix.NLMSG_ERROR, m.kind == unix.NLMSG_DONE:
				if len(m.data) >= 4 && native.Uint32(m.data) != 0 {
					return syscall.Errno(-int32(native.Uint32(m.data)))
				}
				if interrupted {
					return errInterrupted
				}
				return nil
			case len(m.data) > sizeofNfgenmsg:
				each(m.data[sizeofNfgenmsg:])
			}
		}
	}
}
