package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Ethtool reads and changes what a device does for the host, its features, by the netlink of ethtool (net/ethtool/features.c, Linux 5.6). It is
// safe for concurrent use; calls wait for each other.
//
// Not by ioctl, and so not with a library: an ioctl finds its device by name, which may have become another's, and says nothing of what
// it refuses.
type Ethtool struct {
	conn   *nlconn.Conn
	family uint16
}

// Feature is what a device does, or does not.
type Feature struct {
	Active bool
	Wanted bool // somebody has asked for it; it may be inactive for want of another that it needs
	Fixed  bool // the device does not let it be changed: ethtool(8) says [fixed]
}

// genl is struct genlmsghdr (linux/genetlink.h).
type genl struct{ command, version uint8 }

func (g genl) Len() int          { return unix.GENL_HDRLEN }
func (g genl) Serialize() []byte { return []byte{g.command, g.version, 0, 0} }

// DialEthtool opens an Ethtool in the network namespace of the calling thread. ErrUnsupported where the kernel has no netlink for it.
func DialEthtool() (*Ethtool, error) {
	conn, err := nlconn.Dial(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("open ethtool socket: %w", err)
	}
	e := &Ethtool{conn: conn}
	if err = conn.Control(prepare); err == nil {
		err = e.findFamily()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ethtool socket: %w", err), conn.Close())
	}
	return e, nil
}

// findFamily asks which number ethtool's messages have.
func (e *Ethtool) findFamily() error {
	req := nl.NewNetlinkRequest(unix.GENL_ID_CTRL, 0)
	req.AddData(genl{command: unix.CTRL_CMD_GETFAMILY, version: 1})
	req.AddData(nl.NewRtAttr(unix.CTRL_ATTR_FAMILY_NAME, nl.ZeroTerminated(unix.ETHTOOL_GENL_NAME)))
	err := e.conn.Exchange(req, func(m nlconn.Message) error {
		a, err := genlAttributes(m.Payload)
		if err != nil {
			return err
		}
		for a.Next() {
			if a.Type == unix.CTRL_ATTR_FAMILY_ID && len(a.Value) >= 2 {
				e.family = binary.NativeEndian.Uint16(a.Value)
			}
		}
		return a.Err
	})
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w by this kernel: it is older than 5.6, or without CONFIG_ETHTOOL_NETLINK", ErrUnsupported)
	}
	return err
}

// Close releases the socket, once the call under way has ended. Calls made after it fail with os.ErrClosed.
func (e *Ethtool) Close() error { return e.conn.Close() }

// Features reads all features of a device, by the kernel's names ("tx-checksum-ip-generic"). ErrNotFound when it has gone.
func (e *Ethtool) Features(index int) (map[string]Feature, error) {
	var features map[string]Feature
	req := e.request(unix.ETHTOOL_MSG_FEATURES_GET, 0, index)
	err := e.conn.Exchange(req, func(m nlconn.Message) (err error) {
		features, err = parseFeatures(m.Payload)
		return err
	})
	return features, nlconn.Describe(err, func() string { return fmt.Sprintf("read features of ifindex %d", index) })
}

// SetFeatures asks for features, all in one request. The kernel keeps to itself which of them it, or the device, does not grant.
func (e *Ethtool) SetFeatures(index int, want map[string]bool) error {
	req := e.request(unix.ETHTOOL_MSG_FEATURES_SET, unix.NLM_F_ACK, index)
	set := nl.NewRtAttr(unix.ETHTOOL_A_FEATURES_WANTED|int(nl.NLA_F_NESTED), nil)
	bits := set.AddRtAttr(unix.ETHTOOL_A_BITSET_BITS|int(nl.NLA_F_NESTED), nil)
	names := slices.Sorted(maps.Keys(want))
	for _, name := range names {
		bit := bits.AddRtAttr(unix.ETHTOOL_A_BITSET_BITS_BIT|int(nl.NLA_F_NESTED), nil)
		bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_NAME, nl.ZeroTerminated(name))
		if want[name] {
			bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_VALUE, nil)
		}
	}
	req.AddData(set)
	return nlconn.Describe(e.conn.Ack(req), func() string {
		return fmt.Sprintf("set features %s of ifindex %d", strings.Join(names, ", "), index)
	})
}

// request begins a message to a device.
func (e *Ethtool) request(command uint8, flags, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(int(e.family), flags)
	req.AddData(genl{command: command, version: unix.ETHTOOL_GENL_VERSION})
	header := nl.NewRtAttr(unix.ETHTOOL_A_FEATURES_HEADER|int(nl.NLA_F_NESTED), nil)
	header.AddRtAttr(unix.ETHTOOL_A_HEADER_DEV_INDEX, nl.Uint32Attr(uint32(index)))
	req.AddData(header)
	return req
}

func genlAttributes(b []byte) (nlconn.Attrs, error) {
	if len(b) < unix.GENL_HDRLEN {
		return nlconn.Attrs{}, fmt.Errorf("generic netlink message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	return nlconn.Attributes(b[unix.GENL_HDRLEN:]), nil
}

// parseFeatures reads ETHTOOL_MSG_FEATURES_GET_REPLY: four sets of bits.
func parseFeatures(b []byte) (map[string]Feature, error) {
	a, err := genlAttributes(b)
	if err != nil {
		return nil, err
	}
	features := make(map[string]Feature)
	for a.Next() {
		var set func(f *Feature, on bool)
		switch a.Type {
		case unix.ETHTOOL_A_FEATURES_HW: // all there are, with those that can be changed
			set = func(f *Feature, on bool) { f.Fixed = f.Fixed || !on }
		case unix.ETHTOOL_A_FEATURES_NOCHANGE:
			set = func(f *Feature, on bool) { f.Fixed = f.Fixed || on }
		case unix.ETHTOOL_A_FEATURES_WANTED:
			set = func(f *Feature, on bool) { f.Wanted = on }
		case unix.ETHTOOL_A_FEATURES_ACTIVE:
			set = func(f *Feature, on bool) { f.Active = on }
		default:
			continue
		}
		a.Err = eachBit(a.Value, func(name string, on bool) {
			f := features[name]
			set(&f, on)
			features[name] = f
		})
	}
	if a.Err != nil {
		return nil, fmt.Errorf("features message: %w", a.Err)
	}
	return features, nil
}

// eachBit walks a set: the bits in its mask, with their values; or, of one without a mask, the bits that are set.
func eachBit(b []byte, each func(name string, on bool)) error {
	list := false
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case unix.ETHTOOL_A_BITSET_NOMASK: // comes first
			list = true
		case unix.ETHTOOL_A_BITSET_BITS:
			bits := nlconn.Attributes(a.Value)
			for bits.Next() {
				name, on := "", list
				bit := nlconn.Attributes(bits.Value)
				for bit.Next() {
					switch bit.Type {
					case unix.ETHTOOL_A_BITSET_BIT_NAME:
						name = string(bit.Text())
					case unix.ETHTOOL_A_BITSET_BIT_VALUE:
						on = true
					}
				}
				if bits.Err = bit.Err; bit.Err == nil && name != "" { // a number that is in use no more
					each(name, on)
				}
			}
			a.Err = bits.Err
		}
	}
	return a.Err
}
