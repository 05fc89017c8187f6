package stmt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// limit reads `limit rate [over] RATE`.
func (p *parser) limit() (Item, *Error) {
	l := Limit{Col: p.tokens[p.next].col}
	p.next++
	if t, ok := p.peek(); !ok || !t.is("rate") {
		return nil, at(t, "limit needs the word rate", "as in limit rate over 10/second")
	}
	p.next++
	if t, _ := p.peek(); t.is("over") {
		l.Over = true
		p.next++
	}
	if t, _ := p.peek(); strings.HasPrefix(t.text, "$") && !t.quoted {
		p.next++
		l.Param, l.Col, l.Len = t.text[1:], t.col, t.len()
		return l, nil
	}
	var err *Error
	l.Rate, err = p.rate()
	l.Len = p.reached() - l.Col
	return l, err
}

// ctCount reads `ct count [over] N`.
func (p *parser) ctCount() (Item, *Error) {
	c := CtCount{Col: p.tokens[p.next].col}
	p.next += 2
	if t, _ := p.peek(); t.is("over") {
		c.Over = true
		p.next++
	}
	t, _ := p.peek()
	if strings.HasPrefix(t.text, "$") && !t.quoted {
		p.next++
		c.Param, c.Col, c.Len = t.text[1:], t.col, t.len()
		return c, nil
	}
	n, err := strconv.ParseUint(t.text, 10, 32)
	if err != nil || octal(t.text) {
		return nil, at(t, "ct count needs a number", "as in ct count over 10")
	}
	p.next++
	c.Count, c.Len = uint32(n), p.reached()-c.Col
	return c, nil
}

// assignable are the fields that can be set.
var assignable = map[string]bool{"meta mark": true, "meta priority": true, "ct mark": true}

// assign reads `FIELD set VALUE`.
func (p *parser) assign(fs []*Field) (Item, *Error) {
	set := p.tokens[p.next]
	if len(fs) > 1 || !assignable[fs[0].Name] {
		return nil, at(set, fieldNames(fs)+" cannot be set", "mark, meta priority and ct mark can")
	}
	p.next++
	v, err := p.value(fs)
	switch {
	case err != nil:
		return nil, err
	case v.Set || v.Param == "" && !v.Tuples[0][0].Single():
		return nil, &Error{Col: v.Col, Len: v.Len, Msg: fs[0].Name + " is set to one value"}
	}
	return Assign{Field: fs[0], Value: v}, nil
}

// update reads `update @NAME { KEY [timeout TIME] LIMIT }`.
func (p *parser) update() (Item, *Error) {
	head := p.tokens[p.next]
	u := Update{Add: head.is("add"), Col: head.col}
	p.next++
	t, ok := p.peek()
	u.Set = strings.TrimPrefix(t.text, "@")
	if !ok || t.quoted || u.Set == t.text || !setName(u.Set) {
		return nil, at(t, head.text+" needs the name of a set", "lower-case letters, digits and dashes behind an @, as in @syn")
	}
	p.next++
	if t, ok = p.peek(); !ok || !t.is("{") {
		return nil, at(t, "expected {", "")
	}
	p.next++
	if err := p.updateKey(&u); err != nil {
		return nil, err
	}
	if t, _ = p.peek(); t.is("timeout") {
		p.next++
		t, _ = p.peek()
		d, err := parseTime(t.text)
		if err != nil {
			return nil, at(t, err.Error(), "as in 90s, 5m or 1h30m")
		}
		u.Timeout = d
		p.next++
	}
	t, _ = p.peek()
	item, err := p.item(t)
	if err != nil {
		return nil, err
	}
	switch item.(type) {
	case Limit, Counter, CtCount:
		u.Each = item
	default:
		return nil, at(t, fmt.Sprintf("%s keeps a limit, a counter or a ct count for each key", head.text), "")
	}
	if _, counts := item.(CtCount); counts && (!u.Add || u.Timeout != 0) {
		return nil, at(head, "connections are counted by add, without timeout", "as in add @conns { $interface ct count over 10 }")
	}
	if t, ok = p.peek(); !ok || !t.is("}") {
		return nil, at(t, "expected }", "")
	}
	p.next++
	u.Len = p.reached() - u.Col
	return u, nil
}

