package takeover

import "slices"

// listed is what the kernel keeps in lists: those of one key in an order that matters.
type listed interface {
	key() string
	ident() string
}

// change is one thing to add behind the others of its key, or to take away.
type change[T listed] struct {
	item   T
	remove bool
}

// arrange says what makes have into what is wanted. Additions come before removals, so that whatever there is of a key there
// always is one; a second call, once that is done, says what there is to do for the order.
//
// What is not mine is not added, only kept in its place where it still is; nothing is taken away but what is stale.
func arrange[T listed](want, have []T, mine, stale func(T) bool) []change[T] {
	var missing, extra, turned []change[T]
	wanted := make(map[string]bool)
	byKey := make(map[string][]T) // of want, without what is gone for good
	var keys []string
	exists := make(map[string]bool)
	for _, h := range have {
		exists[h.ident()] = true
	}
	for _, w := range want {
		id := w.ident()
		switch {
		case wanted[id]:
			continue
		case !exists[id] && mine(w):
			missing = append(missing, change[T]{item: w})
		case !exists[id]:
			continue
		}
		wanted[id] = true
		if k := w.key(); byKey[k] == nil {
			keys = append(keys, k)
		}
		byKey[w.key()] = append(byKey[w.key()], w)
	}
	present := make(map[string][]T)
	for _, h := range have {
		switch {
		case wanted[h.ident()]:
			present[h.key()] = append(present[h.key()], h)
		case stale(h):
			extra = append(extra, change[T]{item: h, remove: true})
		}
	}
	if len(missing)+len(extra) > 0 {
		return append(missing, extra...)
	}
	for _, k := range keys {
		w, h := byKey[k], present[k]
		n := 0
		for n < len(w) && n < len(h) && w[n].ident() == h[n].ident() {
			n++
		}
		for _, item := range w[n:] {
			turned = append(turned, change[T]{item: item, remove: true}, change[T]{item: item})
		}
	}
	return turned
}

// byNeed sorts additions so that what others lean on comes first: a gateway must be within reach of a route that is there. What
// turns a list has its own order, and begins with a removal.
func byNeed(changes []change[route]) {
	if len(changes) == 0 || changes[0].remove {
		return
	}
	slices.SortStableFunc(changes, func(a, b change[route]) int { return rank(a) - rank(b) })
}

func rank(c change[route]) int {
	switch {
	case c.remove:
		return 2
	case slices.ContainsFunc(c.item.hops, func(h hop) bool { return len(h.attrs) > 0 }):
		return 1
	}
	return 0
}
