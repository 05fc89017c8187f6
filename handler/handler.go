package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vifd/actions/bridge"
	"vifd/actions/link"
	"vifd/actions/route"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
)

// Config is what a Handler works with.
type Config struct {
	Dial     func() (Links, error) // opens a connection for one worker
	Firewall Firewall
	NAT      NAT
	Sysctls  route.Sysctls
	Offloads link.Offloads // nil: the kernel cannot be asked
	Hooks    Hooks
	Records  Records
	Leases   Leases                // nil: of no process that works for one event alone
	Router   Router                // likewise
	Flows    func() (Flows, error) // opens connection tracking; nil: nothing is tracked
	Xenstore Xenstore              // nil: the host does not run under Xen
	Sysfs    string                // where sysfs is mounted: "/sys"
	Log      *slog.Logger
	Workers  int // vifs worked on at once; 0: DefaultWorkers
}

// ReadTables asks the kernel what the tables hold. It is called when nobody else works on what is to be changed, behind the lock or with
// the socket in hand, and before anything is: whoever had that before may have guarded the very same vif.
func (cfg *Config) ReadTables() error {
	return errors.Join(cfg.NAT.Reread(), cfg.Firewall.Reread())
}

// DefaultWorkers is more than there are processors: a worker mostly waits for the kernel, and guards that are asked for
// while a transaction is under way share the next one.
const DefaultWorkers = 16

// Handler brings vifs to what the rules want. Its methods may be called from any goroutine, but for Run, which is called
// once.
type Handler struct {
	cfg   Config
	queue *queue
	host  *shared

	yield     func() // gives up what this process keeps from others, before what takes long; nil: nothing
	tightener tightener
	xenstored patience
	underXen  atomic.Bool // there was a xenstore once
	conns     chan Links  // one a worker, and one for Resync

	// turn keeps rounds (readers) out while the rules change (writer): what is decided by one load must not be put in force
	// after another has been.
	turn  sync.RWMutex
	rules *Ruleset

	mu      sync.Mutex
	known   map[int]*known  // by ifindex
	fallen  map[string]bool // uplinks that are down
	lacking map[int]string  // ifindexes of vifs whose plan failed, and the bridge or uplink that each wants
	asked   xenKeys         // of the rules in force
}

// known is what the handler remembers of a vif: the record of it, and what the last round left.
type known struct {
	record  journal.Record
	own     own
	stored  bool // the record is in the journal
	event   *vif.Event
	plan    Plan
	bridge  int         // ifindex of the bridge joined; 0: none
	retries int         // rounds that failed in a row
	retry   *time.Timer // of the next one
	until   time.Time   // when that is
	host    bool        // none of vifd's business

	// What an installation guards it by, or what it was called before a round gave it another name, where its record says otherwise: until what the
	// firewall has under that has been taken back.
	formerly string
}

// New makes a handler of what the journal remembers. It changes nothing.
func New(cfg Config, rs *Ruleset) (*Handler, error) {
	if cfg.Workers == 0 {
		cfg.Workers = DefaultWorkers
	}
	h := &Handler{cfg: cfg, queue: newQueue(), rules: rs, asked: rs.asked, known: make(map[int]*known), lacking: make(map[int]string), fallen: make(map[string]bool), conns: make(chan Links, cfg.Workers+1)}
	for range cap(h.conns) {
		conn, err := cfg.Dial()
		if err != nil {
			return nil, fmt.Errorf("handler: connect to rtnetlink: %w", err)
		}
		h.conns <- conn
	}
	h.host = newShared()
	records, err := cfg.Records.List()
	if err != nil && records == nil {
		return nil, fmt.Errorf("handler: read records: %w", err)
	}
	if err != nil {
		// A damaged record costs at most what it was to undo; the vif itself is decided upon as any other.
		cfg.Log.Warn("damaged records", "err", err)
	}
	var routed []route.State
	for _, r := range records {
		k := &known{record: r, stored: true, bridge: r.Link.BridgeIfindex}
		if k.own, err = ownOf(&r); err != nil {
			cfg.Log.Warn("damaged records", "err", err)
		}
		h.seat(&r, k.own.Place)
		if k.own.Route != nil {
			routed = append(routed, *k.own.Route)
		}
		h.known[r.Ifindex] = k
	}
	if err := h.host.open(cfg.Records, routed); err != nil {
		cfg.Log.Warn("damaged records", "err", err)
	}
	return h, nil
}

// seat has an interface that an earlier process gave its addresses keep them, unless it has gone meanwhile.
func (h *Handler) seat(r *journal.Record, p *place) {
	if p == nil {
		return
	}
	conn := <-h.conns
	defer func() { h.conns <- conn }()
	if _, err := conn.LinkByIndex(r.Ifindex); errors.Is(err, rtnl.ErrNotFound) {
		return
	}
	// Of two that have an address, the one that comes last will be refused it.
	_ = h.host.places.take(r.Ifindex, holder{r.Interface, p.Seat}, p.Prefixes)
}

