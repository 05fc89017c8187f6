package takeover

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// rtaNHID is RTA_NH_ID (linux/rtnetlink.h).
const rtaNHID = 30

// hopFlags are what of a next hop's flags is set by people; the others tell of its state, and the kernel refuses some of them.
const hopFlags = unix.RTNH_F_ONLINK | unix.RTNH_F_PERVASIVE

// hop is one next hop (struct rtnexthop).
type hop struct {
	link   int
	flags  byte
	weight byte // less one
	attrs  []attr
}

// route is RTM_NEWROUTE, with what is said of its next hops in one form, whichever of two the kernel took.
type route struct {
	object // of the fixed part no flags; of the attributes those that are not a next hop's
	hops   []hop

	expires uint32 // seconds; 0: never
}

// parseRoutes takes a message apart. An IPv6 route with several next hops is as many routes that the kernel prints as one:
// they come, go and are told apart one by one.
func parseRoutes(b []byte) ([]route, error) {
	o, err := parseObject(b, routeHeader)
	if err != nil {
		return nil, err
	}
	r := route{}
	single := hop{flags: o.header[8] & hopFlags}
	for _, a := range o.attrs {
		switch a.kind() {
		case unix.RTA_OIF:
			single.link = int(o.uint32(unix.RTA_OIF, 0))
		case unix.RTA_GATEWAY, unix.RTA_VIA, unix.RTA_ENCAP, unix.RTA_ENCAP_TYPE, unix.RTA_FLOW:
			single.attrs = append(single.attrs, a)
		case unix.RTA_MULTIPATH:
			if r.hops, err = parseHops(a.value); err != nil {
				return nil, err
			}
		case unix.RTA_CACHEINFO: // struct rta_cacheinfo; in ticks of a hundredth
			if len(a.value) >= 12 {
				r.expires = uint32(max(int32(binary.NativeEndian.Uint32(a.value[8:])), 0)) / 100
			}
		case unix.RTA_EXPIRES: // as message has it
			r.expires = o.uint32(unix.RTA_EXPIRES, 0)
		default:
			r.attrs = append(r.attrs, a)
		}
	}
	r.header = o.withHeader(func(h []byte) { clear(h[8:12]) }).header
	if len(r.hops) == 0 {
		r.hops = []hop{single}
	}
	if r.family() != unix.AF_INET6 {
		return []route{r}, nil
	}
	var each []route
	for _, h := range r.hops {
		one := r
		one.hops = []hop{h}
		each = append(each, one)
	}
	return each, nil
}

func parseHops(b []byte) ([]hop, error) {
	var hops []hop
	for len(b) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			return nil, fmt.Errorf("next hop of %d bytes: %w", size, nlconn.ErrMalformed)
		}
		attrs, err := parseAttrs(b[unix.SizeofRtNexthop:size])
		if err != nil {
			return nil, err
		}
		hops = append(hops, hop{flags: b[2] & hopFlags, weight: b[3], link: int(binary.NativeEndian.Uint32(b[4:])), attrs: attrs})
		b = b[min(align(size), len(b)):]
	}
	return hops, nil
}

// message is the route as a request takes it. A weight can only be said in a list, were it of one.
func (r route) message() []byte {
	o := r.object
	if len(r.hops) == 1 && r.hops[0].weight == 0 {
		h := r.hops[0]
		o = o.withHeader(func(b []byte) { b[8] = h.flags })
		if h.link != 0 {
			o = o.with(unix.RTA_OIF, u32(uint32(h.link)))
		}
		o.attrs = append(slices.Clone(o.attrs), h.attrs...)
	} else {
		o = o.with(unix.RTA_MULTIPATH, appendHops(nil, r.hops))
	}
	if r.expires != 0 {
		o = o.with(unix.RTA_EXPIRES, u32(r.expires))
	}
	return o.bytes()
}

func appendHops(b []byte, hops []hop) []byte {
	for _, h := range hops {
		attrs := appendAttrs(nil, h.attrs)
		b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtNexthop+len(attrs)))
		b = append(b, h.flags, h.weight)
		b = binary.NativeEndian.AppendUint32(b, uint32(h.link))
		b = append(b, attrs...)
	}
	return b
}

