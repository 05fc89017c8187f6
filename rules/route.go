package rules

import (
	"fmt"
	"math"

	"gopkg.in/yaml.v3"
)

// Tables of routes (linux/rtnetlink.h, RT_TABLE_*).
const (
	tableMain  = 254
	tableLocal = 255
)

// maxMetric keeps a metric positive for those who take it for a signed number.
const maxMetric = 1 << 31

// route reads the action `route`: a network's name, or a mapping.
func (d *decoder) route(n *yaml.Node) RouteAction {
	r := RouteAction{Proxy: true, Table: tableMain}
	if n.Kind != yaml.MappingNode {
		r.Network = d.networkName(n, Route)
		return r
	}
	at := map[string]*yaml.Node{}
	s := schema{what: "route", known: []string{"network", "uplink", "address", "proxy", "metric", "table", "neighbor"}}
	d.fields(n, s, func(key string, k, v *yaml.Node) {
		at[key] = k
		switch key {
		case "network":
			r.Network = d.networkName(v, Route)
		case "uplink":
			r.Uplink, _ = d.expandable(v, key, checkInterface)
		case "address":
			r.Address = d.hostAddrs(v, key)
		case "proxy":
			r.Proxy, _ = d.boolean(v, key)
		case "metric":
			metric, _ := d.number(v, key, 1, maxMetric)
			r.Metric = uint32(metric)
		case "table":
			r.Table = d.table(v)
		case "neighbor":
			r.Neighbor, _ = d.boolean(v, key)
		}
	})
	d.networkOrUplink(n, "route", at)
	return r
}

// networkOrUplink checks that an action names a network or an uplink of its own, and not both.
func (d *decoder) networkOrUplink(n *yaml.Node, what string, at map[string]*yaml.Node) {
	network, uplink := at["network"], at["uplink"]
	switch {
	case network != nil && uplink != nil:
		d.rep.add(Problem{
			Pos: d.src.node(uplink), Code: codeConflict, Msg: fmt.Sprintf("%s has a network or an uplink of its own, and this one has both", what),
			Hint: "remove one of the two: a network has its own uplink", Related: &Related{Pos: d.src.node(network), Msg: "the network is here"},
		})
	case network == nil && uplink == nil && !hasKey(n, "network") && !hasKey(n, "uplink"):
		d.problem(d.src.node(n), codeMissingKey, fmt.Sprintf(`%s needs the key "network" or "uplink"`, what), "a network of kind "+what+", or an interface of the host's")
	}
}

// table reads a routing table: its number, or main. Other names are a host's own (rt_tables).
func (d *decoder) table(n *yaml.Node) uint32 {
	n, ok := d.settled(n, "table")
	if !ok || n.Value == "main" && !d.src.handled[n] {
		return tableMain
	}
	table, ok := d.number(n, "table", 1, math.MaxUint32)
	if ok && table == tableLocal {
		d.problem(d.src.node(n), codeChoice, fmt.Sprintf("table %d is the kernel's, for the host's own addresses", tableLocal), "main is 254")
		ok = false
	}
	if !ok {
		return tableMain
	}
	return uint32(table)
}
