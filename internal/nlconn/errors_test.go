package nlconn

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn/fakekernel"
)

// TestVerdict checks the kernel's words behind an error, with the request echoed and without.
func TestVerdict(t *testing.T) {
	t.Parallel()
	words := nl.NewRtAttr(nl.NLMSGERR_ATTR_MSG, nl.ZeroTerminated("mtu greater than device maximum")).Serialize()
	code := binary.NativeEndian.AppendUint32(nil, uint32(0xffffffff-uint32(unix.EINVAL)+1))
	request := fakekernel.Message(unix.RTM_SETLINK, 0, 1, make([]byte, 20))
	const plain, worded = "op: invalid argument", "op: invalid argument: mtu greater than device maximum"
	tests := map[string]struct {
		m    Message
		want string
	}{
		"success":            {Message{Type: unix.NLMSG_ERROR, Payload: make([]byte, 20)}, ""},
		"end of a dump":      {Message{Type: unix.NLMSG_DONE, Payload: make([]byte, 4)}, ""},
		"end of an old dump": {Message{Type: unix.NLMSG_DONE}, ""},
		"no words":           {Message{Type: unix.NLMSG_ERROR, Payload: slices.Concat(code, request)}, plain},
		"words after echo":   {Message{Type: unix.NLMSG_ERROR, Flags: unix.NLM_F_ACK_TLVS, Payload: slices.Concat(code, request, words)}, worded},
		"words": {Message{
			Type: unix.NLMSG_ERROR, Flags: unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED, Payload: slices.Concat(code, request[:unix.SizeofNlMsghdr], words),
		}, worded},
		"words after a dump": {Message{Type: unix.NLMSG_DONE, Flags: unix.NLM_F_ACK_TLVS, Payload: slices.Concat(code, words)}, worded},
		"echo too long": {Message{
			Type: unix.NLMSG_ERROR, Flags: unix.NLM_F_ACK_TLVS, Payload: slices.Concat(code, []byte{0xff, 0xff, 0xff, 0xff}, request[4:], words),
		}, plain},
		"empty": {Message{Type: unix.NLMSG_ERROR}, "op: " + ErrMalformed.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := Describe(verdict(tt.m), func() string { return "op" }); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