func (r route) family() byte  { return r.header[0] }
func (r route) table() uint32 { return r.uint32(unix.RTA_TABLE, uint32(r.header[4])) }
func (r route) proto() byte   { return r.header[5] }

// uses reports whether one of the next hops is behind a link.
func (r route) uses(link int) bool {
	return slices.ContainsFunc(r.hops, func(h hop) bool { return h.link == link })
}

// on is the route with what was behind one link behind another.
func (r route) on(from, to int) route {
	r.hops = slices.Clone(r.hops)
	for i := range r.hops {
		if r.hops[i].link == from {
			r.hops[i].link = to
		}
	}
	return r
}

// kernel reports a route that came, and goes, with an address or with the link.
func (r route) kernel() bool { return r.proto() == unix.RTPROT_KERNEL }

// byWorker reports an IPv6 route of an address itself. The kernel makes it a little after the address (addrconf_dad_work), and nobody
// else can: a metric of 0 in a request becomes 1024 (ip6_route_add).
func (r route) byWorker() bool {
	return r.family() == unix.AF_INET6 && r.kernel() && r.uint32(unix.RTA_PRIORITY, 0) == 0
}

// left reports a route that every link has, and that stays where it is.
func (r route) left() bool {
	dst, _ := netip.AddrFromSlice(r.get(unix.RTA_DST))
	return r.family() == unix.AF_INET6 && r.kernel() && (dst.IsLinkLocalUnicast() || dst.IsMulticast())
}

// key is the same for routes of which the kernel takes the first that it has.
func (r route) key() string {
	return fmt.Sprintf("%d %x %d %x %x %d", r.family(), r.header[1:4], r.table(), r.get(unix.RTA_DST), r.get(unix.RTA_SRC), r.uint32(unix.RTA_PRIORITY, 0))
}

// ident is the same for routes that are the same, but for how long they last.
func (r route) ident() string { return r.object.ident() + string(appendHops(nil, r.hops)) }

// gateways are the routers it goes by behind a link.
func (r route) gateways(link int) []netip.Addr {
	var list []netip.Addr
	for _, h := range r.hops {
		if h.link != link {
			continue
		}
		for _, a := range h.attrs {
			v := a.value
			switch {
			case a.kind() == unix.RTA_VIA && len(v) > 2: // struct rtvia
				v = v[2:]
			case a.kind() != unix.RTA_GATEWAY:
				continue
			}
			if ip, ok := netip.AddrFromSlice(v); ok {
				list = append(list, ip)
			}
		}
	}
	return list
}

// isDefault reports a route to everywhere.
func (r route) isDefault() bool { return r.header[1] == 0 && r.header[7] == unix.RTN_UNICAST }

// describe is what completes `ip route add`; name names a link.
func (r route) describe(name func(int) string) string {
	var b strings.Builder
	if kind := routeKind(r.header[7]); kind != "" {
		b.WriteString(kind + " ")
	}
	if dst, ok := netip.AddrFromSlice(r.get(unix.RTA_DST)); ok {
		b.WriteString(netip.PrefixFrom(dst, int(r.header[1])).String())
	} else {
		b.WriteString("default")
	}
	for _, h := range r.hops {
		if len(r.hops) > 1 {
			b.WriteString(" nexthop")
		}
		for _, gw := range (route{hops: []hop{h}}).gateways(h.link) {
			b.WriteString(" via " + gw.String())
		}
		if h.link != 0 {
			b.WriteString(" dev " + name(h.link))
		}
	}
	if t := r.table(); t != unix.RT_TABLE_MAIN {
		fmt.Fprintf(&b, " table %s", tableName(t))
	}
	if src, ok := netip.AddrFromSlice(r.get(unix.RTA_PREFSRC)); ok {
		b.WriteString(" src " + src.String())
	}
	if m := r.uint32(unix.RTA_PRIORITY, 0); m != 0 {
		fmt.Fprintf(&b, " metric %d", m)
	}
	return b.String()
}

func tableName(t uint32) string {
	if t == unix.RT_TABLE_LOCAL {
		return "local"
	}
	return fmt.Sprint(t)
}

func routeKind(t byte) string {
	return map[byte]string{
		unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast",
		unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
	}[t]
}
