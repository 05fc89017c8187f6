package stmt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is how much may pass in a time (nft(8), "LIMIT STATEMENT"), and how much at once after a pause.
type Rate struct {
	Amount uint64
	Per    time.Duration // a second, minute, hour, day or week
	Bytes  bool          // else packets
	Burst  uint64        // packets or bytes
}

// defaultBurst is nft's, in packets; of bytes it has none.
const defaultBurst = 5

var rateUnits = []struct {
	name string
	per  time.Duration
}{
	{"second", time.Second}, {"minute", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour}, {"week", 7 * 24 * time.Hour},
}

var byteUnits = []struct {
	name string
	size uint64
}{
	{"mbytes", 1 << 20}, {"kbytes", 1 << 10}, {"bytes", 1},
}

// ParseRate reads `10/second`, `10 mbytes/second`, both perhaps with `burst 20 packets` or `burst 1 mbytes`.
func ParseRate(text string) (Rate, error) {
	tokens, lexErr := lex(text)
	if lexErr != nil {
		return Rate{}, lexErr
	}
	p := parser{tokens: tokens, end: len(text) + 1}
	r, err := p.rate()
	if err != nil {
		return Rate{}, err
	}
	if t, more := p.peek(); more {
		return Rate{}, at(t, fmt.Sprintf("%q after a rate", t.text), "")
	}
	return r, nil
}

const rateForm = "expected a rate, as in 10/second or 10 mbytes/second"

func (p *parser) rate() (Rate, *Error) {
	t, ok := p.peek()
	if !ok {
		return Rate{}, &Error{Col: p.end, Len: 1, Msg: "limit rate needs a rate", Hint: rateForm}
	}
	p.next++
	amount, unit, together := strings.Cut(t.text, "/")
	r := Rate{}
	scale := uint64(1)
	if !together {
		u, ok := p.peek()
		word, per, cut := strings.Cut(u.text, "/")
		size, known := byteUnit(word)
		if !ok || !cut || !known {
			return r, at(t, fmt.Sprintf("%q is not a rate", t.text), rateForm)
		}
		p.next++
		r.Bytes, scale, unit = true, size, per
	}
	for _, u := range rateUnits {
		if u.name == unit {
			r.Per = u.per
		}
	}
	n, err := strconv.ParseUint(amount, 10, 40)
	switch {
	case r.Per == 0:
		return r, at(t, fmt.Sprintf("a rate is per second, minute, hour, day or week, not per %q", unit), "")
	case err != nil || n == 0 || octal(amount):
		return r, at(t, fmt.Sprintf("%q is not a rate", t.text), rateForm)
	}
	r.Amount = n * scale
	if !r.Bytes {
		r.Burst = defaultBurst
	}
	return p.burst(r)
}

// burst reads what may follow a rate.
func (p *parser) burst(r Rate) (Rate, *Error) {
	if t, ok := p.peek(); !ok || !t.is("burst") {
		return r, nil
	}
	p.next++
	t, _ := p.peek()
	n, err := strconv.ParseUint(t.text, 10, 32)
	if err != nil || n == 0 || octal(t.text) {
		return r, at(t, "burst needs a number", "as in burst 20 packets")
	}
	p.next++
	u, ok := p.peek()
	scale, isBytes := byteUnit(u.text)
	switch {
	case ok && r.Bytes && isBytes:
	case ok && !r.Bytes && u.is("packets"):
		scale = 1
	default:
		want := "packets"
		if r.Bytes {
			want = "bytes, kbytes or mbytes"
		}
		return r, at(u, "a burst of this rate is in "+want, "")
	}
	p.next++
	r.Burst = n * scale
	if r.Burst > math.MaxUint32 {
		return r, at(t, "the burst is too large", "at most 4095 mbytes")
	}
	return r, nil
}

func byteUnit(word string) (uint64, bool) {
	for _, u := range byteUnits {
		if u.name == word {
			return u.size, true
		}
	}
	return 0, false
}

func (r Rate) String() string {
	var per string
	for _, u := range rateUnits {
		if u.per == r.Per {
			per = u.name
		}
	}
	if !r.Bytes {
		s := fmt.Sprintf("%d/%s", r.Amount, per)
		if r.Burst != defaultBurst {
			s += fmt.Sprintf(" burst %d packets", r.Burst)
		}
		return s
	}
	s := printBytes(r.Amount) + "/" + per
	if r.Burst > 0 {
		s += " burst " + printBytes(r.Burst)
	}
	return s
}

func printBytes(n uint64) string {
	for _, u := range byteUnits {
		if n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return ""
}

// Refill is how long an empty bucket takes to be full again: after so long a pause its state says nothing any more.
func (r Rate) Refill() time.Duration {
	full := float64(max(r.Burst, 1)) / float64(r.Amount) * float64(r.Per)
	if r.Bytes {
		full = float64(r.Burst+r.Amount) / float64(r.Amount) * float64(r.Per)
	}
	return time.Duration(full)
}