// Run works until ctx ends, and leaves every vif as it is. It is called once.
func (h *Handler) Run(ctx context.Context) error {
	// A round that has begun is finished: half-way, a guest would be left as nobody wants it.
	rounds := context.WithoutCancel(ctx)
	stop := context.AfterFunc(ctx, h.queue.close)
	defer stop()
	var workers errgroup.Group
	for range h.cfg.Workers {
		workers.Go(func() error {
			conn := <-h.conns
			defer func() { h.conns <- conn }()
			for {
				r, ok := h.queue.pop()
				if !ok {
					return nil
				}
				h.queue.done(r, h.round(rounds, conn, r))
			}
		})
	}
	err := workers.Wait()
	h.queue.end()
	return errors.Join(err, context.Cause(ctx))
}

// Event takes a uevent. It is part of uevent.Sink.
func (h *Handler) Event(ev vif.Event) {
	switch {
	case ev.Subsystem == "net" && ev.Ifindex > 0:
		h.queue.push(ev.Ifindex, remembered(&ev), nil)
	case ev.Subsystem == subsystemXen:
		h.backend(&ev)
	}
}

// remembered returns ev where rules may match on it later: the end of a device says nothing of the next one.
func remembered(ev *vif.Event) *vif.Event {
	if ev.Action == vif.Remove || ev.Action == vif.Offline || ev.Action == vif.Unbind {
		return nil
	}
	return ev
}

// Do takes an event and waits until its vif is in order.
func (h *Handler) Do(ctx context.Context, ev vif.Event) (ctl.Outcome, error) {
	if n, ok := newsOf(&ev); ok {
		return h.hotplug(ctx, &n)
	}
	if ev.Subsystem != "net" || ev.Ifindex <= 0 {
		return ctl.Outcome{Interface: ev.Interface}, nil
	}
	done := make(chan ctl.Outcome, 1)
	h.queue.push(ev.Ifindex, remembered(&ev), done)
	outs, err := h.queue.await(ctx, 1, done)
	if err != nil {
		return ctl.Outcome{}, fmt.Errorf("wait for %s (ifindex %d): %w", ev.Interface, ev.Ifindex, err)
	}
	return outs[0], nil
}

// Link takes what rtnetlink says of a link: part of rtnl.Sink. It asks for a round where the link is not as it was left.
func (h *Handler) Link(l rtnl.Link, gone bool) {
	h.mu.Lock()
	k := h.known[l.Index]
	news := k == nil && !gone || k != nil && (gone || !k.asLeft(&l))
	waiting := h.raised(&l, gone)
	if !gone {
		for ifindex, wanted := range h.lacking {
			if wanted == l.Name {
				waiting = append(waiting, ifindex)
			}
		}
	}
	h.mu.Unlock()
	if news {
		h.queue.push(l.Index, nil, nil)
	}
	for _, ifindex := range waiting {
		h.queue.push(ifindex, nil, nil)
	}
}

// raised notes uplinks that are down, and returns the vifs that are routed by way of one that has come up again: with a link that goes down
// the kernel forgets what the host answers for there. It is called with h.mu held.
func (h *Handler) raised(l *rtnl.Link, gone bool) (vifs []int) {
	if gone || !l.Up() {
		if h.host.uplinks.has(l.Name) {
			h.fallen[l.Name] = true
		}
		return nil
	}
	if !h.fallen[l.Name] {
		return nil
	}
	delete(h.fallen, l.Name)
	for ifindex, k := range h.known {
		if r := k.plan.Route; r != nil && r.Uplink.Name == l.Name {
			vifs = append(vifs, ifindex)
		}
	}
	return vifs
}

// hostMAC is the address of the host's end of a vif.
func hostMAC(planned net.HardwareAddr) net.HardwareAddr {
	if planned == nil {
		return bridge.HostMAC()
	}
	return planned
}

// asLeft reports whether the link is as the last round left it, as far as vifd cares; its own doings come back this way.
func (k *known) asLeft(l *rtnl.Link) bool {
	if l.Name != k.record.Interface {
		return false
	}
	switch p := k.plan.Port; {
	case k.plan.State == "": // not looked at yet
		return false
	case k.plan.Route != nil && k.plan.State == StateConfigured:
		return l.Up() && l.Master == 0 && bytes.Equal(l.MAC, hostMAC(k.plan.Route.MAC)) && (k.plan.Route.MTU == 0 || l.MTU == k.plan.Route.MTU)
	case p != nil && k.plan.State == StateConfigured:
		return l.Up() && l.Master == k.bridge && bytes.Equal(l.MAC, hostMAC(p.MAC)) && l.Port != nil && p.Flags.Missing(*l.Port) == (rtnl.PortFlags{}) && (p.MTU == 0 || l.MTU == p.MTU)
	case k.plan.shut():
		return !l.Up()
	}
	return true
}
