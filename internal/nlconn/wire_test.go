package nlconn

import (
	"errors"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn/fakekernel"
)

func attribute(typ int, value []byte) []byte { return nl.NewRtAttr(typ, value).Serialize() }

func TestAttributes(t *testing.T) {
	t.Parallel()
	a := Attributes(slices.Concat(
		attribute(1, []byte{7}),
		attribute(2, nl.Uint32Attr(0x01020304)),
		attribute(3|int(nl.NLA_F_NESTED), nl.BEUint32Attr(0x01020304)),
		attribute(4|int(nl.NLA_F_NET_BYTEORDER), nl.BEUint16Attr(0x0102)),
		attribute(5, nl.ZeroTerminated("text")),
		attribute(6, []byte("tex")),
		[]byte{0, 0, 0}, // padding
	))
	var text []string
	for a.Next() {
		switch a.Type {
		case 1:
			if got := a.Uint8(); got != 7 {
				t.Errorf("Uint8 is %d", got)
			}
		case 2:
			if got := a.Uint32(); got != 0x01020304 {
				t.Errorf("Uint32 is %#x", got)
			}
		case 3:
			if got := a.NetUint32(); got != 0x01020304 {
				t.Errorf("NetUint32 is %#x", got)
			}
		case 4:
			if got := a.NetUint16(); got != 0x0102 {
				t.Errorf("NetUint16 is %#x", got)
			}
		default:
			text = append(text, string(a.Text()))
		}
	}
	must(t, a.Err)
	if !slices.Equal(text, []string{"text", "tex"}) {
		t.Errorf("text is %q", text)
	}
}

// TestShortAttributes: a number that is not all there ends the walk, as does a length that is not.
func TestShortAttributes(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(a *Attrs) bool{
		"Uint8":     func(a *Attrs) bool { a.Value = nil; return a.Uint8() == 0 },
		"Uint32":    func(a *Attrs) bool { return a.Uint32() == 0 },
		"NetUint16": func(a *Attrs) bool { a.Value = a.Value[:1]; return a.NetUint16() == 0 },
		"NetUint32": func(a *Attrs) bool { return a.NetUint32() == 0 },
	} {
		a := Attributes(slices.Concat(attribute(1, []byte{1, 2, 3}), attribute(2, nil)))
		if !a.Next() || !read(&a) || !errors.Is(a.Err, ErrMalformed) || a.Next() {
			t.Errorf("%s: got error %v of attribute %d, want %v of the first", name, a.Err, a.Type, ErrMalformed)
		}
	}
	for _, length := range []byte{0, 3, 9, 255} {
		b := attribute(1, []byte{1, 2, 3, 4})
		b[0] = length
		a := Attributes(b)
		if a.Next() || !errors.Is(a.Err, ErrMalformed) {
			t.Errorf("length %d of 8: got %v, want %v", length, a.Err, ErrMalformed)
		}
	}
}

// FuzzMessages gives the decoder any bytes: it may not panic or loop for ever.
func FuzzMessages(f *testing.F) {
	words := attribute(nl.NLMSGERR_ATTR_MSG, nl.ZeroTerminated("why not"))
	refusal := append(fakekernel.Refusal(unix.EINVAL), words...)
	f.Add(fakekernel.Message(unix.RTM_NEWLINK, 0, 1, words))
	f.Add(fakekernel.Message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS|unix.NLM_F_CAPPED, 1, refusal))
	f.Add(slices.Concat(fakekernel.Message(unix.RTM_NEWLINK, 0, 1, nil), done(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			m, next, err := NextMessage(rest)
			if err != nil {
				break
			}
			if len(next) >= len(rest) {
				t.Fatalf("%d bytes left of %d", len(next), len(rest))
			}
			_ = verdict(m)
			rest = next
		}
		a := Attributes(b)
		for left := len(b) + 1; a.Next(); left = len(a.rest) {
			if len(a.rest) >= left {
				t.Fatalf("%d bytes of attributes left of %d", len(a.rest), left)
			}
			_, _, _, _, _ = a.Uint8(), a.Uint32(), a.NetUint16(), a.NetUint32(), a.Text()
		}
	})
}
