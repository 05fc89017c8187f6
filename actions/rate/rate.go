package rate

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"vifd/internal/rtnl"
)

// Errors a caller can do something about.
var (
	// ErrGone: there is no link with this ifindex any more.
	ErrGone = errors.New("the vif has gone")
	// ErrRenamed: the link with this ifindex has another name than expected; what is to be done with it must be decided anew.
	ErrRenamed = errors.New("the vif has been renamed")
	// ErrForeign: somebody else has put there what would have to give way.
	ErrForeign = errors.New("is not vifd's, and stays")
	// ErrUnsupported: the kernel lacks a part; its words name the module and the option.
	ErrUnsupported = errors.New("the kernel cannot limit rates")
	// ErrUnmet: the kernel took every request, and yet the rate is not as wanted.
	ErrUnmet = errors.New("not as configured")
)

// Rate is the desired state: this vif carries no more than that.
type Rate struct {
	Ifindex   int
	Interface string // its name, which must still be the link's

	// FromGuest and ToGuest are in bits per second, frames counted from the Ethernet header on, without FCS, as tc(8) does; 0: no limit.
	// Of a TCP stream's bytes that is some 4 % more.
	FromGuest, ToGuest uint64
	// Burst is what may pass at once after a pause, in bytes, each way; 0: derived from the rate, see shape.
	Burst uint64
}

// State is what Undo needs to know of an Apply.
type State struct {
	Ifindex   int    `json:"ifindex"`
	Interface string `json:"interface"`
}

// State is what to write down before Apply.
func (r Rate) State() State { return State{Ifindex: r.Ifindex, Interface: r.Interface} }

// Name is what the ifb device of a vif is called: "ifb-" and the vif's ifindex, at most 14 of the 15 bytes that the kernel allows.
func Name(ifindex int) string { return "ifb-" + strconv.Itoa(ifindex) }

// What tells ours from others'.
const (
	aliasPrefix = "vifd:"      // of an ifb device's ifalias; the vif's name follows
	unfinished  = 0x76696664   // the device group of an ifb device until it has its ifalias ("vifd")
	handle      = 0x7666 << 16 // of a root qdisc: 7666: ("vf"), or
	handle2     = 0x7667 << 16 // of one that has taken that one's place, and the other way round
	pref        = 0x7666       // of an ingress filter
)

// ifbQueue is the txqueuelen of an ifb device, in packets: it stops its TBF when that many wait to go on (ifb_xmit, drivers/net/ifb.c), and
// of the kernel's 32 the burst of a fast rate is many times that.
const ifbQueue = 1000

const (
	leastRate = 1000            // bits per second; a second's tokens of much less do not fit the kernel's counter
	maxTime   = 1 << 32 * 64e-9 // seconds of burst that the counter takes, in units of 64 ns
	header    = 18              // bytes of Ethernet and VLAN
	gso       = 72 << 10        // bytes of the largest packet that is cut up later: 64 KiB and the headers of its segments
	wakeTime  = 1. / 100        // seconds, a tick of the slowest kernel (HZ=100)
	queueTime = 1. / 20         // seconds
)

// shape derives the token bucket filter for a rate in bits per second.
//
//	burst = max(rate × 10 ms, min(rate × 50 ms, 72 KiB), a frame)
//	limit = burst + max(rate × 50 ms, 72 KiB)
//
// 10 ms: a timer may be that late, and tokens beyond the burst are lost. 72 KiB: a guest hands over up to 64 KiB in one piece (GSO), and
// what exceeds the burst the host has to cut up: with a burst of two frames 1 Gbit/s came out as 750 Mbit/s. But at a low
// rate, where cutting costs nothing, such a burst would be much of what passes in a second; 50 ms, xl's own interval, are 2.5 % over 2 s.
func shape(bits, burst uint64, mtu int) (rtnl.TBF, error) {
	if bits < leastRate {
		return rtnl.TBF{}, fmt.Errorf("a rate of %d bit/s is less than the kernel can keep: the least is %d", bits, leastRate)
	}
	rate := float64(bits / 8)
	frame := float64(mtu + header)
	size := float64(burst)
	if burst == 0 {
		size = max(rate*wakeTime, min(rate*queueTime, gso), frame)
	}
	if size < frame {
		return rtnl.TBF{}, fmt.Errorf("a burst of %d bytes lets no frame of %.0f bytes (mtu %d) pass, ever: raise the burst", burst, frame, mtu)
	}
	if size > math.MaxUint32 || size/rate > maxTime {
		return rtnl.TBF{}, fmt.Errorf("a burst of %.0f bytes is more than the kernel can keep at %d bit/s: lower the burst", size, bits)
	}
	limit := min(size+max(rate*queueTime, gso), math.MaxUint32)
	return rtnl.TBF{Rate: bits / 8, Burst: uint32(size), Limit: uint32(limit)}, nil
}
