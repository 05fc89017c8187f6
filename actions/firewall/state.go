package firewall

import (
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"vifd/internal/stmt"
)

// stateSet is a set that packets fill, declared by the statements that name it.
type stateSet struct {
	name    string
	key     nftables.SetDatatype
	typeof  string        // the key as the statements name it
	timeout time.Duration // 0: elements stay
	each    string        // what is kept for each key
}

// stateSetSize bounds what guests can make the kernel remember; nft's default.
const stateSetSize = 65535

func (s *stateSet) encode(l *layout) *nftables.Set {
	set := &nftables.Set{
		Table: l.table, Name: s.name, KeyType: s.key, Dynamic: true, Size: stateSetSize,
		HasTimeout: s.timeout > 0, Timeout: s.timeout, Concatenation: len(nftables.ConcatSetTypeElements(s.key)) > 1,
	}
	if s.key.Name == nftables.TypeIFName.Name {
		set.KeyByteOrder = binaryutil.NativeEndian // or nft lists every name as ""
	}
	return set
}

// stateSets are the sets that the statements of one family declare, by name.
type stateSets map[string]*stateSet

// declare returns the set of that name, and makes it where no statement has yet. The longest timeout holds. What a set keeps, and of
// what, is the same for all statements that fill it: an element goes by what the first of them has put there.
func (s stateSets) declare(want *stateSet) (*stateSet, error) {
	have, ok := s[want.name]
	switch {
	case !ok:
		s[want.name] = want
		return want, nil
	case have.typeof != want.typeof || have.each != want.each:
		return nil, fmt.Errorf("the set has another key or content in a statement before, { %s %s }: name one of the two otherwise", have.typeof, have.each)
	}
	have.timeout = max(have.timeout, want.timeout)
	return have, nil
}

// update declares the set that a statement keeps its state in.
func (b *builder) update(u *stmt.Update) (never bool, err error) {
	for _, f := range u.Key {
		if f != nil && !sees(b.family, b.dir, f) {
			return true, nil
		}
	}
	for _, f := range u.Key {
		if f != nil {
			b.needs([]*stmt.Field{f})
		}
	}
	var each part
	switch it := u.Each.(type) {
	case stmt.Limit:
		each, err = b.limit(it)
	case stmt.CtCount:
		if b.family == ARP {
			return true, nil
		}
		b.askCount()
		each, err = b.connections(it)
	default:
		each = counter{}
	}
	if err != nil {
		return false, err
	}
	key, err := keyType(u.Key)
	if err != nil {
		return false, err
	}
	timeout := stateTimeout(each)
	if u.Timeout > 0 {
		timeout = max(timeout, u.Timeout)
	}
	set, err := b.sets.declare(&stateSet{name: "state/" + b.scope + "/" + u.Set, key: key, typeof: keyText(fromGuest, u.Key), timeout: timeout, each: each.text()})
	if err != nil {
		return false, fmt.Errorf("@%s: %w", u.Set, err)
	}
	b.parts = append(b.parts, &update{dir: b.dir, set: set, add: u.Add, key: u.Key, own: u.Timeout, each: each})
	return false, nil
}

// minStateTimeout keeps a set from forgetting a key between two packets of a slow talker.
const minStateTimeout = time.Minute

// stateTimeout is how long a part's state says anything after the last packet; 0: for ever.
func stateTimeout(each part) time.Duration {
	if l, ok := each.(limit); ok {
		return max(minStateTimeout, l.Rate.Refill().Round(time.Second)+time.Second)
	}
	return 0
}
