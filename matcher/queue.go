package matcher

// span is a list of item numbers, in ascending order, as a part of index.lists. The zero span is an empty one.
type span struct{ from, to uint32 }

func (s span) empty() bool { return s.from == s.to }

// cursor is what is left of a span.
type cursor struct {
	id uint32 // its first item
	span
	check bool // an index has said that the items may hold, not that they do
}

// inline is how many lists a match may have under way without allocating.
const inline = 32

// queue merges lists of items into one in ascending order: a binary heap of cursors. An item that is in several lists comes once
// for each, in succession. The first cursors are in the queue itself, and so on the stack: a slice of them in a field would be
// taken for one that is kept.
type queue struct {
	lists []uint32
	n     int
	first [inline]cursor
	all   []cursor // the heap, once it has outgrown first
}

func (q *queue) heap() []cursor {
	if q.all != nil {
		return q.all
	}
	return q.first[:q.n]
}

// push adds a list.
func (q *queue) push(s span, check bool) {
	if s.empty() {
		return
	}
	if q.n == inline && q.all == nil {
		q.all = append(make([]cursor, 0, 4*inline), q.first[:]...)
	}
	c := cursor{id: q.lists[s.from], span: s, check: check}
	if q.all != nil {
		q.all = append(q.all, c)
	} else {
		q.first[q.n] = c
	}
	q.n++
	h := q.heap()
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].id <= c.id {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = c
}

// next adds a list and takes the lowest item of all; false means that there is none.
func (q *queue) next(s span, check bool) (id uint32, mayHold, ok bool) {
	if !s.empty() {
		// Mostly what has just held goes on before anything else.
		if id := q.lists[s.from]; q.n == 0 || id < q.heap()[0].id {
			q.push(span{s.from + 1, s.to}, check)
			return id, check, true
		}
		q.push(s, check)
	}
	if q.n == 0 {
		return 0, false, false
	}
	h := q.heap()
	c := h[0]
	id, mayHold = c.id, c.check
	if c.from++; c.from < c.to {
		c.id = q.lists[c.from]
	} else {
		q.n--
		c = h[q.n]
		h = h[:q.n]
		if q.all != nil {
			q.all = q.all[:q.n]
		}
	}
	if len(h) > 0 {
		sink(h, c)
	}
	return id, mayHold, true
}

// sink puts c into a heap whose top is free.
func sink(h []cursor, c cursor) {
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if right := down + 1; right < len(h) && h[right].id < h[down].id {
			down = right
		}
		if c.id <= h[down].id {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = c
}
