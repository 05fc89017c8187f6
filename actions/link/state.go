package link

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vifd/internal/rtnl"
)

// State is what Undo needs to know: what was there, and what has been set instead.
type State struct {
	Ifindex   int    `json:"ifindex"`
	Interface string `json:"interface"`
	// Values by what they are of: mtu, txqueuelen, group, alias, offload.NAME with the kernel's name, sysctl.NAME with Link's.
	Values map[string]Changed `json:"values,omitempty"`
}

// Changed is one value, in the words of the command that sets it.
type Changed struct {
	Was  string  `json:"was"`            // before vifd
	Set  string  `json:"set"`            // what vifd sets, or is about to
	Prev *string `json:"prev,omitempty"` // what vifd had set before; a kill may leave it there
	// Shown is what the kernel makes of a setting that is Set, which may be something else: it rounds times to its ticks. nil: it has not been
	// looked at since.
	Shown *string `json:"shown,omitempty"`
}

// Keys of State.Values, and prefixes of some.
const (
	keyMTU     = "mtu"
	keyTxQLen  = "txqueuelen"
	keyGroup   = "group"
	keyAlias   = "alias"
	keyOffload = "offload."
	keySysctl  = "sysctl."
)

// values are what is, or is to be, by the keys of State.Values.
type values map[string]string

func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

// ordered lists keys, each once, in the order in which they are set.
func ordered(lists ...[]string) []string {
	rank := func(key string) int {
		return slices.IndexFunc([]string{keyMTU, keyTxQLen, keyGroup, keyAlias, keyOffload, keySysctl}, func(k string) bool { return strings.HasPrefix(key, k) })
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// same compares two values of a key. The kernel writes a number in a setting in its own way.
func same(key, a, b string) bool {
	if a == b || !strings.HasPrefix(key, keySysctl) {
		return a == b
	}
	x, errA := strconv.ParseInt(a, 0, 64)
	y, errB := strconv.ParseInt(b, 0, 64)
	if errA == nil && errB == nil {
		return x == y
	}
	return slices.Equal(strings.Fields(a), strings.Fields(b))
}

// ours reports whether a value is one that vifd has set, and not what was there anyway. Of a setting that nobody has looked at since it can be any.
func (c Changed) ours(key, now string) bool {
	if same(key, now, c.Was) {
		return false
	}
	unseen := strings.HasPrefix(key, keySysctl) && c.Shown == nil
	return unseen || c.is(key, c.Set, now) || c.Prev != nil && same(key, now, *c.Prev)
}

// is reports whether a value is what comes of setting it to target.
func (c Changed) is(key, target, now string) bool {
	return same(key, now, target) || c.Set == target && c.Shown != nil && *c.Shown == now
}

// remember makes the State for what is wanted, where have is what is there. What old remembers, and what is not wanted any more, stays.
func remember(want Link, wanted, have values, old State) State {
	s := State{Ifindex: want.Ifindex, Interface: want.Interface, Values: maps.Clone(old.Values)}
	if s.Values == nil {
		s.Values = make(map[string]Changed)
	}
	for key, set := range wanted {
		c, known := s.Values[key]
		switch {
		case !known:
			c = Changed{Was: have[key], Set: set}
		case c.Set != set:
			prev := c.Set
			c = Changed{Was: c.Was, Set: set, Prev: &prev}
		}
		s.Values[key] = c
	}
	return s
}

// settled is the State once all that is wanted has been set and the rest been given back.
func settled(s State, wanted, have values) State {
	left := make(map[string]Changed)
	for key := range wanted {
		if c, ok := s.Values[key]; ok {
			c.Prev = nil
			if now := have[key]; strings.HasPrefix(key, keySysctl) {
				c.Shown = &now
			}
			left[key] = c
		}
	}
	s.Values = left
	return s
}

// values says what a Link wants. Offloads are told by the features that the device has.
func (l Link) values(features map[string]rtnl.Feature) (values, error) {
	v := make(values)
	if l.MTU != 0 {
		v[keyMTU] = strconv.Itoa(l.MTU)
	}
	if l.TxQueueLen != nil {
		v[keyTxQLen] = strconv.FormatUint(uint64(*l.TxQueueLen), 10)
	}
	if l.Group != nil {
		v[keyGroup] = strconv.FormatUint(uint64(*l.Group), 10)
	}
	if l.Alias != nil {
		v[keyAlias] = *l.Alias
	}
	for _, name := range slices.Sorted(maps.Keys(l.Offload)) {
		on := l.Offload[name]
		list, err := resolve(name, on, features)
		if err != nil {
			return nil, err
		}
		for _, feature := range list {
			v[keyOffload+feature] = onOff(on)
		}
	}
	for key, value := range l.Sysctl {
		if _, err := SettingName(l.Interface, key); err != nil {
			return nil, err
		}
		v[keySysctl+key] = value
	}
	return v, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
