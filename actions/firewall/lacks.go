package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vifd/internal/nft"
)

// features are parts of the kernel that can be missing, by the words of the statements that need them. The bridge family's
// are modules and options of their own.
var features = []struct {
	word   string // in the statement, as nft writes it
	family Family
	module string
	option string
}{
	{"ct ", Bridge, "nf_conntrack_bridge", "CONFIG_NF_CONNTRACK_BRIDGE"},
	{"reject", Bridge, "nft_reject_bridge", "CONFIG_NFT_BRIDGE_REJECT"},
	{"ibrname", Bridge, "nft_meta_bridge", "CONFIG_NFT_BRIDGE_META"},
	{"obrname", Bridge, "nft_meta_bridge", "CONFIG_NFT_BRIDGE_META"},
	{"fib ", Bridge, "nft_fib", "CONFIG_NFT_FIB"},
	{"ct count", Inet, "nft_connlimit", "CONFIG_NFT_CONNLIMIT"},
	{"ct ", Inet, "nft_ct", "CONFIG_NFT_CT"},
	{"reject", Inet, "nft_reject_inet", "CONFIG_NFT_REJECT_INET"},
	{"fib ", Inet, "nft_fib_inet", "CONFIG_NFT_FIB_INET"},
	{"limit ", Bridge, "nft_limit", "CONFIG_NFT_LIMIT"},
	{"limit ", Inet, "nft_limit", "CONFIG_NFT_LIMIT"},
	{"log", Bridge, "nft_log", "CONFIG_NFT_LOG"},
	{"log", Inet, "nft_log", "CONFIG_NFT_LOG"},
}

// Lack says that the kernel has no part that a statement needs.
type Lack struct {
	What   string // the statement, as in nft.Error
	Family Family
	Module string
	Option string
	Err    error
}

func (e *Lack) Error() string {
	reason := e.Err
	var refusal *nft.Error
	if errors.As(e.Err, &refusal) {
		reason = refusal.Errno // what it is about has been said
	}
	return fmt.Sprintf("%s: the kernel lacks the module %s (%s), which this needs in the family %s: %v", e.What, e.Module, e.Option, e.Family, reason)
}

// Unwrap gives the kernel's refusal.
func (e *Lack) Unwrap() error { return e.Err }

// refusals are several parts of one transaction that the kernel did not take. One reason mostly makes many, which have no place in a
// line of a log: the first one speaks for them.
type refusals []error

func (r refusals) Error() string { return fmt.Sprintf("%v (and %d more refusals)", r[0], len(r)-1) }

// Unwrap gives all of them.
func (r refusals) Unwrap() []error { return r }

// explain says of each refusal what the kernel lacks, where that is the reason.
func explain(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var all refusals
		for _, e := range joined.Unwrap() {
			if follows(e, all) {
				all = append(all, e)
			} else {
				all = append(all, explain(e))
			}
		}
		return all
	}
	var refusal *nft.Error
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Errno {
	case unix.EOPNOTSUPP, unix.ENOENT, unix.EPROTO, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.ENOPROTOOPT:
	default:
		return err
	}
	for _, f := range features {
		if refusal.Family == familyNumbers[f.family] && strings.Contains(refusal.Rule, f.word) {
			return &Lack{What: refusal.What, Family: f.family, Module: f.module, Option: f.option, Err: refusal}
		}
	}
	return err
}

// follows reports whether a refusal follows from one before it in its transaction: the kernel finds no set that it has just refused to
// make, and says so in the same word as of a module that it does not have.
func follows(err error, before []error) bool {
	var rule *nft.Error
	if !errors.As(err, &rule) || rule.Errno != unix.ENOENT {
		return false
	}
	return slices.ContainsFunc(before, func(e error) bool {
		var set *nft.Error
		if !errors.As(e, &set) {
			return false
		}
		name, isSet := strings.CutPrefix(set.What, "add set ")
		return isSet && strings.Contains(rule.Rule, "@"+name+" ")
	})
}
