package sample

import (
	"strings"

	"vifd/internal/frame"
	"vifd/internal/stmt"
)

// mobility is the header that the kernel takes for what IPv6 carries.
const mobility = 135

// extensions are the extension headers, in the order that RFC 8200, 4.1 recommends.
var extensions = []uint8{frame.ProtoHopByHop, frame.ProtoRouting, frame.ProtoFragment, frame.ProtoDestination}

func isExtension(number uint8) bool { return containsByte(extensions, number) }

// fixed is the IPv6 header itself, which names the first header that follows.
const fixed = -1

// follower is what a word says of the header behind another.
type follower struct {
	of   int // an extension header's number, or fixed
	next uint8
	by   *word
}

// headers settles which extension headers there are, and in which order.
func (s *shape) headers(words []word) *stmt.Error {
	wanted := make(map[uint8]*word)
	var absent []*word
	var followers []follower
	for i := range words {
		w := &words[i]
		of := fixed
		switch {
		case w.field.Base == stmt.ExthdrPresent && w.value[0] == 0:
			absent = append(absent, w)
			continue
		case w.field.Base == stmt.ExthdrPresent, w.field.Base == stmt.Exthdr:
			if w.field.Header == mobility {
				if err := s.transport.say(theProtocol, mobility, w); err != nil {
					return err
				}
				continue
			}
			of = int(w.field.Header)
			if wanted[w.field.Header] == nil {
				wanted[w.field.Header] = w
			}
		}
		if w.field.Name != "ip6 nexthdr" && (w.field.Base != stmt.Exthdr || !strings.HasSuffix(w.field.Name, " nexthdr")) {
			continue
		}
		if of == frame.ProtoFragment && s.later != nil {
			if err := s.transport.say(theProtocol, w.number(), w); err != nil { // what the first fragment has behind its header
				return err
			}
			continue
		}
		f := follower{of: of, next: w.value[0], by: w}
		followers = append(followers, f)
		if isExtension(f.next) {
			if wanted[f.next] == nil {
				wanted[f.next] = w
			}
		} else if err := s.transport.say(theProtocol, uint64(f.next), w); err != nil {
			return err
		}
	}
	for _, w := range absent {
		by := wanted[w.field.Header]
		if t := s.transport; w.field.Header == mobility && t.by != nil && t.value == mobility {
			by = t.by
		}
		if by != nil {
			return w.errorf("", "%s and %s missing cannot be of one packet", by.field.Name, w.field.Name)
		}
		s.banned[w.field.Header] = true
	}
	return s.order(wanted, followers)
}

// order finds an order of the headers in which all followers are right, the usual one if it is one.
func (s *shape) order(wanted map[uint8]*word, followers []follower) *stmt.Error {
	var list []uint8
	for _, number := range extensions {
		if wanted[number] != nil {
			list = append(list, number)
		}
	}
	lastFragment := s.later != nil && wanted[frame.ProtoFragment] != nil
	var wrong *word
	found := permute(list, func(chain []uint8) bool {
		if lastFragment && chain[len(chain)-1] != frame.ProtoFragment {
			return false // the walk ends there
		}
		for _, f := range followers {
			if !f.right(chain) {
				if wrong == nil {
					wrong = f.by
				}
				return false
			}
		}
		s.chain = append([]uint8(nil), chain...)
		return true
	})
	if found {
		return nil
	}
	if wrong == nil {
		wrong = s.later
	}
	return wrong.errorf("", "%s cannot be so together with the other headers of the packet", wrong.field.Name)
}

func (f follower) right(chain []uint8) bool {
	at := 0
	if f.of != fixed {
		for at < len(chain) && int(chain[at]) != f.of {
			at++
		}
		at++
	}
	if at >= len(chain) {
		return !isExtension(f.next)
	}
	return chain[at] == f.next
}

// permute calls try with the orders of list, list itself first, until it is content.
func permute(list []uint8, try func([]uint8) bool) bool {
	var from func(done, rest []uint8) bool
	from = func(done, rest []uint8) bool {
		if len(rest) == 0 {
			return try(done)
		}
		for i, x := range rest {
			others := append(append([]uint8(nil), rest[:i]...), rest[i+1:]...)
			if from(append(done[:len(done):len(done)], x), others) {
				return true
			}
		}
		return false
	}
	return from(nil, list)
}
