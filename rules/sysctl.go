package rules

import (
	"math"
	"path"
	"strings"
)

// allowedSysctl is a setting that a rule may make, and its values.
type allowedSysctl struct {
	name   string // behind the family
	lo, hi int64
}

// The settings of one interface that a rule may make: Documentation/networking/ip-sysctl.rst of the kernel. Left out are those that
// take text (stable_secret), that cannot be written (mc_forwarding), that go by other settings' units (base_reachable_time), and
// those in setBy.
var (
	sysctls4 = [...]allowedSysctl{
		{"accept_local", 0, 1},
		{"accept_redirects", 0, 1},
		{"accept_source_route", 0, 1},
		{"arp_accept", 0, 2},
		{"arp_announce", 0, 2},
		{"arp_evict_nocarrier", 0, 1},
		{"arp_filter", 0, 1},
		{"arp_ignore", 0, 8},
		{"arp_notify", 0, 1},
		{"bc_forwarding", 0, 1},
		{"disable_policy", 0, 1},
		{"disable_xfrm", 0, 1},
		{"drop_gratuitous_arp", 0, 1},
		{"drop_unicast_in_l2_multicast", 0, 1},
		{"force_igmp_version", 0, 3},
		{"ignore_routes_with_linkdown", 0, 1},
		{"log_martians", 0, 1},
		{"medium_id", -1, math.MaxInt32},
		{"promote_secondaries", 0, 1},
		{"proxy_arp_pvlan", 0, 1},
		{"route_localnet", 0, 1},
		{"rp_filter", 0, 2},
		{"secure_redirects", 0, 1},
		{"send_redirects", 0, 1},
		{"shared_media", 0, 1},
		{"src_valid_mark", 0, 1},
	}
	sysctls6 = [...]allowedSysctl{
		{"accept_dad", 0, 2},
		{"accept_ra", 0, 2},
		{"accept_ra_defrtr", 0, 1},
		{"accept_ra_from_local", 0, 1},
		{"accept_ra_min_hop_limit", 0, 255},
		{"accept_ra_min_lft", 0, math.MaxInt32},
		{"accept_ra_mtu", 0, 1},
		{"accept_ra_pinfo", 0, 1},
		{"accept_ra_rt_info_max_plen", 0, 128},
		{"accept_ra_rt_info_min_plen", 0, 128},
		{"accept_ra_rtr_pref", 0, 1},
		{"accept_redirects", 0, 1},
		{"accept_source_route", -1, 1},
		{"accept_untracked_na", 0, 2},
		{"addr_gen_mode", 0, 3},
		{"autoconf", 0, 1},
		{"dad_transmits", 0, 255},
		{"disable_ipv6", 0, 1},
		{"disable_policy", 0, 1},
		{"drop_unicast_in_l2_multicast", 0, 1},
		{"drop_unsolicited_na", 0, 1},
		{"enhanced_dad", 0, 1},
		{"force_mld_version", 0, 2},
		{"force_tllao", 0, 1},
		{"hop_limit", 1, 255},
		{"ignore_routes_with_linkdown", 0, 1},
		{"keep_addr_on_down", -1, 1},
		{"max_addresses", 0, math.MaxInt32},
		{"mtu", minMTU6, maxMTU},
		{"ndisc_evict_nocarrier", 0, 1},
		{"ndisc_notify", 0, 1},
		{"ndisc_tclass", 0, 255},
		{"optimistic_dad", 0, 1},
		{"router_solicitation_delay", 0, 3600},
		{"router_solicitation_interval", 0, 3600},
		{"router_solicitation_max_interval", 0, 3600},
		{"router_solicitations", -1, math.MaxInt32},
		{"rpl_seg_enabled", 0, 1},
		{"seg6_enabled", 0, 1},
		{"seg6_require_hmac", -1, 1},
		{"suppress_frag_ndisc", 0, 1},
		{"temp_prefered_lft", 0, math.MaxInt32},
		{"temp_valid_lft", 0, math.MaxInt32},
		{"use_oif_addrs_only", 0, 1},
		{"use_optimistic", 0, 1},
		{"use_tempaddr", -1, 2},
	}
	sysctlsNeigh = [...]allowedSysctl{
		{"anycast_delay", 0, math.MaxInt32},
		{"app_solicit", 0, 255},
		{"base_reachable_time_ms", 1, math.MaxInt32},
		{"delay_first_probe_time", 0, 3600},
		{"gc_stale_time", 0, math.MaxInt32},
		{"locktime", 0, math.MaxInt32},
		{"mcast_resolicit", 0, 255},
		{"mcast_solicit", 0, 255},
		{"proxy_delay", 0, math.MaxInt32},
		{"proxy_qlen", 0, math.MaxInt32},
		{"retrans_time_ms", 1, math.MaxInt32},
		{"ucast_solicit", 0, 255},
		{"unres_qlen", 0, math.MaxInt32},
		{"unres_qlen_bytes", 0, math.MaxInt32},
	}
)

// neighPrefix tells settings of neighbour discovery and ARP from those of the interface.
const neighPrefix = "neigh."

// sysctlsOf returns the settings of a key's kind, and the key's last part.
func sysctlsOf(key string) (list []allowedSysctl, name string) {
	family, name, _ := strings.Cut(key, ".")
	if family != "ipv4" && family != "ipv6" {
		return nil, name
	}
	if rest, ok := strings.CutPrefix(name, neighPrefix); ok {
		return sysctlsNeigh[:], rest
	}
	if family == "ipv4" {
		return sysctls4[:], name
	}
	return sysctls6[:], name
}

func lookupSysctl(key string) (allowedSysctl, bool) {
	list, name := sysctlsOf(key)
	for i := range list {
		if list[i].name == name {
			return list[i], true
		}
	}
	return allowedSysctl{}, false
}

func sysctlNames() []string {
	var names []string
	for _, prefix := range []string{"ipv4.", "ipv6.", "ipv4." + neighPrefix, "ipv6." + neighPrefix} {
		list, _ := sysctlsOf(prefix)
		for i := range list {
			names = append(names, prefix+list[i].name)
		}
	}
	return names
}

// setBy says what sets a setting that a rule may not; empty where nothing does.
func setBy(key string) string {
	switch key {
	case "ipv4.forwarding", "ipv6.forwarding", "ipv6.force_forwarding":
		return "route and nat set it on what they use"
	case "ipv4.proxy_arp", "ipv6.proxy_ndp":
		return "route sets it, unless told proxy: false"
	}
	return ""
}

// File is the setting's file for an interface, below /proc/sys. Its parts are not joined by dots: a vif's name has one.
func (s Sysctl) File(iface string) string {
	family, name, _ := strings.Cut(s.Name, ".")
	table := "conf"
	if rest, ok := strings.CutPrefix(name, neighPrefix); ok {
		table, name = "neigh", rest
	}
	return path.Join("net", family, table, iface, name)
}
