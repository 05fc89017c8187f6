package rate

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// Kernel is what Probe has found.
type Kernel struct {
	classifier         rtnl.Classifier // to match everything with
	toGuest, fromGuest error           // why not
}

// Supports returns ErrUnsupported where the kernel lacks what a rate needs, with the names of the modules and of the options.
func (k Kernel) Supports(want Rate) error {
	var errs []error
	if want.ToGuest != 0 || want.FromGuest != 0 {
		errs = append(errs, k.toGuest)
	}
	if want.FromGuest != 0 {
		errs = append(errs, k.fromGuest)
	}
	return errors.Join(errs...)
}

// Usual is a kernel that has everything, as distributions build it: to tell what would be done where no kernel is asked.
func Usual() Kernel { return Kernel{classifier: rtnl.MatchAll} }

// part is something that a kernel may be built without.
type part struct{ module, option string }

var (
	partTBF     = part{"sch_tbf", "CONFIG_NET_SCH_TBF"}
	partIFB     = part{"ifb", "CONFIG_IFB"}
	partIngress = part{"sch_ingress", "CONFIG_NET_SCH_INGRESS"}
	partMatch   = part{"cls_matchall or cls_u32", "CONFIG_NET_CLS_MATCHALL or CONFIG_NET_CLS_U32"}
	partMirred  = part{"act_mirred", "CONFIG_NET_ACT_MIRRED"}
)

func (p part) missing(way string) error {
	return fmt.Errorf("%w %s: module %s is missing (%s)", ErrUnsupported, way, p.module, p.option)
}

// Words of part.missing.
const (
	eitherWay = "either way"
	fromGuest = "from guests"
)

// Probe finds out what the kernel has. It makes an ifb device of its own, tries on that, and deletes it. It asks the kernel, which
// may load modules for it; so it is for once, when rules that limit rates are loaded. Its error is that it could not find out.
func Probe(conn Conn) (Kernel, error) {
	k, err := probe(conn)
	if err != nil {
		return Kernel{}, fmt.Errorf("find out whether the kernel can limit rates: %w", err)
	}
	return k, nil
}

func probe(conn Conn) (k Kernel, err error) {
	has, err := conn.HasTBF()
	if err != nil {
		return Kernel{}, err
	}
	if !has {
		k.toGuest = partTBF.missing(eitherWay)
	}
	name := fmt.Sprintf("ifb-p%d", os.Getpid())
	if err := makeProbe(conn, name); errors.Is(err, rtnl.ErrUnsupported) {
		k.fromGuest = partIFB.missing(fromGuest)
		return k, nil
	} else if err != nil {
		return Kernel{}, err
	}
	link, err := conn.LinkByName(name)
	if err != nil {
		return Kernel{}, err
	}
	defer func() { err = errors.Join(err, conn.DeleteLink(link.Index)) }()
	k.classifier, k.fromGuest, err = probeIngress(conn, link.Index)
	return k, err
}

// makeProbe makes the device, in the place of one that a killed process of the same number has left.
func makeProbe(conn Conn, name string) error {
	err := conn.CreateIFB(name, unfinished, ifbQueue)
	if !errors.Is(err, rtnl.ErrExists) {
		return err
	}
	left, lookup := conn.LinkByName(name)
	if lookup != nil || left.Kind != rtnl.KindIFB || left.Group != unfinished {
		return errors.Join(err, lookup)
	}
	if err := conn.DeleteLink(left.Index); err != nil {
		return err
	}
	return conn.CreateIFB(name, unfinished, ifbQueue)
}

// probeIngress tries, on a device, an ingress qdisc and in it each classifier, first by itself: the kernel says ENOENT of what it lacks, be it
// the classifier or the action.
func probeIngress(conn Conn, index int) (by rtnl.Classifier, missing, err error) {
	if err := conn.AddIngress(index); errors.Is(err, unix.ENOENT) {
		return "", partIngress.missing(fromGuest), nil
	} else if err != nil {
		return "", nil, err
	}
	for i, by := range []rtnl.Classifier{rtnl.MatchAll, rtnl.U32} {
		first := uint16(2*i + 1)
		err := conn.Redirect(index, first, by, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err == nil {
			err = conn.Redirect(index, first+1, by, index)
		}
		if errors.Is(err, unix.ENOENT) {
			return "", partMirred.missing(fromGuest), nil
		}
		return by, nil, err
	}
	return "", partMatch.missing(fromGuest), nil
}