// updateKey reads the key: fields with dots between them, the guest's interface first if at all.
func (p *parser) updateKey(u *Update) *Error {
	if t, _ := p.peek(); t.is("$" + Interface) {
		p.next++
		u.Key = []*Field{nil}
		if t, _ := p.peek(); !t.is(".") {
			return nil
		}
		p.next++
	}
	fs, err := p.concat()
	if err != nil {
		return err
	}
	size := 0
	for _, f := range fs {
		if !f.joins() {
			return &Error{Col: u.Col, Len: 1, Msg: f.Name + " cannot stand in a key"}
		}
		size += (f.Size() + 3) &^ 3
	}
	if u.Key = append(u.Key, fs...); u.Key[0] == nil && size+IfnameSize > maxKey {
		return &Error{Col: u.Col, Len: 1, Msg: fmt.Sprintf("the key is too long: at most %d bytes fit", maxKey)}
	}
	return nil
}

func setName(name string) bool {
	ok := name != "" && len(name) <= 32
	for i := range len(name) {
		c := name[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0)
	}
	return ok
}

// parseTime reads a time as nft writes it: 1d2h3m4s.
func parseTime(text string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	var sum time.Duration
	n, digits := time.Duration(0), false
	for i := range len(text) {
		unit, known := units[text[i]]
		switch {
		case text[i] >= '0' && text[i] <= '9' && n < 1e6:
			n, digits = n*10+time.Duration(text[i]-'0'), true
		case known && digits:
			sum += n * unit
			n, digits = 0, false
		default:
			return 0, fmt.Errorf("%q is not a time", text)
		}
	}
	if digits || sum <= 0 || sum > 365*24*time.Hour {
		return 0, fmt.Errorf("%q is not a time", text)
	}
	return sum, nil
}

// reject reads what may follow the verdict reject: `with tcp reset`, `with icmpx admin-prohibited` …
func (p *parser) reject() (*Reject, *Error) {
	if t, ok := p.peek(); !ok || !t.is("with") {
		return nil, nil
	}
	p.next++
	kind, _ := p.peek()
	kinds := map[string]struct {
		kind  RejectKind
		codes []symbol
	}{"icmp": {RejectICMP, icmpCodes}, "icmpv6": {RejectICMPv6, icmpv6Codes}, "icmpx": {RejectICMPX, icmpxCodes}, "tcp": {RejectTCPReset, nil}}
	k, ok := kinds[kind.text]
	if !ok || kind.quoted {
		return nil, at(kind, "a reject is answered with tcp reset, or with icmp, icmpv6 or icmpx and a code", "")
	}
	p.next++
	if t, _ := p.peek(); t.is("type") && k.codes != nil {
		p.next++ // as older versions of nft write it
	}
	code, ok := p.peek()
	if k.codes == nil {
		if !ok || !code.is("reset") {
			return nil, at(code, "expected reset", "")
		}
		p.next++
		return &Reject{Kind: k.kind}, nil
	}
	names := make([]string, len(k.codes))
	for i, s := range k.codes {
		if names[i] = s.name; s.name == code.text && ok {
			p.next++
			return &Reject{Kind: k.kind, Code: uint8(s.value)}, nil
		}
	}
	return nil, at(code, fmt.Sprintf("reject with %s has no code %q", kind.text, code.text), suggestion(code.text, names))
}

func (r *Reject) String() string {
	if r == nil {
		return "reject"
	}
	name := func(codes []symbol) string {
		return (&Datatype{symbols: codes}).Print([]byte{r.Code})
	}
	switch r.Kind {
	case RejectICMP:
		return "reject with icmp " + name(icmpCodes)
	case RejectICMPv6:
		return "reject with icmpv6 " + name(icmpv6Codes)
	case RejectICMPX:
		return "reject with icmpx " + name(icmpxCodes)
	case RejectTCPReset:
		return "reject with tcp reset"
	}
	return ""
}
