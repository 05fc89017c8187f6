package lab

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/nft"
	"vifd/internal/sample"
)

// patience is how long a frame that must arrive may take.
const patience = 10 * time.Second

// names are those of a world's links on the host.
type names struct {
	vif, bridge, other, mark string
}

// world is a host with a bridge of three ports: the guest's vif, the other end, and whom markers come from. What is behind the
// ports is in a namespace of its own.
type world struct {
	names
	host, outside *namespace
	conn          *nft.Conn
	table         *firewall.Table

	bridge             *port // what the bridge hands up to the host
	guest, other, mark *port // outside
	serial             int
	program            *firewall.Program // in force, for
	judged             string            // this guest
}

func newWorld(n names) (w *world, err error) {
	w = &world{names: n}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.host, err = newNamespace(); err != nil {
		return w, err
	}
	if w.outside, err = newNamespace(); err != nil {
		return w, err
	}
	if err := w.furnish(); err != nil {
		return w, err
	}
	if err := w.awaitLinks(); err != nil {
		return w, err
	}
	err = w.host.do(func() (err error) {
		w.conn, err = nft.Dial()
		return err
	})
	if err != nil {
		return w, err
	}
	w.table, err = firewall.OpenTable(w.conn)
	return w, err
}

// furnish makes the bridge, with the MAC that vifd gives vifs, and its ports. It learns nothing: every frame goes everywhere, also
// after one with a false sender.
func (w *world) furnish() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = w.names.bridge, sample.HostMAC()
	snooping := false
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := w.host.links.LinkAdd(bridge); err != nil {
		return fmt.Errorf("make the bridge %s: %w", w.names.bridge, err)
	}
	if err := w.host.links.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("set %s up: %w", w.names.bridge, err)
	}
	var err error
	if w.bridge, err = w.host.open(bridge.Index); err != nil {
		return err
	}
	for _, l := range []struct {
		name string
		port **port
	}{{w.vif, &w.guest}, {w.names.other, &w.other}, {w.names.mark, &w.mark}} {
		if *l.port, err = w.plug(l.name, bridge.Index); err != nil {
			return fmt.Errorf("plug in %s: %w", l.name, err)
		}
	}
	return nil
}

// plug makes a port of the bridge, and opens what is behind it.
func (w *world) plug(name string, bridge int) (*port, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MasterIndex = name, bridge
	if name == w.vif {
		attrs.HardwareAddr = sample.HostMAC()
	}
	if err := w.host.links.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: name, PeerNamespace: netlink.NsFd(w.outside.file.Fd())}); err != nil {
		return nil, err
	}
	near, err := w.host.links.LinkByName(name)
	if err != nil {
		return nil, err
	}
	far, err := w.outside.links.LinkByName(name)
	if err != nil {
		return nil, err
	}
	if err := w.host.links.LinkSetLearning(near, false); err != nil {
		return nil, err
	}
	if err := errors.Join(w.host.links.LinkSetUp(near), w.outside.links.LinkSetUp(far)); err != nil {
		return nil, err
	}
	return w.outside.open(far.Attrs().Index)
}

// awaitLinks waits until frames get from everywhere to everywhere: a link that has just been set up loses what is sent.
func (w *world) awaitLinks() error {
	const again = 5 * time.Millisecond
	for _, way := range []struct{ from, to *port }{{w.mark, w.other}, {w.mark, w.guest}, {w.guest, w.other}, {w.other, w.guest}} {
		for begin := time.Now(); ; {
			m := w.marker()
			if err := way.from.send(m); err != nil && time.Since(begin) > patience {
				return err
			}
			ok, err := way.to.await(m, again, nil)
			if err != nil {
				return err
			}
			if ok {
				break
			}
			if time.Since(begin) > patience {
				return fmt.Errorf("no frame gets through the bridge within %s", patience)
			}
		}
	}
	return nil
}

// marker is a frame that no other is like.
func (w *world) marker() []byte {
	w.serial++
	const experimental = 0x88b5 // local experimental EtherType (IEEE 802)
	return frame.Build(frame.Ethernet{Dst: frame.Broadcast(), Src: []byte{0x02, 0x76, 0x69, 0x66, 0x64, 1}, Type: experimental},
		frame.Raw(fmt.Sprintf("vifd marker %08d", w.serial)), frame.Raw(make([]byte, 32)))
}

// await reads frames until one is want, and hands the others to seen; false where want does not come within limit.
func (p *port) await(want []byte, limit time.Duration, seen func([]byte)) (bool, error) {
	for deadline := time.Now().Add(limit); ; {
		f, err := p.next(time.Until(deadline))
		switch {
		case err != nil || f == nil:
			return false, err
		case bytes.Equal(f, want):
			return true, nil
		case seen != nil:
			seen(f)
		}
	}
}

// drain reads what is there.
func (p *port) drain(seen func([]byte)) error {
	for {
		f, err := p.next(0)
		if err != nil || f == nil {
			return err
		}
		seen(f)
	}
}

func (w *world) close() {
	for _, p := range []*port{w.bridge, w.guest, w.other, w.mark} {
		if p != nil {
			p.close()
		}
	}
	if w.conn != nil {
		_ = w.conn.Close()
	}
	for _, n := range []*namespace{w.host, w.outside} {
		if n != nil {
			n.close()
		}
	}
}
